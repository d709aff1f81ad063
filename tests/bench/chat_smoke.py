#!/usr/bin/env python3
"""bench_load against bench_relay, and against a relay that makes mistakes: each mistake must be seen and counted.

Usage: chat_smoke.py BENCH_LOAD BENCH_RELAY
"""
import json
import socket
import socketserver
import subprocess
import sys
import threading

SECONDS = 60
MISTAKE_AT = 40  # the number of the line that is lost, doubled, ...


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class FaultyRelay(socketserver.ThreadingTCPServer):
    """bench_relay for one pair; what one side is sent, `mistake(number, line, held)` decides."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, mistake):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mistake, self.peers, self.both = mistake, [], threading.Barrier(2)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        relay = self.server
        self.rfile.readline()
        relay.peers.append(self)
        relay.both.wait(SECONDS)
        errs = relay.peers[0] is self
        partner = relay.peers[1 if errs else 0]
        self.wfile.write(b"paired\n")
        held = []
        try:
            for number, line in enumerate(self.rfile):
                partner.wfile.write(b"".join(relay.mistake(number, line, held) if errs else [line]))
        except OSError:
            pass  # the generator has left


def run(load, port, *options):
    done = subprocess.run([load, "chat", "--protocol", "relay", "--server", f"127.0.0.1:{port}", "--json", *options],
                          capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, json.loads(done.stdout)


def check(name, condition, result):
    if not condition:
        sys.exit(f"{name}: {json.dumps(result)}")


def check_relay(load, relay):
    port, tls_port = free_port(), free_port()
    process = subprocess.Popen([relay, str(port), str(tls_port), str(SECONDS)], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        for options in ([port], [port, "--rate", "4000"], [tls_port, "--tls", "direct"], [tls_port, "--tls", "direct", "--tls-version", "1.2"]):
            code, result = run(load, *options, "--server-pid", str(process.pid), "--pairs", "20", "--window", "3",
                               "--messages", "2000", "--warm-up-messages", "100")
            check("relay", code == 0 and result["ok"] and result["delivered"] >= 2100, result)
            check("relay", result["cpu_us_per_message"] > 0, result)
    finally:
        process.terminate()
        process.wait(SECONDS)


def hold_one_back(number, line, held):
    if number == MISTAKE_AT:
        held.append(line)
        return []
    return [line, held.pop()] if held else [line]


MISTAKES = {
    "lost": lambda number, line, held: [] if number == MISTAKE_AT else [line],
    "doubled": lambda number, line, held: [line, line] if number == MISTAKE_AT else [line],
    "strays": lambda number, line, held: [line, b"what is this\n"] if number == MISTAKE_AT else [line],
    "reordered": hold_one_back,
}


def check_mistake(load, name, mistake):
    with FaultyRelay(mistake) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        code, result = run(load, relay.server_address[1], "--pairs", "1", "--window", "4", "--messages", "200",
                           "--warm-up-messages", "10", "--silence", "1")
        check(name, code == 1 and not result["ok"] and result[name] >= 1, result)
        others = [other for other in MISTAKES if other != name]
        check(name, all(result[other] == 0 for other in others), result)
        relay.shutdown()


if __name__ == "__main__":
    check_relay(sys.argv[1], sys.argv[2])
    for each_name, each_mistake in MISTAKES.items():
        check_mistake(sys.argv[1], each_name, each_mistake)
    print("bench_load and bench_relay: all well")
