"""bench/durability --peers: F1 against Prosody and ejabberd, with Rookery beside. The same clients, the same checker.
Archives and stream management are on, all else is as Debian's packages have it."""
import types

import servers
from faults.server import PASSWORD, Restartable, Server, account_name
from servers import free_ports

ROUNDS = 20
ACCOUNTS = 12
RATE = 100
PATIENCE, SETTLE_SECONDS = 20, 60  # slow is not wrong

PROSODY_MORE = """
archive_expires_after = "never"
default_archive_policy = true
storage = {{ accounts = "internal" }}
{store}
"""
EJABBERD_MODULES = "mod_mam: {default: always}, mod_offline: {}, mod_stream_mgmt: {"


class Prosody(Restartable, servers.Prosody):
    store = ""

    def prepare(self, accounts):
        super().prepare(accounts)
        file = self.scratch / "prosody.cfg.lua"
        head, host = file.read_text().replace('"carbons" }', '"carbons", "smacks", "mam" }').split("VirtualHost")
        more = PROSODY_MORE.format(store=self.store.format(scratch=self.scratch))
        file.write_text(head + more + "VirtualHost" + host)


class ProsodySqlite(Prosody):
    store = 'default_storage = "sql"\nsql = {{ driver = "SQLite3", database = "{scratch}/prosody.sqlite" }}'


class Ejabberd(Restartable, servers.Ejabberd):
    api_port = None

    def prepare(self, accounts):
        super().prepare(accounts)
        file = self.scratch / "ejabberd.yml"
        text = file.read_text().replace("mod_offline: {}, ", "").replace("mod_stream_mgmt: {", EJABBERD_MODULES)
        file.write_text(text)


CONFIGURATIONS = {
    "rookery-sqlite": ("Rookery, SQLite", Server),
    "prosody-internal": ("Prosody, its own files (default)", Prosody),
    "prosody-sqlite": ("Prosody, SQLite", ProsodySqlite),
    "ejabberd-mnesia": ("ejabberd, Mnesia (default)", Ejabberd),
}


def make(kind, folder, certificate, template):
    if kind is Server:
        server = Server(folder, certificate, template)
        server.prepare()
        return server
    port, tls_port, api_port = free_ports(3)
    server = kind(folder, port, tls_port, certificate=certificate)
    server.api_port = api_port
    server.start([(account_name(i), PASSWORD) for i in range(ACCOUNTS)])
    return server


def module(name, kind):
    """A fault as the runner knows them."""
    async def play(round):
        round.stage.base.chmod(0o755)  # they run as their own users
        round.folder.parent.mkdir(exist_ok=True)
        round.use(make(kind, round.folder / "server", round.stage.certificate, round.stage.template("accounts")))
        await round.begin(accounts=ACCOUNTS, rate=RATE, patience=PATIENCE, settle_seconds=SETTLE_SECONDS)
        await round.pause(0.3, 1.0)
        round.killed()
        await round.restart()
        await round.pause(0.3, 0.5)
        await round.finish()
    return types.SimpleNamespace(NAME=name + ", kill -9 under load", SHORT=ROUNDS, LONG=ROUNDS, play=play)


def modules():
    return {key: module(name, kind) for key, (name, kind) in CONFIGURATIONS.items()}
