"""Section T: TCP and connections."""
import concurrent.futures
import ctypes
import os
import resource
import subprocess
import threading
import time

from abuses.cases import Group
from abuses.client import HEADER, STARTTLS, Client, Gone, address, auth, bind, plain
from abuses.server import MIB, wait_until

CASES = Group()
HELLO_START = b"\x16\x03\x01\x02\x00"  # a record with 512 bytes of ClientHello to come


def closing_times(clients, seconds):
    """When each was closed, and what it had been told."""
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as readers:
        def wait(one):
            text = one.rest(seconds)
            return time.monotonic() - begin, text
        return list(readers.map(wait, clients))


def need_times(times, low, high):
    for seconds, _ in times:
        assert low <= seconds <= high, f"closed after {seconds:.1f} s"


@CASES.case(waits=True)
def t1_silence(stage, server):
    """T1: connects and sends nothing: closed after 10 s (connection-timeout), the slot is free."""
    clear = [Client(port) for port in 10 * [server.port, server.plain_port]]
    direct = [Client(server.tls_port) for _ in range(10)]
    times = closing_times(clear + direct, 13)
    need_times(times, 9.5, 11.5)
    assert all("<connection-timeout" in text for _, text in times[:len(clear)]), times[0]
    return f"{len(times)} closed after {min(times)[0]:.1f} to {max(times)[0]:.1f} s"


@CASES.case(memory=2 * MIB)
def t2_connect_storm(stage, server):
    """T2: 1,000,000 connect/close in a row, in batches of 500: growth under 2 MiB, no descriptor left."""
    count = stage.scaled(20_000, 1_000_000)

    def batch(first):
        sockets = [Client(server.plain_port, source=address(first + i)) for i in range(500)]
        for i, one in enumerate(sockets):
            if i % 3 == 1:
                one.send(HEADER[:i % len(HEADER)])
            one.reset() if i % 3 == 2 else one.close()

    for first in range(0, count // 4, 500):
        batch(first)
    after_a_quarter = server.memory()
    for first in range(count // 4, count, 500):
        batch(first)
    wait_until(lambda: server.memory() - after_a_quarter < MIB, 3)
    growth = server.memory() - after_a_quarter
    assert growth < 2 * MIB, f"grew by {growth / MIB:.2f} MiB after the first quarter"
    return f"{count} connections, {growth / MIB:+.2f} MiB over the last three quarters"


@CASES.case(waits=True)
def t3_slow_login(stage, server):
    """T3: the header byte by byte; or TLS, login and the move home late, and no binding: closed when the 30 s for the
    login are used up (the total counts, not the gap)."""
    begin = time.monotonic()
    dribbler = Client(server.plain_port)
    users = [f"slow{i}" for i in range(4)]  # at home on both shards
    passwords = [server.account(user) for user in users]
    slow = [Client(server.port) for _ in users]
    spaces = {}
    for tick in range(12):
        time.sleep(max(0.0, begin + 2.5 * tick - time.monotonic()))
        dribbler.send(HEADER[tick])
        for one, user, password in zip(slow, users, passwords):
            if tick == 0:
                one.open_stream()
            elif tick == 3:
                one.start_tls()
                one.open_stream()
            elif tick == 6:
                one.send(plain(user, password))
                one.expect("<success")
            elif tick == 9:
                one.open_stream()
            else:
                one.send(" ")
    before = time.monotonic() - begin
    times = [(before + seconds, text) for seconds, text in closing_times([dribbler, *slow], 8)]
    need_times(times, 29.5, 31.5)
    assert all("<connection-timeout" in text for _, text in times), times
    return f"5 closed after {min(times)[0]:.1f} to {max(times)[0]:.1f} s"


@CASES.case(waits=True)
def t4_cut_hello(stage, server):
    """T4: a ClientHello cut after 5 bytes, held open: closed after 10 s."""
    direct, dribbling, upgraded = Client(server.tls_port), Client(server.tls_port), Client(server.port)
    upgraded.open_stream()
    upgraded.send(STARTTLS)
    upgraded.expect("<proceed")
    for one in (direct, dribbling, upgraded):
        one.send(HELLO_START)
    dribble = threading.Thread(target=send_slowly, args=(dribbling, b"\x01\0\x01\xfc\x03\x03\0\0\0"))
    dribble.start()
    times = closing_times([direct, dribbling, upgraded], 13)
    dribble.join()
    need_times(times, 9.5, 11.5)
    return f"3 closed after {min(times)[0]:.1f} to {max(times)[0]:.1f} s"


def send_slowly(one, octets):
    for octet in octets:
        time.sleep(1)
        try:
            one.send(bytes([octet]))
        except OSError:
            return


@CASES.case()
def t5_one_address(stage, server):
    """T5: 600 connections from one address within 1 s: past 200 that have not logged in: accepted and closed at once;
    others are not affected."""
    begin = time.monotonic()
    flood = [Client(server.plain_port, source="127.0.0.1") for _ in range(600)]
    took = time.monotonic() - begin
    assert took < 1, f"the flood took {took:.1f} s"
    begin = time.monotonic()
    server.log_in("other", source="127.0.0.2").close()
    other = time.monotonic() - begin
    assert wait_until(lambda: sum(one.is_open() for one in flood) <= 200, 2), "more than 200 stay"
    left = sum(one.is_open() for one in flood)
    assert left >= 100, f"only {left} may stay"
    for one in flood:
        one.close()
    assert wait_until(lambda: is_welcome(server), 3), "the address is not welcome again"
    return f"{left} of 600 stay, another address logs in within {other * 1000:.0f} ms"


def is_welcome(server):
    try:
        with Client(server.plain_port) as one:
            one.open_stream()
            return True
    except (Gone, OSError):
        return False


def flood(server, sender, to, size_limit, closed):
    """Headlines of 1 kB until `closed()` or as many bytes as that; the bytes sent."""
    message = f"<message type='headline' to='{to}'><body>{'x' * 1000}</body></message>"
    chunk = (message * 50).encode()
    sent = 0
    while sent < size_limit and not closed():
        sender.send(chunk)
        sent += len(chunk)
    return sent


@CASES.case()
def t6_slow_reader(stage, server):
    """T6: logged in, never reads, is flooded by a friend: at 4 MiB closed; the memory comes back."""
    friend = server.log_in("friend")
    reader = server.log_in("reader", "slow", tls=True, receive_buffer=4096)
    before, log_before = server.memory(), server.log_size()
    peak = [before]

    def closed():
        peak[0] = max(peak[0], server.memory())
        return "the client reads too slowly" in server.log_text(log_before)

    sent = flood(server, friend, "reader@localhost/slow", 64 * MIB, closed)
    assert wait_until(closed, 2), f"not closed after {sent / MIB:.0f} MiB"
    grew = peak[0] - before
    # The output, and the smaller buffers it grew out of: the allocator gives those back within a second or two.
    assert grew < 12 * MIB, f"the server grew by {grew / MIB:.1f} MiB"
    assert server.sessions() == 2  # the friend, the bystander
    friend.close()
    reader.close()
    return f"closed after {sent / MIB:.1f} MiB, {grew / MIB:.1f} MiB at the most"


@CASES.case()
def t6_stalled_reader(stage, server):
    """T6, send_timeout: takes nothing and stays below the limit: closed after the listener's 2 s."""
    friend = server.log_in("friend")
    reader = server.log_in("reader", "stalled", receive_buffer=4096)
    begin = time.monotonic()
    # The friend is slowed down meanwhile.
    writing = threading.Thread(target=flood, args=(server, friend, "reader@localhost/stalled", 6 * MIB, lambda: False))
    writing.start()
    time.sleep(1)
    assert server.sessions() == 3, "closed too soon"
    assert wait_until(lambda: server.sessions() == 2, 5), "still there after 6 s"
    took = time.monotonic() - begin
    writing.join()
    friend.ping()
    friend.close()
    reader.close()
    return f"closed after {took:.1f} s"


class Namespaces:
    """Two network namespaces and a wire between them, for the thread that makes this: the server's, where it is then,
    and the peers', where `there` does things."""
    NEW_NETWORK = 0x40000000  # CLONE_NEWNET
    SERVER, PEERS = "10.99.0.1", "10.99.0.2"

    def __init__(self):
        self.work, self.done = [], []
        self.ready, self.turn, self.answered = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
        self.unshare()
        self.ip("link add here type veth peer name there", "link set lo up", f"addr add {self.SERVER}/24 dev here")
        threading.Thread(target=self._live_there, daemon=True).start()
        self.ready.wait()
        self.ip(f"link set there netns /proc/{os.getpid()}/task/{self.thread}/ns/net", "link set here up")
        self.there(lambda: self.ip(f"addr add {self.PEERS}/24 dev there", "link set there up"))

    @classmethod
    def unshare(cls):
        if ctypes.CDLL(None, use_errno=True).unshare(cls.NEW_NETWORK) != 0:
            raise PermissionError(os.strerror(ctypes.get_errno()))

    @staticmethod
    def ip(*commands):
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)

    def _live_there(self):
        self.unshare()
        self.thread = threading.get_native_id()
        self.ready.set()
        while True:
            self.turn.acquire()
            self.done.append(self.work.pop()())
            self.answered.release()

    def there(self, work):
        self.work.append(work)
        self.turn.release()
        self.answered.acquire()
        return self.done.pop()


PINGS = "modules: {ping: {send_pings: true, ping_interval: 1 s, ping_ack_timeout: 2 s, timeout_action: kill}, disco: {}}"


@CASES.case(waits=True)
def t7_vanished_peer(stage, _):
    """T7: the peer vanishes with no FIN: detected in at most 90 s; here by the answer to a ping (1 + 2 s), and, with
    --full, by what is not acknowledged (TCP_USER_TIMEOUT)."""
    try:
        wire = Namespaces()
    except PermissionError as error:
        return "left out: no network namespace: " + str(error)
    pinging = stage.start(ip="0.0.0.0", more=PINGS)
    quiet = stage.start(ip="0.0.0.0")
    peers = []
    for server in (pinging, quiet):
        password = server.account("gone")
        for resource in ("a", "b"):
            peers.append(wire.there(lambda: Client(server.plain_port, host=wire.SERVER).log_in("gone", password, resource)))
        assert server.sessions() == 2
    time.sleep(0.3)  # what was sent is acknowledged
    begin = time.monotonic()
    wire.there(lambda: wire.ip("link set there down"))
    assert wait_until(lambda: pinging.sessions() == 0, 8), "no answer to a ping, and still there"
    by_ping = time.monotonic() - begin
    if not stage.full:
        return f"seen after {by_ping:.1f} s by ping; TCP_USER_TIMEOUT with --full"
    sender = quiet.log_in("sender")
    begin = time.monotonic()
    sender.send("<message to='gone@localhost/a' type='headline'><body>Are you there?</body></message>")
    assert wait_until(lambda: quiet.sessions() == 2, 90), "unacknowledged output, and still there after 90 s"
    return f"seen after {by_ping:.1f} s by ping, after {time.monotonic() - begin:.1f} s by unacknowledged output"


@CASES.case()
def t8_descriptors(stage, _):
    """T8: fd limit 256, 300 connections: accept pauses, existing sessions live, one log line a minute, recovers in at most
    1 s after closes."""
    server = stage.start()
    session = server.log_in("talker")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (256, 256))
    crowd = [Client(server.plain_port, source=address(i)) for i in range(300)]
    assert wait_until(lambda: "accept_paused" in server.log_text(), 2), "no line in the log"
    worst = 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        worst = max(worst, session.ping())
        server.ask("stats")  # the operator gets in
        time.sleep(0.05)
    lines = server.log_text().count("accept_paused")
    assert lines <= 2, f"{lines} lines"  # one a listener
    for one in crowd:
        one.close()
    begin = time.monotonic()
    assert wait_until(lambda: is_welcome(server), 2)
    took = time.monotonic() - begin
    assert took <= 1, f"recovered after {took:.1f} s"
    session.close()
    return f"pings within {worst * 1000:.1f} ms, recovered after {took * 1000:.0f} ms, {lines} log lines"


def in_state(server, state, password, number):
    one = Client(server.port if state == "proceed" else server.plain_port, source=address(number)) if "tls" not in state \
        else Client(server.tls_port, source=address(number))
    if state == "header":
        one.send(HEADER[:50])
    elif state == "features":
        one.open_stream()
    elif state == "proceed":
        one.open_stream()
        one.send(STARTTLS)
        one.expect("<proceed")
    elif state == "tls hello":
        one.send(HELLO_START + bytes(100))
    elif state == "tls":
        one.secure()
        one.send(HEADER)
    elif state == "challenge":
        one.open_stream()
        one.send(auth("SCRAM-SHA-256", b"n,,n=reset,r=abcdefghijklmnop"))
        one.expect("<challenge")
    elif state == "checking":
        one.open_stream()
        one.send(plain("reset", f"not-it-{number}"))
    elif state == "moving":
        one.open_stream()
        one.send(plain("reset", password))
    elif state == "binding":
        one.log_in("reset", password)
        one.send(HEADER + bind(f"r{number}"))
    elif state == "session":
        one.log_in("reset", password, f"r{number}")
        one.send("<presence/>")
    return one


@CASES.case(memory=2 * MIB)
def t10_resets(stage, server):
    """T10: RST in each state (header, TLS, SASL, bind, session): 10,000 times: no leak, no crash, session gone."""
    states = ["header", "features", "proceed", "tls hello", "tls", "challenge", "checking", "moving", "binding", "session"]
    each = stage.scaled(200, 1_000)
    password = server.account("reset")
    for state in states:
        for number in range(each):
            in_state(server, state, password, number).reset()
    assert wait_until(lambda: server.sessions() == 1, 5), f"{server.sessions() - 1} sessions are left"
    return f"{each * len(states)} resets in {len(states)} states"
