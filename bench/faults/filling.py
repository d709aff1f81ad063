"""A million messages in the archives of 500 accounts, put into the tables directly: by the server it takes minutes."""
import os
import pathlib
import shutil
import sqlite3

MESSAGES = 1_000_000
ACCOUNTS = 500
FIRST_MILLISECOND = 1  # ids: milliseconds since 2024 above 22 bits (base/stamped_id.h): these are of long ago
BODY = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore"

FILL = f"""
WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < {MESSAGES - 1})
INSERT INTO log (id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, bytes, stanza)
SELECT (({FIRST_MILLISECOND} + n) << 22), (SELECT id FROM account WHERE local = 'old0') + n % {ACCOUNTS},
    'old' || (n * 7 % {ACCOUNTS}) || '@localhost', 'phone', n * 7 % {ACCOUNTS}, n & 1, 1, 0, NULL, length(?1) + 10, ?1
FROM number"""


def fill(data):
    """The data folder of a server that does not run."""
    with sqlite3.connect(database_in(data)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA foreign_keys = ON")
        database.executemany("INSERT INTO account (domain, local, created) VALUES ('localhost', ?, 0)",
                             [(f"old{i}",) for i in range(ACCOUNTS)])
        stanza = (f"<message xmlns='jabber:client' type='chat' from='old1@localhost/phone' to='old2@localhost' "
                  f"id='aaaaaaaaaaaaaaaaaaaa'><body>{BODY}</body><origin-id xmlns='urn:xmpp:sid:0' id='a'/></message>")
        database.execute(FILL, (stanza,))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def database_in(data):
    return next(path for path in pathlib.Path(data).iterdir() if path.suffix in (".db", ".sqlite"))


def tables_of(data):
    with sqlite3.connect(database_in(data)) as database:
        return repr(sorted(database.execute("SELECT name, sql FROM sqlite_master").fetchall(), key=str))


def cached(folder, template):
    """Those of other tables are removed."""
    if not folder.exists():
        for old in folder.parent.glob(folder.name.rsplit("-", 1)[0] + "-*"):
            shutil.rmtree(old, ignore_errors=True)
        new = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.copytree(template, new)
        fill(new)
        try:
            new.rename(folder)
        except OSError:  # somebody else was faster
            shutil.rmtree(new)
    return folder
