"""A TCP proxy between clients and server that hurts connections, by chance that begins with a seed."""
import asyncio
import socket
import struct

CHUNK = 4096
WAYS = ("pass", "reset", "half close", "single bytes", "delay", "stall", "cut amid")
LONGEST_STALL = 3600


class Proxy:
    """Of each connection one thing is decided: what happens to it, and after how many bytes."""

    def __init__(self, server, random, longest_delay, mark=lambda event: None):
        """`server`: (address, port); `longest_delay`: seconds."""
        self.server, self.random, self.longest_delay, self.mark = server, random, longest_delay, mark
        self.harmless = False  # for new connections, at the end of a round
        self.counts = dict.fromkeys(WAYS, 0)
        self._light = asyncio.Event()  # not set: whatever comes is kept, as by a network without a link
        self._light.set()
        self._listener, self._tasks = None, set()

    async def open(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self._listener.sockets[0].getsockname()
        return self

    async def close(self):
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def go_dark(self):
        self._light.clear()

    def go_light(self):
        self._light.set()

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.server)
        except OSError:
            return writer.transport.abort()
        fate = Fate(self)
        try:
            await asyncio.gather(self._pass(reader, server_writer, fate), self._pass(server_reader, writer, fate))
        except (OSError, Cut, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, server_writer):
                end(one, fate.resets)
            self._tasks.discard(task)

    async def _pass(self, reader, writer, fate):
        while octets := await reader.read(CHUNK):
            await self._light.wait()
            for piece in await fate.pieces(octets):
                if writer is fate.closed_half:
                    break
                writer.write(piece)
                await writer.drain()
                if len(piece) == 1:
                    await asyncio.sleep(0)
            await fate.meet(writer)
        raise Cut


class Cut(Exception):
    """The connection ends."""


class Fate:
    def __init__(self, proxy):
        self._proxy, chance = proxy, proxy.random
        self.way = "pass" if proxy.harmless else chance.choice(WAYS)
        proxy.counts[self.way] += 1
        self._left = int(2 ** chance.uniform(7, 14))  # bytes until it happens, both directions
        self.resets, self.closed_half = False, None

    async def pieces(self, octets):
        """What is passed on, before it happens."""
        self._left -= len(octets)
        if self._proxy.harmless or self.way == "pass":
            return [octets]
        if self.way == "single bytes":
            return [octets[i:i + 1] for i in range(len(octets))]
        if self.way == "delay":
            await asyncio.sleep(self._proxy.random.uniform(0, self._proxy.longest_delay))
        if self.way == "cut amid" and self._left <= 0:
            return [octets[:max(1, len(octets) // 2)]]  # amid an element, amid a TLS record
        return [octets]

    async def meet(self, writer):
        if self._left > 0 or self._proxy.harmless:
            return
        if self.way in ("reset", "cut amid"):
            self.resets = self.way == "reset"
            raise Cut
        if self.way == "half close" and self.closed_half is None:
            self.closed_half = writer
            writer.write_eof()
        if self.way == "stall":
            await asyncio.sleep(LONGEST_STALL)


def end(writer, resets):
    sock = writer.get_extra_info("socket")
    if resets and sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # it is closed
    writer.transport.abort()
