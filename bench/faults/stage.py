"""What the rounds of one process have in common: a folder, a certificate, data folders to begin with, large server."""
import hashlib
import os
import pathlib
import shutil
import tempfile

import servers
from faults import filling, full_log, shim
from faults.load import ACCOUNTS_LONG
from faults.postgres import SETTINGS, Cluster
from faults.server import Ended, Server, make_template

CACHE = pathlib.Path(tempfile.gettempdir())


class Stage:
    def __init__(self, folder, keep):
        """`folder`: this command's; `keep`: where failing rounds stay."""
        self.base, self.folder = pathlib.Path(folder), pathlib.Path(keep)
        self.certificate = servers.Certificate(self.base / "tls", "localhost")
        self.shared_server = self._cluster = None
        self._makers = {"accounts": self._make_accounts, "full log": self._make_full_log, "million": self._make_million}

    def prepare(self, templates):
        """Once, before there are several processes."""
        for name in ("accounts", *templates):
            self.template(name)
        if not shim.missing():
            shim.compile_into(self.base / "shim")

    def template(self, name):
        """A data folder to begin with."""
        folder = self.base / name.replace(" ", "-") / "data"
        if not folder.exists():
            self._makers[name](folder)
        return folder

    def _make_accounts(self, folder):
        make_template(folder.parent, self.certificate, ACCOUNTS_LONG)
        (folder / "control").unlink(missing_ok=True)

    def _make_full_log(self, folder):
        shutil.copytree(self.template("accounts"), folder)
        full_log.fill(folder)

    def _make_million(self, folder):
        """Made once for all commands whose server has the same tables and accounts: it takes ten seconds."""
        accounts = self.template("accounts")
        tables = hashlib.sha256(filling.tables_of(accounts).encode()).hexdigest()[:12] + f"-{ACCOUNTS_LONG}"
        shutil.copytree(filling.cached(CACHE / f"rookery-million-{os.getuid()}-{tables}", accounts), folder)

    def shim(self, folder):
        return shim.Shim(self.base / "shim" / "shim.so", folder)

    def cluster(self, settings=SETTINGS):
        """PostgreSQL, made when it is first asked for: one for all rounds of this process."""
        if self._cluster is None:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="postgres.", dir=self.base))
            for path in (self.base, folder):
                path.chmod(0o755)  # its programs run as another user
            self._cluster = Cluster(folder / "cluster", settings).make()
        return self._cluster

    def big_server(self):
        """With a million archived messages: goes on from round to round, is made anew after a failure."""
        if self.shared_server is None:
            self._end_big_server()
            folder = pathlib.Path(tempfile.mkdtemp(prefix="big.", dir=self.base))
            self.shared_server = Server(folder, self.certificate, self.template("million"))
            self.shared_server.prepare()
        return self.shared_server

    def discard_big_server(self, folder):
        """After a failure, since the next round would find its remains: what is on the disk goes to that folder."""
        server, self.shared_server = self.shared_server, None
        server.kill()
        folder.mkdir(parents=True, exist_ok=True)
        server.scratch.rename(folder / "server")

    def end(self):
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster = None
        self._end_big_server()

    def _end_big_server(self):
        """Its last end must be in order."""
        if self.shared_server is None:
            return
        server, self.shared_server = self.shared_server, None
        server.stop()
        shutil.rmtree(server.scratch, ignore_errors=True)
        if server.process and server.process.returncode not in (0, -9):
            raise Ended(f"the large server ended with {server.process.returncode}")
