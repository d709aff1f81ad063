"""Section O: operation. And two servers on one port."""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time


from abuses.cases import Group
from abuses.client import HEADER, Client, address, auth, bind, plain, secrets
from abuses.server import MIB, PROGRAM, free_ports, wait_until

CASES = Group()
NOBODY = 65534
AS_ROOT = os.geteuid() == 0


def warm_up(stage, server):
    """What a server keeps once it has worked: buffers, parsers, arenas. Not counted to the cases."""
    clients = [Client(server.tls_port if i % 2 else server.plain_port, source=address(i)) for i in range(600)]
    for i, one in enumerate(clients):
        if i % 2:
            one.secure()
        one.send(HEADER + "<message" * (i % 5))
    for one in clients:
        one.close()
    for i in range(50):
        server.log_in("warm", f"r{i}").close()
    wait_until(lambda: server.sessions() == 1, 5)


def serve(config, data, user=None):
    """What a start that must fail says: exit code, its words."""
    try:
        done = subprocess.run([str(PROGRAM), "serve", "--config", str(config), "--data", str(data)], user=user,
                              capture_output=True, text=True, timeout=15)
    except subprocess.TimeoutExpired:
        raise AssertionError("it serves") from None
    return done.returncode, done.stderr


def complaints(words):
    """What it says beside its log."""
    return [line for line in words.splitlines() if line.startswith("rookery: ")]


@CASES.case()
def port_taken(stage, server):
    """Two servers must not share a port in silence: the second one ends, and its error line names the port. Nor a data
    folder."""
    other = stage.scratch / "second"
    code, words = serve(server.config, other)
    assert code == 1 and [f"port {server.port}: taken" in line for line in complaints(words)] == [True], (code, words)
    elsewhere = stage.scratch / "second.yml"
    elsewhere.write_text(f"hosts: [localhost]\nlisten: [{{port: {free_ports(1)[0]}, ip: 127.0.0.1}}]\n")
    code, words = serve(elsewhere, server.data)
    assert code == 1 and ["another process uses it" in line for line in complaints(words)] == [True], (code, words)
    with Client(server.port) as one:
        one.open_stream()
    assert server.ask("status")["result"]["status"] == "running"
    return "both refused with a line each"


BAD_CONFIGS = {  # what the one line must say
    "hostz: [localhost]\n": r"bad.yml:1:1: .*hosts",
    "hosts: [localhost]\nlogleevel: info\n": r"bad.yml:2:1: .*loglevel",
    "hosts: [localhost]\nlisten:\n  - {port: many}\n": r"bad.yml:3:12: .*port",
    "hosts: [localhost]\nhosts: [other]\n": r"bad.yml:2:1: .*(twice|duplicate|already)",
    "hosts: [localhost]\nlisten:\n\t- {port: 5222}\n": r"bad.yml:3:1: .*tab",
    "hosts: [localhost]\nmodules: {pingg: {}}\n": r"bad.yml:2:11: .*ping",
    "hosts: [localhost]\nmodules: {ping: {send_ping: true}}\n": r"bad.yml:2:18: .*send_pings",
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(10 * ['*' + chr(97 + i)])}]\n" for i in range(9)):
        r"bad.yml:\d+:\d+: .*alias",
    "hosts: [localhost": r"bad.yml:1:\d+: ",
    "": r"bad.yml:1:1: .*hosts",
}


@CASES.case()
def o1_bad_config(stage, _):
    """O1: config with an unknown key, wrong type, duplicate key, tabs, an alias bomb: refuses to start with file, line,
    column, nearest known key; alias expansion is capped."""
    config = stage.scratch / "bad.yml"
    slowest = 0
    for text, wanted in BAD_CONFIGS.items():
        config.write_text(text)
        begin = time.monotonic()
        code, words = serve(config, stage.scratch / "bad-data")
        slowest = max(slowest, time.monotonic() - begin)
        assert code == 1, f"exit code {code} for {text!r}: {words}"
        assert re.search(wanted, words), f"{text[:60]!r} got {words!r}"
    assert not (stage.scratch / "bad-data").exists(), "a refused start made a data folder"
    assert slowest < 2, f"{slowest:.1f} s"
    return f"{len(BAD_CONFIGS)} refused, the slowest in {slowest * 1000:.0f} ms"


@CASES.case()
def o2_bad_reload(stage, server):
    """O2: config reload with an error: the old config stays, a clear log line, the exit code is not 0."""
    good, begin = server.config.read_text(), server.log_size()
    try:
        server.config.write_text(good.replace("max_user_sessions: 1000", "max_user_sessions: 1001\nloglevl: info"))
        done = server.tool("reload_config")
        assert done.returncode == 1, done
        assert re.search(r"rookery.yml:\d+:1: .*loglevel", done.stderr), done.stderr
        assert "reload_refused" in server.log_text(begin)
        server.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: server.log_text(begin).count("reload_refused") == 2, 2), "SIGHUP: no line in the log"
        server.log_in("other").close()
    finally:
        server.config.write_text(good)
    done = server.tool("reload_config")
    assert done.returncode == 0 and done.stdout == "nothing has changed\n", done
    return "refused twice, nothing has changed"


@CASES.case()
def o3_data_folder(stage, server):
    """O3: data folder not writable, of a wrong owner, on a full disk: exits with one clear line at start."""
    if not AS_ROOT:
        return "left out: not root"
    tried = 0
    config = stage.scratch / "o3.yml"
    config.write_text(f"hosts: [localhost]\nlisten: [{{port: {free_ports(1)[0]}, ip: 127.0.0.1}}]\n")
    theirs = stage.scratch / "of-root"
    theirs.mkdir(mode=0o755)
    under = theirs / "below"
    database = stage.scratch / "with-database"
    database.mkdir()
    os.chown(database, NOBODY, NOBODY)
    (database / "rookery.db").touch(0o600)
    file = stage.scratch / "a-file"
    file.touch()
    for folder in (theirs, under, database, file):
        code, words = serve(config, folder, NOBODY)
        assert code == 1 and str(folder) in words and words.count("\n") == 1, (folder.name, code, words)
        tried += 1
    full = stage.scratch / "full"
    full.mkdir()
    for size in ("4k", "64k"):
        done = subprocess.run(["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o size={size} tmpfs {full} && exec {PROGRAM} serve "
                               f"--config {config} --data {full}"], capture_output=True, text=True, timeout=15)
        assert done.returncode == 1 and done.stderr.count("\n") <= 2 and str(full) in done.stderr, done
        tried += 1
    return f"{tried} folders refused"


def kept_data(stage, name):
    """A data folder with accounts and messages, of a server that has ended; and its configuration."""
    server = stage.start()
    server.account("absent")
    sender = server.log_in("sender")
    for i in range(200):
        sender.send(f"<message type='chat' to='absent@localhost' id='m{i}'><body>{i}</body></message>")
    sender.ping()
    sender.close()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 0
    data = stage.scratch / name
    shutil.copytree(server.data, data, ignore=shutil.ignore_patterns("control"))
    config = stage.scratch / f"{name}.yml"
    config.write_text(f"hosts: [localhost]\nlisten: [{{port: {free_ports(1)[0]}, ip: 127.0.0.1}}]\n")
    return data, config


def starts(config, data):
    """Does it serve? Then it is stopped again."""
    process = subprocess.Popen([str(PROGRAM), "serve", "--config", str(config), "--data", str(data)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    served = wait_until(lambda: (data / "control").exists() or process.poll() is not None, 10) and process.poll() is None
    process.terminate()
    process.wait(15)
    return served


@CASES.case()
def o4_newer_database(stage, _):
    """O4: newer database schema: refuses, names the versions, changes nothing; half-done migration: tests/storage/schema_test."""
    data, config = kept_data(stage, "newer")
    assert starts(config, data), "not even as it was"
    with contextlib.closing(sqlite3.connect(data / "rookery.db")) as database:
        ours = dict(database.execute("SELECT key, value FROM meta"))
        database.executemany("UPDATE meta SET value = ? WHERE key = ?", [("901", "schema"), ("900", "oldest_schema"), ("77.1", "oldest_program")])
        database.commit()
        theirs = dict(database.execute("SELECT key, value FROM meta"))
    code, words = serve(config, data)
    assert code == 1 and len(complaints(words)) == 1, (code, words)
    assert "schema 901" in words and "77.1 or newer" in words and f"schema {ours['schema']}" in words, words
    with contextlib.closing(sqlite3.connect(data / "rookery.db")) as database:
        assert dict(database.execute("SELECT key, value FROM meta")) == theirs
        database.executemany("UPDATE meta SET value = ? WHERE key = ?", [(value, key) for key, value in ours.items()])
        database.commit()
    assert starts(config, data), "the refused start has changed something"
    return complaints(words)[0]


@CASES.case()
def o5_damaged_database(stage, _):
    """O5: 64 random bytes of the SQLite file overwritten: detected at start; never silent."""
    data, config = kept_data(stage, "damaged")
    file = data / "rookery.db"
    whole = file.read_bytes()
    pages = len(whole) // 4096
    chance = random.Random(5)
    tries = stage.scaled(8, 200)
    for i in range(tries):
        at = chance.randrange(pages) * 4096  # where a page says what it is; within a text nothing can be noticed
        file.write_bytes(whole[:at] + chance.randbytes(64) + whole[at + 64:])
        code, words = serve(config, data)
        assert code == 1 and len(complaints(words)) == 1 and "rookery.db" in words, (i, at, code, words)
    file.write_bytes(whole)
    assert starts(config, data), "the file as it was is refused, too"
    return f"{tries} refused"


@CASES.case()
def o6_many_slow_readers(stage, _):
    """O6: little memory, many slow readers: sheds the slowest, refuses new sessions at the watermark (tests/c2s/shedding_test),
    never OOM-killed. Here the watermark is 16 MiB."""
    server = stage.start(more="max_client_backlog: 16 MB")
    return burden_slow_readers(server, readers=stage.scaled(12, 500), most=48 * MIB)


@CASES.case()
def o6_in_a_control_group(stage, _):
    """O6 as it stands in the list: 256 MiB, and nothing configured: the watermark is a quarter of what the group has."""
    with MemoryGroup(256 * MIB) as group:
        if not group.works:
            return "not tried: no control group can be made here"
        server = stage.start(group=group.path)
        readers = stage.scaled(40, 5_000)
        burden_slow_readers(server, readers, most=128 * MIB, kept=64 * MIB)  # the allocator keeps some of it, once
        said = burden_slow_readers(server, readers, most=128 * MIB)
        server.stop()
    return said


class MemoryGroup:
    """A control group (version 1 or 2) below our own with so much memory, if we may make one."""

    def __init__(self, limit):
        ways = [(pathlib.Path("/sys/fs/cgroup/memory"), "memory", "memory.limit_in_bytes"), (pathlib.Path("/sys/fs/cgroup"), "", "memory.max")]
        ours = dict(line.split(":")[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().split())
        self.works = False
        for top, controller, file in ways:
            self.path = top / ours.get(controller, "/").lstrip("/") / f"rookery-abuse-{os.getpid()}"
            with contextlib.suppress(OSError):
                self.path.mkdir()
                (self.path / file).write_text(str(limit))
                self.works = True
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.path.rmdir()


def burden_slow_readers(server, readers, most, kept=8 * MIB):
    """Sends to clients that take nothing until some of them have had to go; then, and not before, all is as it was."""
    friend, neighbour = server.log_in("friend"), server.log_in("neighbour")
    slow = [server.log_in(f"reader{i // 900}", f"r{i}", receive_buffer=4096, source=address(i)) for i in range(readers)]
    for one in slow:
        one.send("<enable xmlns='urn:xmpp:sm:3'/>")
        one.expect("<enabled")
    before, peak, sent, body = server.memory(), 0, 0, "x" * 100_000
    begin = server.log_size()
    while server.log_text(begin).count("session_shed") < 6:
        assert sent < 10_000 * MIB, "nobody had to go"
        for i in range(readers):
            friend.send(f"<message type='headline' to='reader{i // 900}@localhost/r{i}'><body>{body}</body></message>")
        sent += readers * len(body)
        friend.ping(60)
        peak = max(peak, server.memory() - before)
    shed = server.log_text(begin).count("session_shed")
    assert peak < most, f"the server grew by {peak / MIB:.0f} MiB"
    assert neighbour.ping() < 0.2 and server.sessions() == readers + 2 - shed
    server.log_in("newcomer").close()
    for one in [*slow, friend, neighbour]:
        one.close()
    assert wait_until(lambda: server.memory() - before < kept, 10), f"{(server.memory() - before) / MIB:.0f} MiB are kept"
    return f"{shed} of {readers} shed after {sent / MIB:.0f} MiB, {peak / MIB:.0f} MiB at the most"


@CASES.case()
def o8_shutdown(stage, _):
    """O8: SIGTERM with 10,000 sessions: system-shutdown to all, exit 0 in at most 10 s."""
    server = stage.start()
    count = stage.scaled(3_000, 19_000)  # 20,000 files a process is the limit here
    sessions, stalled = [], []
    for i in range(count):
        user = f"user{i // 900}"
        one = Client(server.plain_port, source=address(i))
        one.send(HEADER + plain(user, server.account(user)) + HEADER + bind(f"r{i}"))
        sessions.append(one)
        if i >= 50:
            sessions[i - 50].expect("</jid></bind></iq>")
    for one in sessions[-50:]:
        one.expect("</jid></bind></iq>")
    talker = server.log_in("talker")
    for i in range(3):
        stalled.append(server.log_in("reader", f"r{i}", tls=True, receive_buffer=4096))
        for _ in range(40):
            talker.send(f"<message type='headline' to='reader@localhost/r{i}'><body>{'x' * 100_000}</body></message>")
    talker.ping()
    assert server.sessions() == count + 4
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    for one in sessions:
        text = one.rest(10)
        assert text.endswith("</stream:stream>") and "<system-shutdown" in text, text
    told = time.monotonic() - begin
    code = server.process.wait(15)
    took = time.monotonic() - begin
    assert code == 0 and took <= 10, f"exit code {code} after {took:.1f} s"
    return f"{count} told within {told:.1f} s, exit 0 after {took:.1f} s (3 take nothing)"


def control(server):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(15)
    assert wait_until(lambda: connects(one, server), 2), "nobody accepts"
    return one


def connects(one, server):
    try:
        one.connect(str(server.data / "control"))
        return True
    except BlockingIOError:  # many at once: they wait to be accepted
        return False


def frame(octets):
    return struct.pack(">I", len(octets)) + octets


@CASES.case()
def o9_control_socket(stage, server):
    """O9: control socket by another uid: refused by peer credentials; 10 MB command: error; unknown verb: usage text with
    code 2."""
    with control(server) as one:
        one.sendall(struct.pack(">I", 10_000_000))
        try:
            one.sendall(bytes(10_000_000))
            answer = one.recv(100)
        except ConnectionError:
            answer = b""
        assert answer == b"", answer
    for request, wanted in {b"": "not a request", b"[" * 100_000: "not a request", b"{}": "not a request", b"\xff\xfe": "not a request",
                            b'{"verb": "no\\nsuch"}': "no command", b'{"verb": 7}': "not a request",
                            b'{"verb": "status", "args": [1]}': None}.items():
        with control(server) as one:
            one.sendall(frame(request))
            answer = json.loads(receive_frame(one))
            assert wanted is None or wanted in answer["error"]["message"], (request[:40], answer)
    begin = server.log_size()
    server.tool("queues")
    server.tool("get_loglevel")
    log = server.log_text(begin)
    assert "info command verb=get_loglevel" in log and "info command verb=queues" not in log, log  # who only looks is no event
    unknown = server.tool("no_such_verb")
    assert unknown.returncode == 2 and "--help" in unknown.stderr, unknown
    wrong = server.tool("register", "one")
    assert wrong.returncode == 2 and "usage: rookery register USER HOST PASSWORD" in wrong.stderr, wrong
    idle = [control(server) for _ in range(40)]
    assert wait_until(lambda: sum(is_closed(one) for one in idle) >= 8, 2), "more than 32 connections"
    for one in idle:
        one.close()
    assert wait_until(lambda: can_ask(server), 2)
    if not AS_ROOT:
        return "another uid left out: not root"
    by_mode = server.tool("status", user=NOBODY)
    assert by_mode.returncode == 1 and "denied" in by_mode.stderr.lower(), by_mode
    path = server.data / "control"
    data_mode = server.data.stat().st_mode
    os.chmod(path, 0o666)
    os.chmod(server.data, 0o755)
    try:
        by_credentials = server.tool("status", user=NOBODY)
        assert by_credentials.returncode == 1 and "only the server's own user" in by_credentials.stderr, by_credentials
    finally:
        os.chmod(path, 0o600)
        os.chmod(server.data, data_mode)
    return "refused by mode and by credentials"


def receive_frame(one):
    reply = one.makefile("rb")
    return reply.read(struct.unpack(">I", reply.read(4))[0])


def is_closed(one):
    one.setblocking(False)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def can_ask(server):
    try:
        return server.ask("status")["result"]["status"] == "running"
    except (OSError, struct.error):
        return False


EVIL = "x\n2026-11-22T00:00:00.000Z error forged line=1\x1b[2J\x1b]0;pwned\x07\u202e\u2028\x85"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error|critical) [a-z_0-9]+( [a-z_0-9]+=(\"([^\"\\]|\\.)*\"|[^\s\"]*))*")


def inject(server):
    """Names and texts made to forge lines of the log, wherever a client can put one."""
    escaped = "".join(f"&#{ord(c)};" if ord(c) >= 32 or c == "\n" else "" for c in EVIL)
    with server.client() as one:
        one.open_stream()
        one.send(plain(EVIL, "pw-evil"))
        one.expect("</failure>")
        one.send(auth("SCRAM-SHA-256", f"n,,n={EVIL.replace(',', '')},r={EVIL.replace(',', '')}".encode()))
        one.expect("</failure>", "</challenge>", "</stream:stream>")
    with server.client() as one:
        one.send(HEADER.replace("to='localhost'", f"to='{escaped}'"))
        one.rest(5)
    with server.log_in("injector") as one:
        one.send(f"<message to='{escaped}' id='{escaped}' type='{escaped}'><body>{escaped}</body></message>")
        one.send(f"<iq type='get' id='{escaped}' to='localhost'><query xmlns='{escaped}'/></iq>")
        one.ping()
    with server.client().log_in("injector", server.account("injector")) as one:
        one.open_stream()
        one.send(bind(escaped))
        one.expect("</iq>", "</stream:stream>")
    server.ask(EVIL)
    server.ask("register", user=EVIL, host=EVIL, password="pw-evil-register")
    server.ask("change_password", user="injector", host="localhost", newpass=server.account("injector"))
    secrets.update({"pw-evil", "pw-evil-register"})


@CASES.case()
def o10_injection(stage, server):
    """O10: name or body with newline and escape codes: escaped."""
    begin = server.log_size()
    inject(server)
    text = server.log_text(begin)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u200b-\u200f\u2028-\u202e]", text), "a control character"
    lines = [line for line in text.split("\n") if line]
    assert not any(" forged " in line and " error forged" in line[:40] for line in lines), "a forged line"
    wrong = [line for line in lines if not LINE.fullmatch(line)]
    assert not wrong, wrong[0]
    return f"{len(lines)} lines"


@CASES.case(judges_logs=True)
def o8_all_end_well(stage, _):
    """O8, for every server of this run: exit 0 on SIGTERM. And nothing went wrong inside: no report of a sanitizer."""
    stage.stop()
    ran = [server for server in stage.servers if server.process]
    for server in ran:
        assert server.process.returncode == 0, f"exit code {server.process.returncode}: {server.log_tail()}"
        reports = server.log_words() & {"critical", "Assertion", "AddressSanitizer:", "ThreadSanitizer:", "LeakSanitizer:", "runtime"}
        assert not reports, f"{reports}: {server.log_tail()}"
    return f"{len(ran)} servers"


@CASES.case(judges_logs=True)
def o10_secrets(stage, _):
    """O10: passwords and tokens are never logged: the debug logs of the whole run, searched for the secrets."""
    size = 0
    for server in stage.servers:
        if not server.log.exists():
            continue
        size += server.log_size()
        text = "\n".join(server.log_words())
        for secret in secrets:
            assert secret not in text, f"{secret} is in the log"
    assert size > 0 and secrets
    return f"{len(secrets)} secrets, {size / MIB:.1f} MiB of logs at loglevel debug"
