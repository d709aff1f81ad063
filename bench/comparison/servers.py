"""The servers as they are compared: stored SCRAM-SHA-256 keys of 4,096 iterations (jabberd2 stores passwords),
rate limits off, stream management, carbons, client state and rooms where they have them, the archive when asked.
Stores are those of the packages (ejabberd Mnesia, Prosody files, jabberd2 and Rookery SQLite), or with `sql` SQLite for
all."""
import functools
import hashlib
import hmac
import subprocess

import servers

ITERATIONS = 4_096
SALT = b"a salt for all of them"  # Prosody's accounts are written by us, and PBKDF2 takes time
PACKAGES = {"ejabberd": ("ejabberd", "erlang-p1-sqlite3"), "prosody": ("prosody", "lua-dbi-sqlite3"),
            "jabberd2": ("jabberd2",)}
NO_PHONE = "no stream management, carbons or client state"

PROSODY_MODULES = '"carbons", "smacks", "csi", "csi_simple"{archive} }}'
PROSODY_MORE = """
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = {iterations}
default_archive_policy = true
archive_expires_after = "never"
smacks_max_queue_size = 100000
{store}
VirtualHost "{domain}"
Component "conference.{domain}" "muc"
"""
PROSODY_SQL = 'default_storage = "sql"\nsql = {{ driver = "SQLite3", database = "{scratch}/prosody.sqlite" }}'

EJABBERD_MODULES = """mod_client_state: {{}}, mod_muc: {{host: "conference.{domain}", max_users: 1000, history_size: 0,
  min_message_interval: 0, min_presence_interval: 0, default_room_options: {{max_users: 1000}}}}, {archive}
  mod_stream_mgmt: {{max_ack_queue: infinity"""
EJABBERD_MORE = "auth_scram_hash: sha256\n"
EJABBERD_SQL = "auth_method: sql\ndefault_db: sql\nsql_type: sqlite\nsql_database: {scratch}/ejabberd.sqlite\n"


def is_installed(package):
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return asked.stdout == "installed"


def missing(name):
    """Why it cannot be compared; empty: it can."""
    absent = [one for one in PACKAGES.get(name, ()) if not is_installed(one)]
    return f"not installed: {', '.join(absent)} (tools/install peers)" if absent else ""


class Compared:
    """`lacks`: need of a scenario, or valgrind -> how the table says so. `archive` and `sql` are read at each start."""
    lacks = {}
    archive, sql = True, False

    def after_start(self, accounts):
        self._wait_for_port(self.tls_port)  # under valgrind some time passes between the two
        super().after_start(accounts)


class Relay(Compared, servers.Relay):
    pass


class Rookery(Compared, servers.Rookery):
    lacks = {"rooms": "no rooms yet"}

    def prepare(self, accounts):
        self.template = servers.HERE / ("rookery.yml.in" if self.archive else "rookery_without_archive.yml.in")
        super().prepare(accounts)


class Prosody(Compared, servers.Prosody):
    def prepare(self, accounts):
        super().prepare([] if self.sql else accounts)
        file = self.scratch / "prosody.cfg.lua"
        head = file.read_text().split('"carbons" }')
        modules = PROSODY_MODULES.format(archive=', "mam"' if self.archive else "")
        settings = head[1].split("VirtualHost")[0].replace('authentication = "internal_plain"\n', "")
        store = PROSODY_SQL.format(scratch=self.scratch) if self.sql else ""
        file.write_text(head[0] + modules + settings +
                        PROSODY_MORE.format(iterations=ITERATIONS, store=store, domain=self.domain))

    def after_start(self, accounts):
        super().after_start(accounts)
        for user, password in accounts if self.sql else ():
            said_by("prosodyctl", "--config", self.scratch / "prosody.cfg.lua", "register", user, self.domain, password)

    def account_file(self, password):
        stored, server = scram_keys(password)
        return (f'return {{\n["iteration_count"] = {ITERATIONS};\n["salt"] = "{SALT.decode()}";\n'
                f'["stored_key"] = "{stored.hex()}";\n["server_key"] = "{server.hex()}";\n}};\n')


class Ejabberd(Compared, servers.Ejabberd):
    lacks = {"valgrind": "crashes under valgrind"}  # 23.01 on Erlang 25, at the first TLS connection
    api_port = None

    def prepare(self, accounts):
        super().prepare(accounts)
        file = self.scratch / "ejabberd.yml"
        archive = "mod_mam: {default: always}," if self.archive else ""
        modules = EJABBERD_MODULES.format(domain=self.domain, archive=archive)
        text = file.read_text().replace("mod_stream_mgmt: {", modules)
        text = text.replace("auth_password_format: plain", "auth_password_format: scram")
        file.write_text(text + EJABBERD_MORE + (EJABBERD_SQL.format(scratch=self.scratch) if self.sql else ""))


class Jabberd2(Compared, servers.Jabberd2):
    lacks = {"acks": "no stream management", "phone": NO_PHONE, "rooms": "no rooms"}
    router_port = None


KINDS = {"relay": Relay, "rookery": Rookery, "ejabberd": Ejabberd, "prosody": Prosody, "jabberd2": Jabberd2}


@functools.cache
def scram_keys(password):
    """StoredKey and ServerKey (RFC 5802, 3) with SALT."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ITERATIONS)
    client, server = (hmac.digest(salted, text, "sha256") for text in (b"Client Key", b"Server Key"))
    return hashlib.sha256(client).digest(), server


def make(name, folder, program, tools, certificate):
    """Not running."""
    port, tls_port, third_port = servers.free_ports(3)
    if name == "relay":
        return Relay(tools / "bench_relay", folder, port, tls_port)
    if name == "rookery":
        return Rookery(program, folder, port, tls_port, "localhost", certificate)
    server = KINDS[name](folder, port, tls_port, "localhost", certificate)
    server.api_port = server.router_port = third_port
    return server


def versions(names, program):
    """Lines for the report."""
    found = {name: debian_version(PACKAGES[name][0]) for name in names if name in PACKAGES}
    if "rookery" in names:
        found = {"rookery": said_by(program, "--version"), **found}
    return {**found, "OpenSSL": said_by("openssl", "version").split(" (")[0]}


def debian_version(package):
    return said_by("dpkg-query", "-W", "-f", "${Version}", package)


def said_by(*command):
    return subprocess.run([str(one) for one in command], capture_output=True, text=True).stdout.strip()
