"""The server under tests/abuse: one process of the release build, its configuration, and what it uses."""
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

from abuses.client import Client, secrets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import servers  # noqa: E402

Certificate = servers.Certificate
free_ports = servers.free_ports

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("ROOKERY", TOP / "build/release/rookery"))
KIB, MIB = 1024, 1024 * 1024

CONFIG = """
hosts: [localhost]
loglevel: debug
certfiles: ["{certificate}"]
shards: 2
auth_scram_hash: [sha256]
auth_scram_iterations: {iterations}
max_user_sessions: 1000
listen:
  - {{port: {port}, ip: {ip}, module: ejabberd_c2s}}
  - {{port: {tls_port}, ip: {ip}, module: ejabberd_c2s, tls: true}}
  - {{port: {plain_port}, ip: {ip}, module: ejabberd_c2s, starttls: false, send_timeout: 2 s}}
  - {{port: {proxy_port}, ip: {ip}, module: ejabberd_c2s, starttls: false, use_proxy_protocol: true,
      trusted_proxies: [127.0.0.1]}}
  - {{port: {component_port}, ip: {ip}, module: ejabberd_service, send_timeout: 2 s,
      hosts: {{push.localhost: {{password: "{component_secret}"}}}}}}
{more}
"""


def new_password():
    password = "pw-" + os.urandom(9).hex()
    secrets.add(password)
    return password


class Server(servers.Rookery):
    """Listens on port (STARTTLS), tls_port, plain_port (no TLS, impatient with slow readers) proxy_port (PROXY) and
    component_port (XEP-0114)."""

    def __init__(self, scratch, certificate, iterations=4096, ip="127.0.0.1", more="", group=None):
        """`group`: the folder of the control group it runs in."""
        port, tls_port, self.plain_port, self.proxy_port, self.component_port = free_ports(5)
        self.component_secret = new_password()
        super().__init__(PROGRAM, scratch, port, tls_port, certificate=certificate)
        self.iterations, self.ip, self.more, self.group = iterations, ip, more, group
        self.config = self.scratch / "rookery.yml"
        self.pem = self.scratch / "server-and-key.pem"
        self.log = self.scratch / "output.log"
        self.passwords = {}

    def prepare(self, accounts):
        self.data.mkdir(exist_ok=True)
        self.use(self.certificate)
        self.write_config()

    def command(self):
        words = super().command()
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.group), *words] if self.group else words

    def use(self, certificate):
        new = self.pem.with_suffix(".new")
        new.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
        new.rename(self.pem)

    def write_config(self):
        self.config.write_text(CONFIG.format(
            certificate=self.pem, port=self.port, tls_port=self.tls_port, plain_port=self.plain_port,
            proxy_port=self.proxy_port, component_port=self.component_port,
            component_secret=self.component_secret, iterations=self.iterations, ip=self.ip, more=self.more))

    # --- accounts and clients

    def account(self, user):
        """Its password; made on the first call."""
        if user not in self.passwords:
            self.passwords[user] = new_password()
            self.make_account(user, self.passwords[user])
        return self.passwords[user]

    def client(self, tls=False, **options):
        return Client(self.tls_port if tls else self.plain_port, tls=tls, **options)

    def log_in(self, user, resource="r", **options):
        password = self.account(user)
        return self.client(**options).log_in(user, password, resource)

    # --- its tool

    def tool(self, *words, user=None):
        return subprocess.run([str(PROGRAM), *words, "--data", str(self.data)], capture_output=True, text=True,
                              timeout=60, user=user)

    def ask(self, verb, **args):
        """The control socket's answer, without a program started for it."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(str(self.data / "control"))
            frame = json.dumps({"verb": verb, "args": args}).encode()
            control.sendall(struct.pack(">I", len(frame)) + frame)
            reply = control.makefile("rb")
            return json.loads(reply.read(struct.unpack(">I", reply.read(4))[0]))

    def sessions(self):
        return int(self.ask("connected_users_number")["result"])

    def log_size(self):
        return self.log.stat().st_size

    def log_text(self, since=0):
        """From that size of it on."""
        with open(self.log, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def log_words(self):
        """All that was ever said, each word once: the log itself may have millions of lines."""
        words = set()
        with open(self.log, errors="replace") as log:
            for line in log:
                words.update(word for word in line.split()[1:] if not word.startswith("peer="))
        return words

    # --- what it uses

    def memory(self):
        """Bytes of its own: code and files mapped do not count, they come in when first used."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE).group(1)) * KIB

    def cpu_seconds(self):
        threads = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def wait_until(condition, seconds, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
