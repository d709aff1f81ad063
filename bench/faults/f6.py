"""F6: the n-th write or sync of the database fails (EIO): once, a few times, or until the server is started again."""
import errno

from faults.shim import missing  # noqa: F401 (asked before a round)

NAME = "EIO on the n-th write or sync of the database, n to 200"
TEMPLATES = ("full log",)
SHORT, LONG = 50, 200
CALLS = ("write", "sync", "truncate")


async def play(round):
    times = round.random.choice((1, 1, 3, 20, 10_000_000))
    number = round.number + 1 if round.scale == "long" else 1 + round.number * 2
    round.result.note = f"from call {number}, {times if times < 10_000_000 else 'all'} of them"
    server = round.make_server(round.random.choice(("accounts", "full log")))
    shim = round.stage.shim(round.folder)
    server.added_environment = shim.environment
    await round.begin(rate=500)
    await round.pause(0.05, 0.15)
    shim.fail(CALLS, "files", number, times, errno.EIO)
    await round.pause(0.4, 0.7)
    if not shim.reached:
        round.result.note += ", not reached"
    await _go_on(round, shim)
    await round.finish()


async def _go_on(round, shim):
    """It may have ended, with an error; or it goes on; then it is killed, half of the times, since what it told its
    clients must be true of what is on the disk."""
    ended = not round.server.alive
    if ended and round.server.process.returncode == 0:
        round.problem("the server ended with 0")
    shim.calm()
    if ended or round.random.random() < 0.5:
        round.result.note += ", ended" if ended else ", killed"
        round.killed()
        await round.restart()
    await round.pause(0.1, 0.2)
