"""A PostgreSQL cluster of the bench's own, from Debian's package: below a folder, on a Unix socket and a port of
127.0.0.1, never as root. The Python counterpart of tests/support/postgres_cluster.cpp."""
import os
import pathlib
import pwd
import signal
import subprocess
import time

from servers import free_ports

START_SECONDS = 30
# fsync: the machine stays up here, and what a killed process has written is in the kernel.
SETTINGS = ("shared_buffers=32MB", "fsync=off")


class Missing(Exception):
    pass


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        raise Missing("no PostgreSQL in /usr/lib/postgresql")
    return found[-1].parent


def identity():
    """Not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Missing("no user postgres or nobody")


class Cluster:
    user, password = "rookery", "rookery"

    def __init__(self, folder, settings=SETTINGS):
        """The folder must be reachable by other users."""
        self.settings = ("max_connections=60", *settings)
        self.folder, self.programs, self.port = pathlib.Path(folder), programs(), free_ports(1)[0]
        self.data, self.process = self.folder / "data", None
        self._databases = 0

    def make(self):
        self.folder.mkdir(parents=True)
        mine = identity()
        if mine:
            os.chown(self.folder, mine["user"], mine["group"])
        self._run("initdb", "-D", self.data, "-U", self.user, "--auth=trust", "--no-sync", "--encoding=UTF8",
                  "--locale=C.UTF-8")
        return self

    def start(self):
        """Again and again until the remains of one that was killed are gone."""
        end = time.monotonic() + START_SECONDS
        while not self.takes_connections():
            if self.process is None or self.process.poll() is not None:
                self._spawn()
            if time.monotonic() > end:
                raise Missing("PostgreSQL does not start: " + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def _spawn(self):
        settings = [word for one in (f"unix_socket_directories={self.folder}", "listen_addresses=127.0.0.1",
                                     f"port={self.port}", *self.settings) for word in ("-c", one)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.programs / "postgres", "-D", self.data, *settings], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, cwd="/", **identity())

    def stop(self, how=signal.SIGQUIT):
        """SIGINT ends it in good order, SIGQUIT and SIGKILL as a crash does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def freeze(self):
        for process in self.processes():
            os.kill(process, signal.SIGSTOP)

    def thaw(self):
        for process in self.processes():
            os.kill(process, signal.SIGCONT)

    def processes(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def takes_connections(self):
        asked = subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)])
        return asked.returncode == 0

    def ask(self, sql, database="postgres"):
        return self._run("psql", "-h", self.folder, "-p", self.port, "-U", self.user, "-d", database, "-Atqc", sql)

    def new_database(self):
        self._databases += 1
        name = f"round{os.getpid()}_{self._databases}"
        self.ask(f"CREATE DATABASE {name}")
        return name

    def terminate_connections(self, database):
        self.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def config(self, database):
        """For Rookery's configuration; the names are ejabberd's."""
        return (f"default_db: sql\nsql_type: pgsql\nsql_server: 127.0.0.1\nsql_port: {self.port}\n"
                f"sql_database: {database}\nsql_username: {self.user}\nsql_password: {self.password}\n")

    def _run(self, program, *words):
        done = subprocess.run([self.programs / program, *map(str, words)], capture_output=True, text=True, cwd="/",
                              **identity())
        if done.returncode != 0:
            raise Missing(f"{program}: {done.stderr}")
        return done.stdout
