"""One round: a folder, a server, a load, a fault, a verdict."""
import asyncio
import dataclasses
import datetime
import random
import shutil
import time
import traceback

from faults.checker import Counts, judge
from faults.ledger import Ledger
from faults.load import ACCOUNTS_LONG, ACCOUNTS_SHORT, Load
from faults.server import PASSWORD, Server


@dataclasses.dataclass
class Result(Counts):
    fault: str
    round: int
    seed: int
    sent: int = 0
    acked: int = 0
    refused: int = 0
    restart_ms: float = 0
    seconds: float = 0
    note: str = ""
    problems: list = dataclasses.field(default_factory=list)  # anything else that must not be
    details: list = dataclasses.field(default_factory=list)
    folder: str = ""

    @property
    def good(self):
        return not self.problems and self.faultless


class Place:
    """Where clients find the server: a fault may put a proxy in between."""
    domain = "localhost"

    def __init__(self, ip, port, tls=False):
        self.ip, self.port, self.tls = ip, port, tls

    def address(self):
        return self.ip, self.port

    def password(self, _account):
        return PASSWORD


class Round:
    def __init__(self, stage, fault, number, seed, scale):
        """`scale`: "short" or "long", for faults whose times depend on it."""
        self.stage, self.number, self.scale = stage, number, scale
        self.result = Result(fault, number, seed)
        self.random = random.Random(f"{seed} {fault} {number}")
        self.folder = stage.folder / f"{fault}-{number}"
        self.ledger = Ledger(f"{fault}-{number}")
        self.server = self.load = self.place = None
        self.began = time.monotonic()
        self.start = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._transcript = []

    def scaled(self, short, long):
        return short if self.scale == "short" else long

    def problem(self, text):
        self.result.problems.append(text)
        self.mark("problem: " + text)

    def mark(self, event):
        self._transcript.append(f"{time.monotonic() - self.began:8.3f} {event}")

    # --- what faults use

    def make_server(self, template="accounts", **options):
        data = self.stage.template(template) if template else None
        self.server = Server(self.folder / "server", self.stage.certificate, data, **options)
        self.server.prepare()
        return self.server

    def use(self, server):
        self.server = server

    @property
    def accounts(self):
        """How many talk."""
        return self.scaled(ACCOUNTS_SHORT, ACCOUNTS_LONG)

    async def begin(self, place=None, accounts=None, **load):
        """Starts the server unless it runs, and the talk."""
        if not self.server.alive:
            self.server.spawn()
            await self.server.serving()
        self.place = place or Place(self.server.ip, self.server.port)
        self.load = Load(self.place, self.ledger, f"{self.result.seed} {self.number}", accounts or self.accounts,
                         mark=self.mark, **load)
        await self.load.everybody_in()
        self.load.begin()

    async def pause(self, least, most):
        await asyncio.sleep(self.random.uniform(least, most))

    def killed(self):
        """Call it when the server has died as it should."""
        self.server.kill()
        self.ledger.crash()
        self.mark("the server is dead")

    async def restart(self):
        """After its death; its time counts."""
        begin = time.monotonic()
        self.server.spawn()
        await self.server.serving()
        took = (time.monotonic() - begin) * 1000
        self.mark(f"serving after {took:.0f} ms")
        self.result.restart_ms = max(self.result.restart_ms, took)
        if self.server.restart_bar_ms and took > self.server.restart_bar_ms:
            self.problem(f"serving again only after {took:.0f} ms")

    async def finish(self):
        """Everybody is back; judges."""
        await self.load.settle()
        archives = await self.load.read_archives(self.start)
        self._write_down(judge(self.ledger, archives))

    def _write_down(self, verdict):
        result, sent = self.result, self.ledger.sent.values()
        result.sent, result.refused = len(sent), sum(bool(message.error) for message in sent)
        result.acked = sum(message.accepted for message in sent)
        for column in dataclasses.fields(Counts):
            setattr(result, column.name, getattr(verdict, column.name))
        result.details = verdict.details
        for surprise in self.ledger.surprises:
            self.problem(surprise)
        if not result.sent:
            self.problem("nothing was sent")

    # --- run by the runner

    async def play(self, fault):
        try:
            await fault(self)
        except Exception as failure:  # whatever it was: this round failed, the next may not
            self.problem("".join(traceback.format_exception_only(failure)).strip())
            self.mark(traceback.format_exc())
        finally:
            await self.end()
        self.result.seconds = time.monotonic() - self.began
        self._keep_or_remove()
        return self.result

    async def end(self):
        """No client, no server any more; may be called twice."""
        if self.load:
            await self.load.end()
            await self.load.gone()
        await self._end_server()

    async def _end_server(self):
        if self.server is None or self.server.process is None or self.server is self.stage.shared_server:
            return
        try:
            if self.server.alive and (code := await self.server.stop_in_order()) != 0:
                self.problem(f"the server ended with {code}")
        except Exception as failure:
            self.problem(str(failure))
        self.server.kill()

    def _keep_or_remove(self):
        if self.result.good:
            return shutil.rmtree(self.folder, ignore_errors=True)
        if self.server is not None and self.server is self.stage.shared_server:
            self.stage.discard_big_server(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.result.folder = str(self.folder)
        (self.folder / "transcript").write_text("\n".join(self._transcript) + "\n")
        (self.folder / "messages").write_text("".join(f"{m}\n" for m in self.ledger.sent.values()))
        (self.folder / "handed").write_text("".join(f"{client} {one}\n" for client, all_ in self.ledger.handed.items()
                                                    for one in all_))
        (self.folder / "verdict").write_text("\n".join(self.result.problems + self.result.details) + "\n")
