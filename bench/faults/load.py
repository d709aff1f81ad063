"""Who talks in a round: accounts, some with two clients; some stay, some go and come back, some lose connections."""
import asyncio
import random
import time

from faults.client import Client
from faults.server import account_name

ACCOUNTS_SHORT, ACCOUNTS_LONG = 12, 100
WINDOW = 60           # messages a client has under way
SETTLE_SECONDS = 20   # until everything is accepted or refused ...
HAND_SECONDS = 6      # ... and then in the hands of its recipients
EXTRA_SECONDS = 0.1   # for what comes once too often


class Load:
    def __init__(self, place, ledger, seed, accounts, rate=400, patience=3.0, mark=lambda event: None,
                 settle_seconds=SETTLE_SECONDS):
        """`rate`: messages per second of all together."""
        self.settle_seconds = settle_seconds
        self.ledger, self.accounts, self.rate = ledger, [account_name(i) for i in range(accounts)], rate
        self.random = random.Random(f"load {seed}")
        self.clients = [Client(place, ledger, account, resource, patience, mark=mark)
                        for i, account in enumerate(self.accounts)
                        for resource in (("phone", "desk") if i % 3 == 0 else ("phone",))]
        self._tasks = []

    @property
    def steady(self):
        """Those that stay online."""
        return [client for number, client in enumerate(self.clients) if number % 5 < 3]

    # --- begin and end

    async def everybody_in(self):
        for client in self.clients:
            client.come()
        if not await self._until(lambda: all(client.ready for client in self.clients), self.settle_seconds):
            absent = [client.name for client in self.clients if not client.ready]
            raise TimeoutError(f"not logged in after {self.settle_seconds} s: {absent}")

    def begin(self):
        self._tasks = [asyncio.create_task(self._talk(client)) for client in self.clients]
        for number, client in enumerate(self.clients):
            if number % 5 == 3:
                self._tasks.append(asyncio.create_task(self._go_and_come(client)))
            if number % 5 == 4:
                self._tasks.append(asyncio.create_task(self._lose_connections(client)))

    async def end(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def settle(self):
        """Everybody is back, all is quiet: as far as it gets within the times above."""
        await self.end()
        await self.everybody_in()
        await self._until(lambda: not any(client.backlog for client in self.clients), self.settle_seconds)
        await self._until(lambda: not self.ledger.not_handed(), HAND_SECONDS)
        await asyncio.sleep(EXTRA_SECONDS)

    async def read_archives(self, start):
        readers = {client.account: client for client in self.clients}
        pages = await asyncio.gather(*(client.read_archive(start) for client in readers.values()))
        return dict(zip(readers, pages))

    async def gone(self):
        await asyncio.gather(*(client.drop() for client in self.clients))

    async def _until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.01)
        return True

    # --- what they do

    async def _talk(self, client):
        pause = len(self.clients) / self.rate
        while True:
            await asyncio.sleep(self.random.expovariate(1 / pause))
            if client.backlog < WINDOW:
                client.say(self._somebody_but(client.account))

    def _somebody_but(self, account):
        other = self.random.choice(self.accounts)
        return other if other != account else self._somebody_but(account)

    async def _go_and_come(self, client):
        while True:
            await asyncio.sleep(self.random.uniform(0.05, 0.3))
            await client.leave()
            await asyncio.sleep(self.random.uniform(0.05, 0.3))
            client.come()

    async def _lose_connections(self, client):
        while True:
            await asyncio.sleep(self.random.uniform(0.03, 0.3))
            client.cut()
