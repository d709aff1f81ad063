"""Cold start to first login: 100,000 accounts in SQLite, the database out of the page cache, a client that tries until
it is logged in over TLS and has its resource. The server makes one account, whose rows are multiplied in the tables."""
import asyncio
import os
import sqlite3
import time

import servers
from faults.stream import FAILURES, Gone, Stream

ACCOUNTS = 100_000
PASSWORD = "secret"
PATIENCE = 60  # s
TRY = 5        # s: an attempt that hangs is given up
PAUSE = 0.001
BIND = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
# Server -> (table, column, what stands before the number, what behind). Rookery's keys hang at account.id: see below.
TABLES = {
    "rookery": [("account", "local", "u", "")],
    "ejabberd": [("users", "username", "u", "")],
    "prosody": [("prosody", "user", "u", "")],
    "jabberd2": [("authreg", "username", "u", ""), ("active", "collection-owner", "u", "@localhost")],
}
NUMBERS = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ? - 1) "


def fill(server, accounts=ACCOUNTS):
    """A servers.Server that does not run."""
    server.start([("u0", PASSWORD)])
    server.stop()
    with sqlite3.connect(database_of(server)) as database:
        for table, column, before, behind in TABLES[server.name]:
            multiply(database, table, column, before, behind, accounts)
        if server.name == "rookery":
            multiply_keys(database)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def database_of(server):
    found = [path for path in server.scratch.rglob("*") if path.suffix in (".sqlite", ".db")]
    if len(found) != 1:
        raise servers.Failure(f"{server.name} has {len(found)} databases in {server.scratch}")
    return found[0]


def multiply(database, table, column, before, behind, accounts):
    """The rows of number 0 for all the others, too."""
    kept = [name for _, name, kind, _, _, key in database.execute(f'PRAGMA table_info("{table}")')
            if name != column and not (key and kind.upper() == "INTEGER")]
    names = "".join(f', "{name}"' for name in kept)
    database.execute(f'{NUMBERS} INSERT INTO "{table}" ("{column}"{names}) SELECT ? || n || ?{names} '
                     f'FROM "{table}", number WHERE "{column}" = ?',
                     (accounts, before, behind, f"{before}0{behind}"))


def multiply_keys(database):
    database.execute("INSERT INTO scram_key SELECT account.id, hash, salt, iterations, stored_key, server_key "
                     "FROM account, scram_key WHERE account.local LIKE 'u%' AND account.local <> 'u0'")


def forget(folder):
    """What the page cache holds of the files below."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def measure(server, core, user):
    """As a result of bench_load."""
    server.prepare([])
    forget(server.scratch)
    begin = time.monotonic()
    server.launch(core)
    try:
        asyncio.run(first_login(server, user))
        return {"ok": True, "start_us": (time.monotonic() - begin) * 1e6}
    finally:
        server.stop()


async def first_login(server, user):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise servers.Failure(f"{server.name} ended: {server.log_tail()}")
        try:
            async with asyncio.timeout(TRY):
                return await log_in(server, user)
        except FAILURES:
            await asyncio.sleep(PAUSE)
    raise servers.Failure(f"nobody can log in after {PATIENCE} s: {server.log_tail()}")


async def log_in(server, user):
    stream = await Stream.connect(("127.0.0.1", server.tls_port), server.domain, tls=True)
    try:
        await stream.log_in(user, PASSWORD)
        stream.write(BIND)
        if (await stream.next()).get("type") != "result":
            raise Gone("no resource")
    finally:
        stream.abort()
