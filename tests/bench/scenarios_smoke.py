#!/usr/bin/env python3
"""Every scenario of bench_load against Rookery, small; and what must be refused.

Usage: scenarios_smoke.py BENCH_LOAD BENCH_RELAY ROOKERY
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "bench"))

import servers
from chat_smoke import MISTAKE_AT
from room_service import RoomService

SECONDS = 60
DOMAIN = "localhost"
FAULTS = ("lost", "doubled", "reordered", "strays")
GROUP = ["--contacts", 3]  # groups of four
MEASURED = ["--messages", 300, "--warm-up-messages", 60]


class Rookery(servers.Rookery):
    def prepare(self, accounts):
        super().prepare(accounts)
        config = self.scratch / "rookery.yml"
        self.component_port, = servers.free_ports(1)
        config.write_text(config.read_text().replace("@COMPONENT_PORT@", str(self.component_port)))


def expect(condition, what, *shown):
    if not condition:
        sys.exit(f"{what}: " + "\n".join(map(str, shown)))


class Load:
    def __init__(self, program, server):
        self.program, self.server = program, server

    def run(self, scenario, *options, port=None):
        command = [self.program, scenario, "--server", f"127.0.0.1:{port or self.server.port}", "--server-pid",
                   self.server.pid, "--deadline", SECONDS // 2, "--json", *options]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS)

    def well(self, scenario, *options, unit=None, port=None):
        """The result, and that it is one."""
        done = self.run(scenario, *options, port=port)
        expect(done.returncode == 0, scenario, options, done)
        result = json.loads(done.stdout)
        expect(result["ok"] and not any(result[fault] for fault in FAULTS), scenario, result)
        expect(result["server_bytes"] > 0 and result["own_bytes"] > 0, scenario, result)
        if unit:
            expect(result[f"server_cpu_us_per_{unit}"] > 0 and result[f"own_cpu_us_per_{unit}"] > 0, scenario, result)
        return result

    def refused(self, code, words, scenario, *options):
        done = self.run(scenario, *options)
        expect(done.returncode == code and words in done.stdout + done.stderr, scenario, options, done)


def check_accounts(load):
    result = load.well("register", "--users", 24, "--tls", "starttls", unit="registration")
    expect(result["registrations"] == 24 and result["tls_session"].startswith("TLSv1.3"), "register", result)
    load.refused(1, "registration refused", "register", "--users", 1)
    tls = load.server.tls_port
    for mechanism in ("scram-sha-1", "scram-sha-256", "plain"):
        result = load.well("login", "--users", 8, "--tls", "direct", "--auth", mechanism, "--rounds", 2, "--sources", 3,
                           unit="login", port=tls)
        expect(result["logins"] == 16 and result["latency_us_p99"] > 0, "login", result)
    result = load.well("login", "--users", 9, "--presence", "no", "--auth", "scram-sha-256", "--processes", 3,
                       unit="login")
    expect(result["logins"] == 9 and result["processes"] == 3, "login", result)
    load.refused(1, "cannot log in", "login", "--users", 2, "--password", "wrong", "--auth", "scram-sha-256")


def check_contacts(load, auth):
    load.refused(1, "befriend first", "presence", "--users", 8, *GROUP, *auth)
    load.refused(1, "befriend first", "idle", "--phone", "yes", "--users", 6, "--warm-up-users", 2, *GROUP, *auth)
    load.refused(1, "8 or 12", "befriend", "--users", 11, *GROUP, *auth)
    result = load.well("befriend", "--users", 20, *GROUP, *auth, "--in-flight", 16, "--processes", 2, unit="contact")
    expect(result["contacts"] == 60 and result["known"] == 0, "befriend", result)
    result = load.well("befriend", "--users", 24, *GROUP, *auth)
    expect(result["contacts"] == 72 and result["known"] == 60, "befriend again", result)
    result = load.well("presence", "--users", 24, *GROUP, *auth, *MEASURED, "--window", 2, unit="delivery")
    expect(result["deliveries"] == 300 and result["broadcasts"] >= 120, "presence", result)
    load.well("presence", "--users", 24, *GROUP, *auth, *MEASURED, "--processes", 2, unit="delivery")


def check_idle(load, auth):
    phones = ["--users", 12, "--warm-up-users", 4, "--settle", 20, "--rounds", 2, "--phone", "yes", *GROUP, *auth]
    for processes in (1, 2):
        result = load.well("idle", *phones, "--processes", processes)
        expect(result["messages"] == 16 + 4 + 2 * 12 and len(result["bytes_per_session_rounds"]) == 3, "phones", result)
    result = load.well("idle", "--users", 10, "--warm-up-users", 3, "--settle", 20, *auth)
    expect(result["sessions"] == 10 and "bytes_per_session_rounds" not in result, "idle", result)


def check_chat(load, auth):
    for more in ([], ["--burst", 5, "--window", 2], ["--acks", "yes"], ["--processes", 3], ["--rate", 3000]):
        result = load.well("chat", "--pairs", 4, *auth, *MEASURED, *more)
        expect(result["delivered"] >= 360 and result["cpu_us_per_message"] > 0, "chat", result)


def check_storage(load, auth):
    result = load.well("offline", "--pairs", 6, "--each", 5, *auth, "--processes", 2, unit="flushed")
    expect(result["stored"] == result["flushed"] == 30 and result["server_cpu_us_per_stored"] > 0, "offline", result)
    result = load.well("archive", "--pairs", 3, "--each", 11, "--page", 4, "--rounds", 2, *auth, "--first-user", 12,
                       unit="page")
    expect(result["archived"] == 33 and result["results"] == 66 and result["pages"] == 18, "archive", result)
    result = load.well("archive", "--pairs", 3, "--each", 4, "--page", 50, "--window", 0, *auth, "--first-user", 12)
    expect(result["results"] == 45 and result["others"] == 33, "archive again", result)


def check_storm(load, auth):
    for more in ([], ["--processes", 3, "--in-flight", 4]):
        result = load.well("storm", "--pairs", 3, "--users", 12, "--rate", 500, "--settle", 200, *auth, *more)
        expect(result["returns"] == 12 and result["delivered"] > 100, "storm", result)
        expect(result["return_us_p99"] > 0 and result["calm_latency_us_p50"] > 0, "storm", result)


def check_room(load, auth):
    service = RoomService(load.server.component_port, "conference." + DOMAIN, "secret")
    for more in (["--window", 3], ["--processes", 2]):
        result = load.well("room", "--users", 9, *auth, *MEASURED, *more, unit="delivery")
        expect(result["joins"] == 8 and result["deliveries"] >= 290 and result["join_us_p99"] > 0, "room", result)
    service.close()
    for fault, mistake in ROOM_MISTAKES.items():
        service = RoomService(load.server.component_port, "conference." + DOMAIN, "secret", mistake)
        done = load.run("room", "--users", 2, *auth, "--messages", 80, "--warm-up-messages", 4, "--silence", 1)
        result = json.loads(done.stdout)
        expect(done.returncode == 1 and result[fault] >= 1, f"room, {fault}", result)
        expect(not any(result[other] for other in FAULTS if other != fault), f"room, {fault}", result)
        service.close()


ROOM_MISTAKES = {
    "lost": lambda number, stanza, held: [] if number == MISTAKE_AT else [stanza],
    "doubled": lambda number, stanza, held: [stanza, stanza] if number == MISTAKE_AT else [stanza],
    "strays": lambda number, stanza, held: [stanza, stanza.replace("<body>", "<body>what is this ")]
    if number == MISTAKE_AT else [stanza],
}


def check_relay(load, program):
    port, tls_port = servers.free_ports(2)
    process = subprocess.Popen([program, str(port), str(tls_port), str(SECONDS)], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        relay = ["--protocol", "relay", "--tls", "direct", "--server-pid", process.pid]
        result = load.well("login", *relay, "--users", 8, "--rounds", 2, unit="login", port=tls_port)
        expect(result["logins"] == 16, "login at the relay", result)
        result = load.well("idle", *relay, "--users", 6, "--warm-up-users", 2, "--settle", 20, "--rounds", 1,
                           port=tls_port)
        expect(result["sessions"] == 6, "idle at the relay", result)
        load.well("storm", *relay, "--users", 8, "--pairs", 2, "--rate", 500, "--settle", 100, port=tls_port)
    finally:
        process.terminate()
        process.wait(SECONDS)


def check_refusals(load):
    load.refused(2, "give --processes 2", "login", "--users", 19_001)
    load.refused(2, "give --processes 4", "storm", "--users", 50_000, "--pairs", 100)
    load.refused(2, "fewer users", "chat", "--pairs", 1, "--processes", 2)
    load.refused(2, "the relay cannot do that", "room", "--protocol", "relay")
    load.refused(2, "no such scenario", "dance")


def main():
    load_program, relay_program, rookery_program = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    auth = ["--auth", "scram-sha-256"]
    with tempfile.TemporaryDirectory(prefix="scenarios_smoke.") as scratch:
        port, tls_port = servers.free_ports(2)
        server = Rookery(rookery_program, scratch, port, tls_port, DOMAIN,
                         servers.Certificate(pathlib.Path(scratch) / "tls", DOMAIN), HERE / "scenarios.yml.in")
        server.start()
        try:
            load = Load(load_program, server)
            check_accounts(load)
            for check in (check_contacts, check_idle, check_chat, check_storage, check_storm, check_room):
                check(load, auth)
            check_refusals(load)
            check_relay(load, relay_program)
        finally:
            server.stop()
    print("bench_load: every scenario is well")


if __name__ == "__main__":
    main()
