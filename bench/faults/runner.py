"""Runs rounds, in two processes if there is more than one, and says a line about each."""
import asyncio
import json
import logging
import multiprocessing
import pathlib
import queue as queues
import resource
import shutil
import signal
import sys
import tempfile

from faults import report
from faults.round import Result, Round
from faults.stage import Stage

ROUND_SECONDS = 300  # nothing takes longer


class State:
    """Rounds that are done, so that a long run may be interrupted: one JSON line each."""

    def __init__(self, path):
        self.path = pathlib.Path(path) if path else None

    def done(self):
        if not self.path or not self.path.exists():
            return []
        return [Result(**json.loads(line)) for line in self.path.read_text().splitlines() if line.strip()]

    def add(self, result):
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(json.dumps(vars(result)) + "\n")


def run(faults, jobs, seed, scale, processes, state):
    """`faults`: name -> module; `jobs`: [(name, round)]. All results, also those of the state's file."""
    results = [one for one in state.done() if one.seed == seed and (one.fault, one.round) in set(jobs)]
    known = {(one.fault, one.round) for one in results}
    jobs = [job for job in jobs if job not in known]
    if known:
        print(f"{len(known)} rounds are done already ({state.path})")
    base = pathlib.Path(tempfile.mkdtemp(prefix="rookery-durability."))
    try:
        Stage(base, base).prepare({name for fault, _ in jobs for name in getattr(faults[fault], "TEMPLATES", ())})
        for result in _in_processes(faults, jobs, seed, scale, max(1, min(processes, len(jobs))), base):
            print(report.line(result), flush=True)
            state.add(result)
            results.append(result)
    finally:
        _remove_unless_kept(base, results)
    return results


def _in_processes(faults, jobs, seed, scale, processes, base):
    """Rounds of one fault go to one process where the fault says so (F1: it has the large database)."""
    context = multiprocessing.get_context("fork")
    todo, done = context.Queue(), context.Queue()
    own, rest = [], []
    for job in jobs:
        (own if getattr(faults[job[0]], "ONE_PROCESS", False) else rest).append(job)
    for job in rest + [None] * processes:
        todo.put(job)
    workers = [context.Process(target=_work, args=(faults, own if number == 0 else [], todo, done, seed, scale, base,
                                                   number)) for number in range(processes)]
    for worker in workers:
        worker.start()
    try:
        for _ in jobs:
            yield _next(done, workers)
    finally:
        for worker in workers:
            worker.join(30)
            worker.kill()


def _next(done, workers):
    while True:
        try:
            return done.get(timeout=1)
        except queues.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise SystemExit("durability: a process of the bench died") from None


def _work(faults, own, todo, done, seed, scale, base, number):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of connections that end, as they shall here
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    stage = Stage(base, base / f"rounds{number}")
    try:
        for name, round_number in own:
            done.put(_play(stage, faults[name], name, round_number, seed, scale))
        stage.end()
        while (job := todo.get()) is not None:
            done.put(_play(stage, faults[job[0]], job[0], job[1], seed, scale))
    finally:
        stage.end()


def _play(stage, fault, name, number, seed, scale):
    round_ = Round(stage, name, number, seed, scale)

    async def limited():
        async with asyncio.timeout(ROUND_SECONDS):
            return await round_.play(fault.play)
    try:
        return asyncio.run(limited())
    except BaseException as failure:
        round_.problem(f"{type(failure).__name__}: {failure}")
        if round_.server:
            round_.server.kill()
        return round_.result


def _remove_unless_kept(base, results):
    if not any(result.folder.startswith(str(base)) for result in results):
        return shutil.rmtree(base, ignore_errors=True)
    for name in ("million", "full-log", *(path.name for path in base.glob("big.*"))):
        shutil.rmtree(base / name, ignore_errors=True)
    print(f"kept: {base}", file=sys.stderr)
