"""F9: many clients read 1 kB/s while everybody talks: the server's memory is bounded, the fast ones are not slowed."""
import asyncio

from faults.client import Client
from faults.server import account_name

NAME = "slow readers (1 kB/s)"
SHORT, LONG = 1, 5
SLOW_SHORT, SLOW_LONG = 20, 40
SECONDS_SHORT, SECONDS_LONG = 6, 60
PACE = 1000
MEMORY_BAR_MIB = 64
LATENCY_BAR_MS = 250
FAST = 12


async def play(round):
    round.make_server()
    await round.begin(accounts=FAST, rate=200)
    load, slow = round.load, _slow_clients(round)
    for client in slow:
        client.come()
    await _until_ready(round, slow)
    load.accounts += [client.account for client in slow]  # from now on they are talked to
    base = round.server.memory()
    flood = asyncio.create_task(_flood(load, slow))
    peak = await _watch_memory(round, round.scaled(SECONDS_SHORT, SECONDS_LONG))
    flood.cancel()
    _judge(round, (peak - base) / 2 ** 20, {client.account for client in slow})
    load.clients += slow
    for client in slow:
        client.hurry()
        client.cut()  # what waits in the kernel would still come slowly
    await round.finish()


def _slow_clients(round):
    return [Client(round.place, round.ledger, account_name(FAST + number), "slow", pace=PACE, mark=round.mark)
            for number in range(round.scaled(SLOW_SHORT, SLOW_LONG))]


async def _until_ready(round, clients):
    for _ in range(3000):
        if all(client.ready for client in clients):
            return
        await asyncio.sleep(0.01)
    round.problem("slow clients did not log in within 30 s")


async def _flood(load, slow):
    """More than they can take."""
    while True:
        for client in load.steady:
            if client.backlog < 200:
                client.say(load.random.choice(slow).account)
        await asyncio.sleep(0.02)


async def _watch_memory(round, seconds):
    peak = 0
    for _ in range(int(seconds / 0.1)):
        peak = max(peak, round.server.memory())
        await asyncio.sleep(0.1)
    return peak


def _judge(round, grown_mib, slow):
    late = sorted((handed.at - round.ledger.sent[handed.key].at) * 1000
                  for client, all_ in round.ledger.handed.items() if client.split("/")[0] not in slow
                  for handed in all_ if not handed.delayed)
    p99 = late[int(len(late) * 0.99)] if late else 0
    round.result.note = (f"{len(slow)} slow, memory +{grown_mib:.1f} MiB, p99 of the fast {p99:.0f} ms "
                         f"({len(late)} messages)")
    if grown_mib > MEMORY_BAR_MIB:
        round.problem(f"memory grew by {grown_mib:.1f} MiB")
    if p99 > LATENCY_BAR_MS:
        round.problem(f"p99 of fast clients: {p99:.0f} ms")
