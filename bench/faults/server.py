"""The Rookery of a round: started, killed and started again on the same folder."""
import asyncio
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import servers
from faults.stream import FAILURES, Stream
from servers import free_ports

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("ROOKERY", TOP / "build/release/rookery"))
PASSWORD = "durable"
START_SECONDS = 30
STOP_SECONDS = 15

CONFIG = """
hosts: [localhost]
loglevel: info
certfiles: ["{certificate}"]
shards: 2
auth_scram_hash: [sha256]
auth_scram_iterations: 4096
pre_auth_max_connections_per_ip: 100000
listen:
  - {{port: {port}, ip: "{ip}", module: ejabberd_c2s, starttls: false}}
  - {{port: {tls_port}, ip: "{ip}", module: ejabberd_c2s, tls: true}}
{more}
"""


class Ended(Exception):
    """The server ended by itself, or would not start."""


def account_name(number):
    return f"u{number}"


class Restartable:
    """Of a servers.Server: started without waiting, killed, and started again on the same folder."""
    ip = "127.0.0.1"
    added_environment = {}
    restart_bar_ms = None

    def spawn(self):
        environment = {**os.environ, **self.environment(), **self.added_environment}
        with open(self.scratch / "output.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.scratch, env=environment, **self._identity())

    async def serving(self, seconds=START_SECONDS):
        """Waits until an account has logged in; seconds since the call."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if not self.alive:
                raise Ended(f"the server ended with {self.process.returncode}: {self.log_tail()}")
            if await self._logs_in():
                return time.monotonic() - begin
            await asyncio.sleep(0.002)
        raise Ended(f"nobody can log in after {seconds} s: {self.log_tail()}")

    async def _logs_in(self):
        stream = None
        try:
            async with asyncio.timeout(5):
                stream = await Stream.connect((self.ip, self.port), self.domain)
                await stream.log_in(account_name(0), PASSWORD)
                return True
        except FAILURES:
            return False
        finally:
            if stream:
                stream.abort()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """Without a word, and its ports are free when this returns."""
        if self.alive:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        if self.process:
            self.process.wait()

    async def stop_in_order(self):
        """Its exit code."""
        if not self.alive:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while self.alive and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if self.alive:
            self.kill()
            raise Ended(f"the server did not end within {STOP_SECONDS} s of SIGTERM")
        return self.process.returncode


class Server(Restartable, servers.Rookery):
    restart_bar_ms = 2000

    def __init__(self, folder, certificate, template=None, ip="127.0.0.1", more="", prefix=()):
        """`template`: a data folder to begin with; `prefix`: words before the program's own, as `ip netns exec`."""
        port, tls_port = free_ports(2)
        super().__init__(PROGRAM, folder, port, tls_port, certificate=certificate)
        self.ip, self.more, self.prefix, self.first = ip, more, list(prefix), template

    def prepare(self, accounts=()):
        pem = self.scratch / "server-and-key.pem"
        pem.write_bytes(self.certificate.certificate.read_bytes() + self.certificate.key.read_bytes())
        (self.scratch / "rookery.yml").write_text(CONFIG.format(
            certificate=pem, ip=self.ip, port=self.port, tls_port=self.tls_port, more=self.more))
        if not self.data.exists():
            shutil.copytree(self.first, self.data) if self.first else self.data.mkdir()

    def command(self):
        return [*self.prefix, *super().command()]

    def memory(self):
        """Bytes of its own: code and files mapped do not count."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024


def make_template(folder, certificate, accounts, more=""):
    """A data folder with accounts; its server has ended in order."""
    server = Server(folder, certificate, more=more)
    server.prepare()
    server.spawn()
    server._wait_for_port(server.port)
    server.after_start([(account_name(i), PASSWORD) for i in range(accounts)])
    server.stop()
    if server.process.returncode != 0:
        raise Ended("the template's server: " + server.log_tail())
    return server.data
