"""F7: the network is cut: the link between clients and server goes down and comes back. As root with network namespaces
and a pair of virtual cards; else the proxy keeps all that comes, which is what a network without a link looks like."""
import asyncio
import os
import shutil
import subprocess

from faults.proxy import Proxy
from faults.round import Place

NAME = "network cut (link down), sessions resumed"
SHORT, LONG = 4, 30
CUT_SHORT, CUT_LONG = (1.0, 2.5), (1.0, 30.0)
PATIENCE = 0.7
SERVER_ADDRESS, CLIENT_ADDRESS = "10.213.{}.2", "10.213.{}.1"


async def play(round):
    link = (Link if Link.works() else DarkProxy)(round)
    try:
        await link.open()
        await round.begin(link.place, rate=300, patience=PATIENCE)
        await round.pause(0.2, 0.4)
        seconds = round.random.uniform(*round.scaled(CUT_SHORT, CUT_LONG))
        sessions = {client.name: client.session for client in round.load.steady}
        await link.cut()
        await asyncio.sleep(seconds)
        await link.mend()
        await _wait_for_all(round)
        _check_resumed(round, sessions)
        round.result.note = f"{link.kind}, {seconds:.1f} s"
        await round.pause(0.2, 0.4)
        await round.finish()
    finally:
        await link.close()


async def _wait_for_all(round):
    for _ in range(1000):
        if all(client.ready for client in round.load.steady):
            return
        await asyncio.sleep(0.01)
    round.problem("not everybody came back within 10 s")


def _check_resumed(round, sessions):
    anew = [client.name for client in round.load.steady if client.session != sessions[client.name]]
    if anew:
        round.problem(f"not resumed: {anew}")


class Link:
    """A server in a network namespace of its own."""
    kind = "link down"

    def __init__(self, round):
        self.round = round
        number = round.number % 250
        # Each round has names of its own: the kernel takes its time to give up those of a space that is gone.
        self.space, self.ours, self.theirs = (f"rk{os.getpid()}.{number}{end}" for end in ("", "a", "b"))
        self.server_address, self.client_address = (one.format(number) for one in (SERVER_ADDRESS, CLIENT_ADDRESS))

    @staticmethod
    def works():
        if os.geteuid() != 0 or not shutil.which("ip"):
            return False
        name = f"rk{os.getpid()}t"
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
        if made:
            _ip("netns", "delete", name)
        return made

    async def open(self):
        _ip("netns", "add", self.space)
        _ip("link", "add", self.ours, "type", "veth", "peer", "name", self.theirs, "netns", self.space)
        _ip("address", "add", self.client_address + "/24", "dev", self.ours)
        _ip("link", "set", self.ours, "up")
        _ip("-n", self.space, "address", "add", self.server_address + "/24", "dev", self.theirs)
        _ip("-n", self.space, "link", "set", self.theirs, "up")
        server = self.round.make_server(ip=self.server_address, prefix=("ip", "netns", "exec", self.space))
        server.spawn()
        await server.serving()
        self.place = Place(self.server_address, server.port)

    async def cut(self):
        """At the server's side: packets of the clients are lost without a word."""
        _ip("-n", self.space, "link", "set", self.theirs, "down")

    async def mend(self):
        _ip("-n", self.space, "link", "set", self.theirs, "up")

    async def close(self):
        await self.round.end()
        _ip("netns", "delete", self.space)


class DarkProxy:
    kind = "proxy (no root, no namespaces)"

    def __init__(self, round):
        self.round = round

    async def open(self):
        server = self.round.make_server()
        server.spawn()
        await server.serving()
        self.proxy = Proxy((server.ip, server.port), self.round.random, 0)
        self.proxy.harmless = True
        await self.proxy.open()
        self.place = Place(*self.proxy.address[:2])

    async def cut(self):
        self.proxy.go_dark()

    async def mend(self):
        self.proxy.go_light()

    async def close(self):
        await self.round.end()
        await self.proxy.close()


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)
