"""F4: the tables are in PostgreSQL, and that is shut down at once, killed, stopped for a while, or its connections are
ended. The sessions stay, senders wait or are told to; nothing is acknowledged meanwhile that could be lost."""
import asyncio
import signal
import time

from faults.postgres import Missing, identity, programs
from faults.server import PASSWORD, account_name

NAME = "PostgreSQL restarted, killed, its connections ended, standing still; kill -9 with it"
SHORT, LONG = 5, 40
BACK_SECONDS = 3
AWAY_SHORT, AWAY_LONG = 0.7, 5
STILL_SHORT, STILL_LONG = 1.5, 30


def missing():
    """Why it cannot be run; empty: it can."""
    try:
        programs()
        identity()
    except Missing as reason:
        return str(reason)
    return ""


async def play(round):
    cluster = round.stage.cluster()
    cluster.start()
    database = cluster.new_database()
    server = round.make_server(template=None, more=cluster.config(database))
    server.spawn()
    server._wait_for_port(server.port)
    server.after_start([(account_name(i), PASSWORD) for i in range(round.accounts)])
    await round.begin(rate=300, patience=90)
    await round.pause(0.2, 0.4)
    sessions = {client.name: client.session for client in round.load.steady}
    fault = FAULTS[round.number % len(FAULTS)]
    round.result.note = fault.__name__[1:].replace("_", " ")
    try:
        await fault(round, cluster, database)
        await _check_recovery(round)
    finally:
        if cluster.process.poll() is None:
            cluster.thaw()
    await round.pause(0.2, 0.4)
    _check_sessions(round, sessions)
    await round.finish()


async def _shut_down_at_once(round, cluster, _database):
    cluster.stop(signal.SIGQUIT)
    await asyncio.sleep(round.scaled(AWAY_SHORT, AWAY_LONG))
    await asyncio.to_thread(cluster.start)


async def _killed(round, cluster, _database):
    cluster.stop(signal.SIGKILL)
    await asyncio.sleep(round.scaled(AWAY_SHORT, AWAY_LONG))
    await asyncio.to_thread(cluster.start)


async def _connections_ended(round, cluster, database):
    for _ in range(3):
        await asyncio.to_thread(cluster.terminate_connections, database)
        await asyncio.sleep(0.1)


async def _standing_still(round, cluster, _database):
    cluster.freeze()
    await asyncio.sleep(round.scaled(STILL_SHORT, STILL_LONG))
    cluster.thaw()


async def _server_killed(round, cluster, _database):
    """F1 with these tables."""
    round.killed()
    await round.restart()


FAULTS = (_shut_down_at_once, _killed, _connections_ended, _standing_still, _server_killed)


async def _check_recovery(round):
    begin = time.monotonic()
    while time.monotonic() - begin < BACK_SECONDS:
        if any(message.accepted and message.at > begin for message in round.ledger.sent.values()):
            round.result.note += f", back after {(time.monotonic() - begin) * 1000:.0f} ms"
            return
        await asyncio.sleep(0.01)
    round.problem(f"nothing is accepted {BACK_SECONDS} s after the database is back")


def _check_sessions(round, before):
    if round.ledger.crashes:
        return
    lost = [client.name for client in round.load.steady if not client.ready or client.session != before[client.name]]
    if lost:
        round.problem(f"sessions lost: {lost}")
