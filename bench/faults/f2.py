"""F2: kill -9 exactly at a named point: before, amid or behind the n-th system call of a kind on a file of a kind."""
import asyncio
import dataclasses
import time

from faults.shim import missing  # noqa: F401 (asked before a round)

REACH_SECONDS = 3


@dataclasses.dataclass(frozen=True)
class Point:
    name: str
    call: str
    kind: str
    phase: str
    most: int = 40       # n is random up to this
    when: str = "running"  # or starting (behind a kill -9), or stopping (SIGTERM)
    begin: str = "accounts"


POINTS = (
    Point("log written, before", "write", "log", "before"),
    Point("log written, half", "write", "log", "half"),
    Point("log written, after", "write", "log", "after"),
    Point("log synced, before", "sync", "log", "before"),
    Point("log synced, after", "sync", "log", "after"),
    Point("log read, after", "read", "log", "after", 5),
    Point("index locked, before", "lock", "index", "before"),
    Point("index locked, after", "lock", "index", "after"),
    Point("checkpoint: log synced, before", "sync", "log", "before", 4, begin="full log"),
    Point("checkpoint: tables written, before", "write", "tables", "before", 5, begin="full log"),
    Point("checkpoint: tables written, half", "write", "tables", "half", 5, begin="full log"),
    Point("checkpoint: tables written, after", "write", "tables", "after", 5, begin="full log"),
    Point("checkpoint: tables synced, before", "sync", "tables", "before", 1, begin="full log"),
    Point("checkpoint: tables synced, after", "sync", "tables", "after", 1, begin="full log"),
    Point("message received, before it is read", "receive", "message", "before"),
    Point("message received, after", "receive", "message", "after"),
    Point("client's count received", "receive", "count", "after"),
    Point("anything received", "receive", "client", "after", 200),
    Point("message sent, before", "send", "message", "before"),
    Point("message sent, half", "send", "message", "half"),
    Point("message sent, after", "send", "message", "after"),
    Point("count sent, before", "send", "count", "before"),
    Point("count sent, half", "send", "count", "half"),
    Point("count sent, after", "send", "count", "after"),
    Point("other thread woken, before", "wake", "waking", "before", 200),
    Point("other thread woken, after", "wake", "waking", "after", 200),
    Point("events waited for, before", "wait", "other", "before", 200),
    Point("events waited for, after", "wait", "other", "after", 200),
    Point("connection accepted, before", "accept", "client", "before", 5),
    Point("connection accepted, after", "accept", "client", "after", 5),
    Point("connection closed, before", "close", "client", "before", 5),
    Point("connection closed, after", "close", "client", "after", 5),
    Point("recovery: log opened, after", "open", "log", "after", 1, when="starting"),
    Point("recovery: log read, after", "read", "log", "after", 20, when="starting"),
    Point("recovery: index made, before", "truncate", "index", "before", 1, when="starting"),
    Point("recovery: index mapped, after", "map", "index", "after", 1, when="starting"),
    Point("stop: log synced, before", "sync", "log", "before", 1, when="stopping"),
    Point("stop: tables written, half", "write", "tables", "half", 10, when="stopping"),
    Point("stop: tables synced, after", "sync", "tables", "after", 1, when="stopping"),
    Point("stop: log removed, before", "unlink", "log", "before", 1, when="stopping"),
    Point("stop: log removed, after", "unlink", "log", "after", 1, when="stopping"),
)

NAME = f"kill -9 at {len(POINTS)} named points"
TEMPLATES = ("full log",)
SHORT, LONG = len(POINTS), 3 * len(POINTS)


async def play(round):
    point = POINTS[round.number % len(POINTS)]
    number = round.random.randint(1, point.most)
    round.result.note = f"{point.name} ({point.call} no. {number})"
    server = round.make_server(point.begin)
    shim = round.stage.shim(round.folder)
    server.added_environment = shim.environment
    await round.begin(rate=500)
    await round.pause(0.05, 0.25)
    await WAYS[point.when](round, shim, point, number)
    shim.calm()
    round.killed()
    await round.restart()
    await round.pause(0.1, 0.2)
    await round.finish()


async def _die_running(round, shim, point, number):
    shim.die(point.call, point.kind, point.phase, number)
    await _death(round)


async def _die_starting(round, shim, point, number):
    """In the recovery from another kill -9; the one that follows has to cope with both."""
    round.killed()
    shim.die(point.call, point.kind, point.phase, number)
    round.server.spawn()
    await _death(round)


async def _die_stopping(round, shim, point, number):
    shim.die(point.call, point.kind, point.phase, number)
    round.server.process.terminate()
    await _death(round)


WAYS = {"running": _die_running, "starting": _die_starting, "stopping": _die_stopping}


async def _death(round):
    end = time.monotonic() + REACH_SECONDS
    while round.server.alive and time.monotonic() < end:
        await asyncio.sleep(0.005)
    if round.server.alive or round.server.process.returncode != -9:
        round.problem(f"the point was not reached (exit code {round.server.process.poll()})")
