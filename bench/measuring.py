"""What the benches that drive bench_load have in common: running it, the machine in a line, bars met or missed."""
import datetime
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN_SECONDS = 600
TLS_NAMES = {"none": "plaintext", "direct": "TLS 1.3"}


class Load:
    """bench_load, on a core of its own or, with None, wherever there is room."""

    def __init__(self, tools, core):
        self.program, self.core = tools / "bench_load", core

    def text(self, *options, seconds=RUN_SECONDS):
        pinned = [] if self.core is None else ["taskset", "-c", str(self.core)]
        command = [*pinned, str(self.program), *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        if done.returncode != 0:
            raise servers.Failure(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def accounts(self, users):
        return [tuple(line.split()) for line in self.text("accounts", "--users", users).splitlines()]

    def run(self, scenario, server, tls, *options, seconds=RUN_SECONDS):
        """The scenario against a servers.Server that runs."""
        port = server.port if tls == "none" else server.tls_port
        pids = ",".join(map(str, server.pids))
        return json.loads(self.text(scenario, "--server", f"127.0.0.1:{port}", "--server-pid", pids, "--tls", tls,
                                    "--json", "--deadline", seconds // 2, *options, seconds=seconds))


class Rounds:
    """bench_load's results, by whatever tells the runs apart."""
    HEAD = f"{'':26}{'median':>12}{'lowest':>12}{'highest':>12}"

    def __init__(self):
        self.results = {}  # key -> list of results

    def add(self, key, result):
        self.results.setdefault(key, []).append(result)

    def values(self, key, field):
        """Of the rounds that have the field."""
        return [result[field] for result in self.results[key] if field in result]

    def median(self, key, field):
        return statistics.median(self.values(key, field))

    def lines(self, key, fields):
        """Of a table below HEAD. `fields`: (field, what to call it)."""
        for field, name in fields:
            if values := self.values(key, field):
                yield f"  {name:24}{statistics.median(values):12,.2f}{min(values):12,.2f}{max(values):12,.2f}"


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) // 1024 for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return [f"date      {datetime.date.today()}", f"command   {shlex.join(sys.argv)}",
            f"commit    {commit.stdout.strip()}",
            f"machine   {cpu}, {os.cpu_count()} cores, {memory} MiB, Linux {platform.release()}"]


def judge(bars):
    """Of (what, measured, word, bar) with the word "at most" or "at least": lines, and how many are missed."""
    lines, missed = [], 0
    for what, measured, word, bar in bars:
        met = measured <= bar if word == "at most" else measured >= bar
        missed += not met
        lines.append(f"{'met   ' if met else 'MISSED'}  {what}: {measured:,.2f}, {word} {bar:,}")
    return lines, missed


def finish(text, results):
    print("\n" + text)
    if results:
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_text(text)
