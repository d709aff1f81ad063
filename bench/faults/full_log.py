"""A data folder whose write-ahead log is nearly as long as it may get: the next commits make SQLite write it back."""
import shutil
import sqlite3

from faults.filling import database_in

FRAMES = 15_500       # storage/sql/sqlite_connection.cpp writes back at 16,000
FRAME = 4096 + 24


def fill(data):
    """Rows of a table are overwritten until the log is long; copied while the connection is open, so that it stays."""
    path = database_in(data)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("PRAGMA synchronous = OFF")
    row = database.execute("SELECT id FROM account WHERE local <> '' ORDER BY id LIMIT 1").fetchone()[0]
    log = path.with_name(path.name + "-wal")
    while not log.exists() or log.stat().st_size < FRAMES * FRAME:
        database.execute("UPDATE account SET last_status = hex(randomblob(4)) WHERE id = ?", (row,))
    copies = [(one, one.with_name(one.name + ".copy")) for one in (path, log)]
    for one, copy in copies:
        shutil.copyfile(one, copy)
    database.close()
    for one, copy in copies:
        copy.replace(one)
