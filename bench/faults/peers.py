"""bench/durability --peers: F1 against Prosody and ejabberd, with Rookery beside. The same clients, the same checker.
Archives and stream management are on, passwords plain; all else is as the packages have it, PostgreSQL included (fsync
on): there each round has a new database. What must be installed: tools/install peers."""
import pathlib
import subprocess
import types

import servers
from faults.server import PASSWORD, Restartable, Server, account_name
from servers import free_ports

ROUNDS = 20
ACCOUNTS = 12
RATE = 100
PATIENCE, SETTLE_SECONDS = 20, 120  # slow is not wrong
TABLES = pathlib.Path("/usr/share/ejabberd/sql/pg.sql")  # ejabberd makes those of SQLite itself

PROSODY_MORE = """
archive_expires_after = "never"
default_archive_policy = true
storage = {{ accounts = "internal" }}
{store}
"""
EJABBERD_MODULES = "mod_mam: {default: always}, mod_offline: {}, mod_stream_mgmt: {"


class Prosody(Restartable, servers.Prosody):
    packages = ("prosody",)

    def store(self):
        return ""

    def prepare(self, accounts):
        super().prepare(accounts)
        file = self.scratch / "prosody.cfg.lua"
        head, host = file.read_text().replace('"carbons" }', '"carbons", "smacks", "mam" }').split("VirtualHost")
        file.write_text(head + PROSODY_MORE.format(store=self.store()) + "VirtualHost" + host)


class ProsodySqlite(Prosody):
    packages = ("prosody", "lua-dbi-sqlite3")

    def store(self):
        return f'default_storage = "sql"\nsql = {{ driver = "SQLite3", database = "{self.scratch}/prosody.sqlite" }}'


class ProsodyPostgres(Prosody):
    packages = ("prosody", "lua-dbi-postgresql", "postgresql-15")

    def store(self):
        cluster, database = self.database
        return ('default_storage = "sql"\n'
                f'sql = {{ driver = "PostgreSQL", database = "{database}", host = "127.0.0.1", port = {cluster.port}, '
                f'username = "{cluster.user}", password = "{cluster.password}" }}')


class Ejabberd(Restartable, servers.Ejabberd):
    packages = ("ejabberd",)
    api_port = None

    def store(self):
        return ""

    def prepare(self, accounts):
        super().prepare(accounts)
        file = self.scratch / "ejabberd.yml"
        text = file.read_text().replace("mod_offline: {}, ", "").replace("mod_stream_mgmt: {", EJABBERD_MODULES)
        file.write_text(text + self.store())


class EjabberdSqlite(Ejabberd):
    packages = ("ejabberd", "erlang-p1-sqlite3")  # without the second it starts, and answers archive queries by errors

    def store(self):
        return f"default_db: sql\nsql_type: sqlite\nsql_database: {self.scratch}/ejabberd.sqlite\n"


class EjabberdPostgres(Ejabberd):
    packages = ("ejabberd", "erlang-p1-pgsql", "postgresql-15")

    def store(self):
        cluster, database = self.database
        cluster.ask(TABLES.read_text(), database)
        return cluster.config(database)


class RookeryPostgres(Server):
    packages = ("postgresql-15",)

    def prepare(self, accounts=()):
        cluster, database = self.database
        self.more = cluster.config(database)
        super().prepare(accounts)


CONFIGURATIONS = {
    "rookery-sqlite": ("Rookery, SQLite", Server),
    "rookery-postgres": ("Rookery, PostgreSQL", RookeryPostgres),
    "prosody-internal": ("Prosody, its own files (default)", Prosody),
    "prosody-sqlite": ("Prosody, SQLite", ProsodySqlite),
    "prosody-postgres": ("Prosody, PostgreSQL", ProsodyPostgres),
    "ejabberd-mnesia": ("ejabberd, Mnesia (default)", Ejabberd),
    "ejabberd-sqlite": ("ejabberd, SQLite", EjabberdSqlite),
    "ejabberd-postgres": ("ejabberd, PostgreSQL", EjabberdPostgres),
}
ON_POSTGRES = (RookeryPostgres, ProsodyPostgres, EjabberdPostgres)


def make(kind, folder, stage):
    """Not running; it has its accounts, and has ended in order since: those are not what is tried."""
    if kind is Server:
        server = Server(folder, stage.certificate, stage.template("accounts"))
        server.prepare()
        return server
    if issubclass(kind, Server):
        server = kind(folder, stage.certificate)
    else:
        port, tls_port, api_port = free_ports(3)
        server = kind(folder, port, tls_port, certificate=stage.certificate)
        server.api_port = api_port
    server.database = new_database(stage) if kind in ON_POSTGRES else None
    server.start([(account_name(i), PASSWORD) for i in range(ACCOUNTS)])
    server.stop()
    return server


def new_database(stage):
    cluster = stage.cluster(settings=())
    cluster.start()
    return cluster, cluster.new_database()


def missing(kind):
    """Why it cannot be tried; empty: it can."""
    absent = [one for one in getattr(kind, "packages", ()) if not is_installed(one)]
    return f"not installed: {', '.join(absent)} (tools/install peers)" if absent else ""


def is_installed(package):
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return asked.stdout == "installed"


def module(name, kind):
    """A fault as the runner knows them."""
    async def play(round):
        round.stage.base.chmod(0o755)  # they run as their own users
        round.folder.parent.mkdir(exist_ok=True)
        round.use(make(kind, round.folder / "server", round.stage))
        await round.begin(accounts=ACCOUNTS, rate=RATE, patience=PATIENCE, settle_seconds=SETTLE_SECONDS)
        await round.pause(0.3, 1.0)
        round.killed()
        await round.restart()
        await round.pause(0.3, 0.5)
        await round.finish()
    return types.SimpleNamespace(NAME=name + ", kill -9 under load", SHORT=ROUNDS, LONG=ROUNDS, play=play,
                                 missing=lambda: missing(kind))


def modules():
    return {key: module(name, kind) for key, (name, kind) in CONFIGURATIONS.items()}
