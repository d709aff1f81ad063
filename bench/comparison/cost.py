"""What a message is made of: instructions by callgrind, and time by part of the program by perf.

Instructions: the server runs under valgrind twice, with few and with many messages; the difference of the two, over the
difference in messages, has neither start nor logins in it. User space only: callgrind does not see the kernel.

Parts: perf samples the server's time (cpu-clock) while it is loaded, logins included. Each sample goes where the first
of RULES that fits says; a rule sees the library, or for the program itself the source file of the function (what is
inlined counts for the function around it). What no rule fits is shown as not attributed.
"""
import collections
import pathlib
import re
import shutil
import signal
import subprocess
import time

import servers

TOOL = ["valgrind", "--tool=callgrind", "--trace-children=yes"]
PATIENCE = 600  # s: of those that start and stop a server under valgrind
SAMPLES_PER_SECOND = 1_999
LEAST_PER_CENT = 0.01  # of all samples; perf's lines below that are left out

REST = "not attributed"
RULES = (  # (part, library or source file)
    ("kernel", r"^\[(kernel|guest\.kernel|vdso)"),
    ("TLS", r"^lib(ssl|crypto)\.so"),
    ("XML", r"^libexpat\.so"),
    ("storage", r"^lib(sqlite3|pq)\.so"),
    ("memory and copying", r"^lib(c|stdc\+\+|jemalloc)\.so|^libc-"),
    ("TLS", r"^net/.*tls|^bench/wire/tls"),
    ("XML", r"^xmpp/(xml|stanza|parser|element|writer)"),
    ("storage", r"^storage/"),
    ("sockets and loop", r"^(net|bench/wire)/"),
    ("streams and sessions", r"^(c2s|s2s)/"),
    ("routing and modules", r"^(core|modules|server)/|^bench/relay"),
    ("addresses, text, tasks", r"^(base|xmpp)/"),
)
PARTS = (*dict.fromkeys(part for part, _ in RULES), REST)


def missing():
    return [f"{tool} is not installed (tools/install peers)" for tool in ("valgrind", "perf") if not shutil.which(tool)]


# Instructions

def instrument(server):
    server.start_seconds = server.stop_seconds = PATIENCE
    for old in server.scratch.glob("callgrind.*"):
        old.unlink()
    server.wrapper = [*TOOL, f"--callgrind-out-file={server.scratch}/callgrind.%p"]


def restore(server):
    server.wrapper = ()
    server.start_seconds, server.stop_seconds = servers.START_SECONDS, servers.STOP_SECONDS


def instructions(server):
    """Of all its processes, which have ended."""
    files = list(server.scratch.glob("callgrind.*"))
    if not files:
        raise servers.Failure(f"valgrind wrote nothing for {server.name}: {server.log_tail()}")
    return sum(total_of(file.read_text(errors="replace")) for file in files)


def total_of(profile):
    """The instructions of a callgrind file."""
    totals = re.findall(r"^(?:totals|summary):\s*(\d+)", profile, re.MULTILINE)
    return max(map(int, totals), default=0)


def per_unit(few, many):
    """Of two runs (instructions, units)."""
    return (many[0] - few[0]) / (many[1] - few[1])


# Parts

class Sampling:
    """perf beside a server, from `with` to its end."""

    def __init__(self, server):
        self._data = pathlib.Path(server.scratch) / "perf.data"
        self._command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "-o",
                         str(self._data), "-p", ",".join(map(str, server.pids))]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # until it has attached
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def lines(self):
        return subprocess.run(["perf", "report", "-i", str(self._data), "--stdio", "--no-children", "--no-demangle",
                               "--sort", "dso,symbol", "-F", "overhead,dso,symbol", "-t", "\t", "--percent-limit",
                               str(LEAST_PER_CENT)], capture_output=True, text=True).stdout.splitlines()


def samples(lines):
    """(per cent, library, symbol) of perf's lines: "12.3% <tab>library <tab>[.] symbol"."""
    for line in lines:
        found = re.match(r"\s*([\d.]+)%\s*\t\s*(\S+)\s*\t\s*\[.\]\s*(\S+)", line)
        if found:
            yield float(found[1]), found[2], found[3]


def part_of(place):
    return next((part for part, rule in RULES if re.search(rule, place)), REST)


def shares(lines, program, source_of):
    """Part -> its share of all, which sum up to 1; `source_of`: symbol -> source file, of the program's own."""
    sums = collections.Counter({REST: 1.0})
    for percent, library, symbol in samples(lines):
        place = source_of.get(symbol, "?") if library == program else library
        sums[part_of(place)] += percent / 100
        sums[REST] -= percent / 100
    return {part: max(sums[part], 0.0) for part in PARTS if sums[part] > 0}


def sources(program, symbols):
    """Symbol -> source file below the tree, by nm and addr2line."""
    listed = subprocess.run(["nm", str(program)], capture_output=True, text=True).stdout.splitlines()
    addresses = {line.split()[2]: line.split()[0] for line in listed if len(line.split()) == 3}
    wanted = [symbol for symbol in symbols if symbol in addresses]
    asked = subprocess.run(["addr2line", "-a", "-i", "-e", str(program)], capture_output=True, text=True,
                           input="\n".join(addresses[symbol] for symbol in wanted))
    return dict(zip(wanted, outermost_files(asked.stdout.splitlines())))


def outermost_files(lines):
    """Of addr2line -a -i: after each address the inlined functions' places, the function's own last."""
    files = []
    for line in lines:
        if line.startswith("0x"):
            files.append("?")
        else:
            files[-1] = in_tree(line.split(" ")[0].rsplit(":", 1)[0])
    return files


def in_tree(path):
    return path.split("/../../", 1)[1] if "/../../" in path else path


def parts(lines, program):
    own = pathlib.Path(program).name
    symbols = {symbol for _, library, symbol in samples(lines) if library == own}
    return shares(lines, own, sources(program, symbols))
