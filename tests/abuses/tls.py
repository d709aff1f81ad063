"""Section L: TLS."""
import concurrent.futures
import os
import select
import ssl
import subprocess
import threading
import time

from abuses.cases import Group
from abuses.client import HEADER, STARTTLS, Client, address, trusting_context
from abuses.server import MIB, Certificate, wait_until

CASES = Group()


@CASES.case()
def l1_behind_starttls(stage, server):
    """L1: <starttls/><iq .../> in one segment, in clear: closed with no further reply in clear."""
    behind = ["<iq type='get' id='x'/>", STARTTLS, HEADER, "\x16\x03\x01\x02", "&", "<"]
    for text in behind:
        with Client(server.port) as one:
            one.open_stream()
            one.send(STARTTLS + text)
            answer = one.rest(5)
            assert answer == "", f"behind {text!r}: {answer}"
    return f"{len(behind)} injections, no answer"


class Tool:
    """openssl s_client on the direct TLS port."""

    def __init__(self, server, *options):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-servername", "localhost", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.output = ""
        assert self.expect("Verify return code", 10), self.output
        time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def read(self):
        octets = self.process.stdout.read()
        self.output += (octets or b"").decode(errors="replace")
        return octets != b""

    def expect(self, text, seconds):
        end = time.monotonic() + seconds
        while text not in self.output:
            select.select([self.process.stdout], [], [], 0.1)
            if not self.read() or time.monotonic() > end:
                return False
        return True

    def command(self, letter):
        os.write(self.process.stdin.fileno(), letter.encode() + b"\n")

    def ended(self, seconds):
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
            time.sleep(0.01)
        self.read()
        return self.process.poll() is not None


@CASES.case()
def l4_renegotiation(stage, server):
    """L4: client-initiated renegotiation (TLS 1.2): refused with an alert."""
    with Tool(server, "-tls1_2") as tool:
        tool.command("R")
        assert tool.ended(5), "renegotiated, or nothing happened"
        assert "no renegotiation" in tool.output, tool.output[-500:]
    return "no_renegotiation"


@CASES.case()
def l4_key_updates(stage, server):
    """L4: 1,000 KeyUpdates a second: a rate past 10/s closes."""
    with Tool(server, "-tls1_3") as gentle:
        for _ in range(5):
            gentle.command("k")
            time.sleep(0.1)
        os.write(gentle.process.stdin.fileno(), HEADER.encode() + b"\n")
        assert gentle.expect("</stream:features>", 5), "5 updates were too many"
    log_before = server.log_size()
    with Tool(server, "-tls1_3") as tool:
        begin = time.monotonic()
        sent = 0
        while not tool.ended(0.001) and time.monotonic() - begin < 5:
            try:
                tool.command("k")
            except BrokenPipeError:
                break
            sent += 1
        assert tool.ended(1), f"{sent} updates, and still open"
        took = time.monotonic() - begin
    assert "tls_flooded" in server.log_text(log_before)
    return f"closed after {took * 1000:.0f} ms and at most {sent} updates"


def shake_hands(server, number, context=None):
    with Client(server.tls_port, source=address(number)) as one:
        one.secure(context or trusting_context())


@CASES.case(memory=2 * MIB)
def l5_handshakes(stage, server):
    """L5: 200,000 TLS 1.3 handshakes: RSS flat."""
    count = stage.scaled(3_000, 200_000)
    context = trusting_context(ssl.TLSVersion.TLSv1_3)

    def some(numbers):
        for number in numbers:
            shake_hands(server, number, context)

    def run(first, last):
        with concurrent.futures.ThreadPoolExecutor(4) as helpers:
            list(helpers.map(some, [range(first + i, last, 4) for i in range(4)]))

    run(0, count // 3)
    after_a_third = server.memory()
    begin = time.monotonic()
    run(count // 3, count)
    rate = (count - count // 3) / (time.monotonic() - begin)
    wait_until(lambda: server.memory() - after_a_third < MIB / 2, 3)
    growth = server.memory() - after_a_third
    assert growth < MIB, f"grew by {growth / MIB:.2f} MiB after the first third"
    return f"{count} handshakes, {rate:.0f}/s, {growth / MIB:+.2f} MiB over the last two thirds"


def client_hello():
    hello = ssl.MemoryBIO()
    one = trusting_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    try:
        one.do_handshake()
    except ssl.SSLWantReadError:
        return hello.read()


def storm(server, count, first):
    """So many strangers who begin a handshake at once; those who were answered."""
    strangers = [Client(server.tls_port, source=address(first + i)) for i in range(count)]
    hello = client_hello()
    for one in strangers:
        one.send(hello)
    answered = 0
    for one in strangers:
        one.receive_some()
        answered += 1
        one.reset()
    return answered


@CASES.case(memory=2 * MIB)
def overload_strangers(stage, server):
    """Issue 4: a storm delays logins, never messages of those who are in: 3,000 handshakes begun in storms of 500, and
    a message to oneself every 10 ms meanwhile."""
    one = server.log_in("calm", tls=True)
    waits, over = [], threading.Event()

    def chat():
        while not over.is_set():
            text = f"<message to='calm@localhost/r' id='m{len(waits)}' type='headline'/>"
            begin = time.monotonic()
            one.send(text)
            one.expect(f"id='m{len(waits)}'")
            waits.append(time.monotonic() - begin)
            time.sleep(0.01)

    chatting = threading.Thread(target=chat)
    chatting.start()
    answered = sum(storm(server, 500, 500 * i) for i in range(6))
    over.set()
    chatting.join()
    one.close()
    slowest = sorted(waits)[-1 - len(waits) // 20]
    assert answered == 3_000, answered
    assert slowest < 0.1, f"95 % of {len(waits)} messages within {slowest * 1000:.0f} ms"
    return f"95 % of {len(waits)} messages within {slowest * 1000:.0f} ms"


@CASES.case()
def l9_early_data(stage, server):
    """L9: 0-RTT: early data is off (no session ticket allows any)."""
    with Tool(server, "-tls1_3") as tool:
        os.write(tool.process.stdin.fileno(), HEADER.encode() + b"\n")
        assert tool.expect("</stream:features>", 5)
        assert "New Session Ticket" not in tool.output or "Max Early Data: 0" in tool.output, tool.output
    return "no ticket" if "New Session Ticket" not in tool.output else "max_early_data 0"


def serial_of(server):
    with Client(server.tls_port) as one:
        one.secure()
        return one.socket.getpeercert(binary_form=True)


@CASES.case(memory=2 * MIB)
def l10_renewal(stage, server):
    """L10: the certificate is renewed and loaded during 1,000 handshakes: none fails, the new chain comes within 1 s."""
    stop, failures, done = threading.Event(), [], []

    def keep_shaking():
        while not stop.is_set():
            try:
                shake_hands(server, len(done))
                done.append(1)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=keep_shaking) for _ in range(3)]
    for thread in threads:
        thread.start()
    slowest, renewals = 0, stage.scaled(4, 20)
    try:
        for number in range(renewals):
            renewed = Certificate(stage.scratch / f"renewed{number}", "localhost")
            wanted = ssl.PEM_cert_to_DER_cert(renewed.certificate.read_text())
            server.use(renewed)
            begin = time.monotonic()
            answer = server.ask("reload_config")
            assert answer["result"] == ["certificates changed"], answer
            assert wait_until(lambda: serial_of(server) == wanted, 1, 0), "the old chain after 1 s"
            slowest = max(slowest, time.monotonic() - begin)
            wait_until(lambda: len(done) > (number + 1) * 1_000 // renewals, 2)
        reload_at_once(server, stage.scaled(10, 100))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, f"{len(failures)} handshakes failed: {failures[0]!r}"
    return f"{renewals} renewals, {len(done)} handshakes, new chain within {slowest * 1000:.0f} ms"


def reload_at_once(server, times):
    """They overlap; the newest reading of the files is what stays."""
    def reload(_):
        answer = server.ask("reload_config")
        assert answer.get("result") in (["nothing has changed"], ["a later reload was faster"]), answer

    with concurrent.futures.ThreadPoolExecutor(4) as helpers:
        list(helpers.map(reload, range(4 * times)))


def expire(certificate):
    """The same key and names, valid in 2020."""
    folder = certificate.folder
    database = folder / "ca-database"
    database.write_text("")
    (folder / "ca.serial").write_text("01\n")
    settings = folder / "ca.cnf"
    settings.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nserial={folder}/ca.serial\nnew_certs_dir={folder}\n"
                        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    certificate._openssl("ca", "-batch", "-config", settings, "-cert", certificate.ca, "-keyfile", folder / "ca.key", "-in",
                         folder / "server.csr", "-out", certificate.certificate, "-extfile", folder / "server.ext",
                         "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-notext")
    return certificate


@CASES.case()
def l11_expired(stage, _):
    """L11: expired own certificate at start: starts, loud log line, `check` fails, days left are shown."""
    server = stage.make()
    server.certificate = expire(Certificate(stage.scratch / "expired", "localhost"))
    server.start()
    line = next((line for line in server.log_text().splitlines() if "certificate_not_valid" in line), "")
    assert " error " in line or " critical " in line, f"no loud line: {line!r}"
    shake_hands(server, 0)
    checked = server.tool("check", "--config", str(server.config))
    assert checked.returncode == 1 and "not valid" in checked.stdout, (checked.returncode, checked.stdout, checked.stderr)
    days = server.ask("status")["result"]["certificates"]
    assert ": -" in days[0], days
    server.stop()
    return days[0].split(": ")[1]
