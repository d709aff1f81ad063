#!/usr/bin/env python3
"""Starts the servers that are measured or tried: Rookery, Prosody, ejabberd, jabberd2, and bench_relay. One class each:

    server = Prosody(scratch, port, tls_port, domain, certificate)
    server.start([(user, password), ...], core=None)   # returns when it accepts connections
    server.pids                                        # whose CPU and memory count
    server.make_account(user, password)                # while it runs
    server.stop()

Everything lives below `scratch`, listens on 127.0.0.1 and is ended by its process id. As root, the peers run as their
own users. As a program it runs one server in the foreground until it gets SIGTERM or SIGINT; see --help.
"""
import argparse
import concurrent.futures
import glob
import gzip
import http.client
import json
import os
import pathlib
import pwd
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS = 60
STOP_SECONDS = 15


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Failure(Exception):
    pass


def is_taken(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def end(process, seconds):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Certificate:
    """A private CA and an ECDSA P-256 certificate for a domain, below a folder."""

    def __init__(self, folder, domain):
        self.folder = pathlib.Path(folder)
        self.ca, self.certificate, self.key = (self.folder / name for name in ("ca.pem", "server.pem", "server.key"))
        if not self.certificate.exists():
            self._make(domain)

    def _make(self, domain):
        self.folder.mkdir(parents=True, exist_ok=True)
        ca_key, request, extensions = (self.folder / name for name in ("ca.key", "server.csr", "server.ext"))
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *new_key, "-days", "30", "-subj", "/CN=Test CA", "-keyout", ca_key,
                      "-out", self.ca, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl("req", "-new", *new_key, "-subj", f"/CN={domain}", "-keyout", self.key, "-out", request)
        extensions.write_text(f"subjectAltName=DNS:{domain},DNS:*.{domain}\nbasicConstraints=CA:FALSE\n"
                              "extendedKeyUsage=serverAuth\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
                      "-days", "30", "-extfile", extensions, "-out", self.certificate)
        self.key.chmod(0o644)  # a throw-away key that servers under other users must read

    def write_both(self, folder):
        """Certificate and key in one file below `folder`."""
        both = folder / "server-and-key.pem"
        both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        return both

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure("openssl: " + done.stderr)


class Server:
    user = None  # the operating system's user it runs as when we are root
    wrapper = ()  # a command that runs each of its programs: valgrind
    start_seconds, stop_seconds = START_SECONDS, STOP_SECONDS

    def __init__(self, scratch, port, tls_port, domain="localhost", certificate=None):
        self.scratch = pathlib.Path(scratch)
        self.port, self.tls_port, self.domain = port, tls_port, domain
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.certificate = certificate
        self.process, self.helpers = None, []

    @property
    def pid(self):
        return self.process.pid

    @property
    def pids(self):
        return [process.pid for process in (*self.helpers, self.process)]

    def start(self, accounts=(), core=None):
        for port in (self.port, self.tls_port):
            if is_taken(port):
                raise Failure(f"port {port} is taken by somebody else")
        self.prepare(list(accounts))
        self.launch(core)
        self._wait_for_port(self.port)
        self.after_start(list(accounts))

    def launch(self, core=None):
        """Of one that is prepared; returns at once."""
        self._give_away()
        self.helpers = [self._spawn(command, core) for command in self.helper_commands()]
        self.process = self._spawn(self.command(), core)

    def _spawn(self, command, core):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        with open(self.scratch / "output.log", "ab") as log:
            return subprocess.Popen([*pinned, *self.wrapper, *command], stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log, cwd=self.scratch, env={**os.environ, **self.environment()},
                                    **self._identity())

    def stop(self):
        for process in (self.process, *reversed(self.helpers)):
            end(process, self.stop_seconds)

    def _identity(self):
        if os.geteuid() != 0 or self.user is None:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _give_away(self):
        identity = self._identity()
        if identity:
            for path in [self.scratch, *self.scratch.rglob("*")]:
                os.chown(path, identity["user"], identity["group"])

    def _wait_for_port(self, port):
        self._wait_until(lambda: is_taken(port), f"does not listen on {port}")

    def _wait_until(self, is_so, complaint):
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with {self.process.returncode}: {self.log_tail()}")
            if is_so():
                return
            time.sleep(0.05)
        raise Failure(f"{self.name} {complaint}: {self.log_tail()}")

    def log_tail(self):
        return (self.scratch / "output.log").read_text(errors="replace")[-2000:]

    def helper_commands(self):
        """What it is made of beside command(): started before."""
        return []

    def environment(self):
        return {}

    def after_start(self, accounts):
        pass


class Relay(Server):
    name = "relay"

    def __init__(self, program, scratch, port, tls_port):
        super().__init__(scratch, port, tls_port)
        self.program = program

    def prepare(self, accounts):
        pass

    def command(self):
        return [str(self.program), str(self.port), str(self.tls_port)]


class Rookery(Server):
    """`config` is a template with @PORT@, @TLS_PORT@, @DOMAIN@, @CERTIFICATE@ (chain and key in one file) and @CA@."""
    name = "rookery"

    def __init__(self, program, scratch, port, tls_port, domain="localhost", certificate=None,
                 config=HERE / "rookery.yml.in"):
        super().__init__(scratch, port, tls_port, domain, certificate)
        self.program, self.template = str(program), pathlib.Path(config)
        self.data = self.scratch / "data"

    def prepare(self, accounts):
        self.data.mkdir(exist_ok=True)
        pem = self.certificate.write_both(self.scratch)
        text = self.template.read_text()
        for name, value in {"PORT": self.port, "TLS_PORT": self.tls_port, "DOMAIN": self.domain, "CERTIFICATE": pem,
                            "CA": self.certificate.ca}.items():
            text = text.replace(f"@{name}@", str(value))
        (self.scratch / "rookery.yml").write_text(text)

    def command(self):
        return [self.program, "serve", "--config", str(self.scratch / "rookery.yml"), "--data", str(self.data)]

    def after_start(self, accounts):
        while accounts and not (self.data / "control").exists():  # it opens after the ports
            time.sleep(0.05)
        with concurrent.futures.ThreadPoolExecutor(16) as helpers:
            list(helpers.map(self._register, [accounts[i::16] for i in range(min(16, len(accounts)))]))

    def make_account(self, user, password):
        self._register([(user, password)])

    def _register(self, accounts):
        """Over the control socket: a program started for each of ten thousand would take minutes."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.data / "control"))
            reply = control.makefile("rb")
            for user, password in accounts:
                request = {"verb": "register", "args": {"user": user, "host": self.domain, "password": password}}
                frame = json.dumps(request).encode()
                control.sendall(struct.pack(">I", len(frame)) + frame)
                answer = json.loads(reply.read(struct.unpack(">I", reply.read(4))[0]))
                if "error" in answer:
                    raise Failure(f"register {user}: {answer['error']['message']}")


PROSODY_CONFIG = """
pidfile = "{scratch}/prosody.pid"
data_path = "{scratch}/data"
log = {{ info = "{scratch}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "private", "blocklist", "vcard_legacy", "pep",
                    "lastactivity", "uptime", "time", "version", "offline", "carbons" }}
modules_disabled = {{ "s2s" }}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 4096 }}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
ssl = {{ certificate = "{certificate}", key = "{key}" }}
VirtualHost "{domain}"
"""


class Prosody(Server):
    name = "prosody"
    user = "prosody"

    def prepare(self, accounts):
        (self.scratch / "prosody.cfg.lua").write_text(PROSODY_CONFIG.format(
            scratch=self.scratch, port=self.port, tls_port=self.tls_port, domain=self.domain,
            certificate=self.certificate.certificate, key=self.certificate.key))
        for user, password in accounts:
            self.make_account(user, password)

    def command(self):
        return ["prosody", "-F", "--config", str(self.scratch / "prosody.cfg.lua")]

    def make_account(self, user, password):
        """A file each: much faster than prosodyctl, and read at every login."""
        folder = self.scratch / "data" / self.domain.replace(".", "%2e").replace("-", "%2d") / "accounts"
        folder.mkdir(parents=True, exist_ok=True)
        encoded = "".join(c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in user)
        file = folder / f"{encoded}.dat"
        file.write_text(self.account_file(password))
        identity = self._identity()
        for path in (folder.parent.parent, folder.parent, folder, file) if identity else ():
            os.chown(path, identity["user"], identity["group"])

    def account_file(self, password):
        return f'return {{ ["password"] = {json.dumps(password)}; }};\n'


EJABBERD_CONFIG = """
hosts: ["{domain}"]
loglevel: warning
certfiles: ["{certificate}", "{key}"]
ca_file: "{ca}"
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, starttls_required: false, backlog: 4096,
     max_stanza_size: 262144, access: all}}
  - {{port: {tls_port}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true, backlog: 4096, max_stanza_size: 262144,
     access: all}}
  - {{port: {api_port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{/api: mod_http_api}}}}
auth_password_format: plain
api_permissions: {{here: {{who: {{ip: "127.0.0.1"}}, what: ["register"]}}}}
modules: {{mod_roster: {{}}, mod_disco: {{}}, mod_ping: {{}}, mod_private: {{}}, mod_blocking: {{}}, mod_privacy: {{}},
  mod_vcard: {{}}, mod_last: {{}}, mod_time: {{}}, mod_version: {{}}, mod_offline: {{}}, mod_carboncopy: {{}},
  mod_caps: {{}}, mod_pubsub: {{plugins: [flat, pep]}}, mod_stream_mgmt: {{}}}}
"""


class Ejabberd(Server):
    name = "ejabberd"
    user = "ejabberd"

    @property
    def api_port(self):
        return self.tls_port + 1

    def prepare(self, accounts):
        (self.scratch / "spool").mkdir(exist_ok=True)
        (self.scratch / "ejabberd.yml").write_text(EJABBERD_CONFIG.format(
            domain=self.domain, certificate=self.certificate.certificate, key=self.certificate.key,
            ca=self.certificate.ca, port=self.port, tls_port=self.tls_port, api_port=self.api_port))

    def environment(self):
        return {"EJABBERD_CONFIG_PATH": str(self.scratch / "ejabberd.yml"), "HOME": str(self.scratch),
                "EJABBERD_LOG_PATH": str(self.scratch / "ejabberd.log"), "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
                "ERL_CRASH_DUMP": str(self.scratch / "crash.dump"), "ERL_MAX_PORTS": "20000"}

    def command(self):
        """The virtual machine itself, without ejabberdctl: no shell in between, so that its pid is the one we end."""
        root = pathlib.Path("/usr/lib/erlang")
        emulator = glob.glob(str(root / "erts-*" / "bin" / "erlexec"))
        if not emulator:
            raise Failure("no Erlang below /usr/lib/erlang")
        environment = [f"ROOTDIR={root}", f"BINDIR={pathlib.Path(emulator[0]).parent}", "EMU=beam", "PROGNAME=erl"]
        return ["env", *environment, emulator[0], "+K", "true", "+P", "250000", "-noinput",
                "-mnesia", "dir", f'"{self.scratch}/spool"', "-s", "ejabberd"]

    def after_start(self, accounts):
        self._wait_for_port(self.api_port)
        for user, password in accounts:
            self.make_account(user, password)

    def make_account(self, user, password):
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=10)
        account = json.dumps({"user": user, "host": self.domain, "password": password})
        connection.request("POST", "/api/register", account, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status not in (200, 409):
            raise Failure(f"register {user}: {answer.status} {text}")


JABBERD2_MODULES = "/usr/lib/x86_64-linux-gnu/jabberd2"
JABBERD2_TABLES = pathlib.Path("/usr/share/doc/jabberd2/db-setup.sqlite.gz")
JABBERD2_ROUTER = """
<router>
  <id>router</id>
  <pidfile>{scratch}/router.pid</pidfile>
  <log type="file"><file>{scratch}/router.log</file></log>
  <local><ip>127.0.0.1</ip><port>{router_port}</port><users>{scratch}/router-users.xml</users>
    <secret>secret</secret></local>
  <io><max_fds>1024</max_fds></io>
  <aci><acl type="all"><user>jabberd</user></acl></aci>
</router>
"""
JABBERD2_USERS = "<users><user><name>jabberd</name><secret>secret</secret></user></users>\n"
JABBERD2_SM = """
<sm>
  <id>sm</id>
  <pidfile>{scratch}/sm.pid</pidfile>
  <router><ip>127.0.0.1</ip><port>{router_port}</port><user>jabberd</user><pass>secret</pass>
    <retry><init>30</init><lost>0</lost><sleep>1</sleep></retry></router>
  <log type="file"><file>{scratch}/sm.log</file></log>
  <local><id>{domain}</id></local>
  <storage><path>{modules}</path><driver>sqlite</driver>
    <sqlite><dbname>{database}</dbname><sql>PRAGMA synchronous = NORMAL;</sql><busy-timeout>2000</busy-timeout></sqlite>
  </storage>
  <modules>
    <path>{modules}</path>
    {chains}
  </modules>
</sm>
"""
# Debian's, in its order.
JABBERD2_CHAINS = {
    "sess-start": "status",
    "sess-end": "status iq-last",
    "in-sess": "validate status privacy roster vacation iq-vcard iq-ping iq-private disco amp offline announce "
               "presence deliver",
    "in-router": "session validate presence privacy",
    "out-router": "privacy",
    "pkt-sm": "iq-last iq-ping iq-time iq-version amp disco announce help echo status presence",
    "pkt-user": "roster presence disco iq-vcard amp deliver vacation offline iq-last",
    "pkt-router": "session disco",
    "user-load": "active roster roster-publish privacy vacation",
    "user-create": "active template-roster",
    "user-delete": "active announce offline privacy roster vacation status iq-last iq-private iq-vcard",
    "disco-extend": "iq-version help",
}
JABBERD2_C2S = """
<c2s>
  <id>c2s</id>
  <pidfile>{scratch}/c2s.pid</pidfile>
  <router><ip>127.0.0.1</ip><port>{router_port}</port><user>jabberd</user><pass>secret</pass>
    <retry><init>30</init><lost>0</lost><sleep>1</sleep></retry></router>
  <log type="file"><file>{scratch}/c2s.log</file></log>
  <local><id pemfile="{pem}">{domain}</id><ip>127.0.0.1</ip><port>{port}</port>
    <ssl-port>{tls_port}</ssl-port><pemfile>{pem}</pemfile></local>
  <io><max_fds>20000</max_fds><limits><bytes>0</bytes><stanzas>0</stanzas><connects>0</connects>
    <stanzasize>262144</stanzasize></limits><check><interval>0</interval></check></io>
  <authreg>
    <path>{modules}</path><module>sqlite</module>
    <mechanisms><sasl><plain/><scram-sha-1/><scram-sha-256/></sasl></mechanisms>
    <ssl-mechanisms><sasl><plain/><scram-sha-1/><scram-sha-256/></sasl></ssl-mechanisms>
    <sqlite><dbname>{database}</dbname><sql>PRAGMA synchronous = NORMAL;</sql><busy-timeout>2000</busy-timeout>
      <password_type><plaintext/></password_type></sqlite>
  </authreg>
</c2s>
"""


def jabberd2_chains():
    return "\n    ".join(f"<chain id='{name}'>" + "".join(f"<module>{one}</module>" for one in modules.split()) +
                         "</chain>" for name, modules in JABBERD2_CHAINS.items())


class Jabberd2(Server):
    """Three programs: router, sm (sessions) and c2s (connections). No stream management, carbons or archive."""
    name = "jabberd2"
    user = "jabber"

    @property
    def router_port(self):
        return self.tls_port + 1

    @property
    def database(self):
        return self.scratch / "jabberd2.sqlite"

    def prepare(self, accounts):
        if not self.database.exists():
            self._make_database()
        values = dict(scratch=self.scratch, port=self.port, tls_port=self.tls_port, router_port=self.router_port,
                      domain=self.domain, modules=JABBERD2_MODULES, database=self.database, chains=jabberd2_chains(),
                      pem=self.certificate.write_both(self.scratch))
        for name, text in {"router": JABBERD2_ROUTER, "sm": JABBERD2_SM, "c2s": JABBERD2_C2S}.items():
            (self.scratch / f"{name}.xml").write_text(text.format(**values).lstrip())
        (self.scratch / "router-users.xml").write_text(JABBERD2_USERS)
        (self.scratch / "router.log").write_text("")
        self._add(accounts)

    def _make_database(self):
        with sqlite3.connect(self.database) as database:
            database.executescript(gzip.decompress(JABBERD2_TABLES.read_bytes()).decode())
        database.close()

    def make_account(self, user, password):
        self._add([(user, password)])

    def _add(self, accounts):
        """In both tables: who may log in, and who exists."""
        with sqlite3.connect(self.database) as database:
            database.executemany('INSERT INTO authreg (username, realm, password) VALUES (?, ?, ?)',
                                 [(user, self.domain, password) for user, password in accounts])
            database.executemany('INSERT INTO active ("collection-owner", time) VALUES (?, ?)',
                                 [(f"{user}@{self.domain}", int(time.time())) for user, _ in accounts])
        database.close()

    def helper_commands(self):
        return [self._command("router"), self._command("sm")]

    def command(self):
        return self._command("c2s")

    def _command(self, part):
        return [f"/usr/sbin/jabberd2-{part}", "-c", str(self.scratch / f"{part}.xml")]

    def after_start(self, accounts):
        online = f"[{self.domain}] online"
        self._wait_until(lambda: online in (self.scratch / "router.log").read_text(), "has no session manager")


def read_accounts(file):
    return [tuple(line.split()) for line in file.read_text().splitlines() if line.strip()] if file else []


PEERS = {"ejabberd": Ejabberd, "prosody": Prosody, "jabberd2": Jabberd2}


def make(kind, scratch, port, tls_port, domain, certificate, rookery=None):
    if kind == "rookery":
        return Rookery(rookery, scratch, port, tls_port, domain, certificate)
    return PEERS[kind](scratch, port, tls_port, domain, certificate)


def main():
    parser = argparse.ArgumentParser(description="Run one server in the foreground, until SIGTERM or SIGINT.")
    parser.add_argument("kind", choices=["rookery", *PEERS])
    parser.add_argument("--scratch", required=True, type=pathlib.Path, help="an empty or new folder")
    parser.add_argument("--port", type=int, default=17222)
    parser.add_argument("--tls-port", type=int, default=17223,
                        help="direct TLS; ejabberd and jabberd2 take the next one too")
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--accounts", type=pathlib.Path, help='a file of "USER PASSWORD" lines')
    parser.add_argument("--rookery", default=HERE.parent / "build/release/rookery", help="the program")
    arguments = parser.parse_args()
    scratch = arguments.scratch.resolve()
    certificate = Certificate(scratch / "tls", arguments.domain)
    server = make(arguments.kind, scratch / arguments.kind, arguments.port, arguments.tls_port, arguments.domain,
                  certificate, arguments.rookery)
    stop = lambda *_: sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    try:
        server.start(read_accounts(arguments.accounts))
        print(f"{server.name} pid {server.pid} port {server.port} tls-port {server.tls_port} ca {certificate.ca}",
              flush=True)
        server.process.wait()
        raise Failure(f"{server.name} ended by itself: {server.log_tail()}")
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"servers.py: {failure}")
