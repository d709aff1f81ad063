"""F5: the disk is full, then there is space again. The shim refuses whatever makes a file of the database grow
(ENOSPC), so that this needs no root."""
import asyncio
import time

from faults.shim import missing  # noqa: F401 (asked before a round)

NAME = "disk full (ENOSPC), then space again"
SHORT, LONG = 4, 20
HEALTHY_SECONDS = 5
SPACE = 64 * 1024
FULL_SHORT, FULL_LONG = 1.5, 10


async def play(round):
    server = round.make_server()
    shim = round.stage.shim(round.folder)
    server.added_environment = shim.environment
    await round.begin(rate=300, patience=30)
    await round.pause(0.2, 0.4)
    shim.limit_space(SPACE)
    await asyncio.sleep(round.scaled(FULL_SHORT, FULL_LONG))
    _check_full(round, shim)
    await _check_reads(round)
    shim.calm()
    await _check_recovery(round)
    await round.finish()


def _check_full(round, shim):
    refused = {message.error for message in round.ledger.sent.values() if message.error}
    if not shim.reached:
        round.problem("the disk did not get full")
    if not refused:
        round.problem("no sender got an error")
    if refused - {"internal-server-error", "resource-constraint"}:
        round.problem(f"errors were {refused}")
    if not round.server.alive:
        round.problem("the server ended")


async def _check_reads(round):
    """Archives can be read all the same. Few of the messages got into any before the disk was full."""
    archived = {message.account for message in round.ledger.sent.values() if message.accepted}
    reader = next(client for client in round.load.clients if client.ready and client.account in archived)
    rows = await reader.read_archive(round.start)
    if not rows:
        round.problem("the archive is empty while the disk is full")


async def _check_recovery(round):
    """A message that was sent after the space came back is accepted."""
    begin = time.monotonic()
    while time.monotonic() - begin < HEALTHY_SECONDS:
        if any(message.accepted and message.at > begin for message in round.ledger.sent.values()):
            round.result.note = f"healthy after {(time.monotonic() - begin) * 1000:.0f} ms"
            return
        await asyncio.sleep(0.01)
    round.problem(f"not healthy after {HEALTHY_SECONDS} s")
