#!/usr/bin/python3
"""The TLS of openssl s_client, gnutls-cli and NSS's tstclnt: a session by hand in each of them, over direct TLS 1.3, with
new keys in both directions where the tool can ask for them, and a stanza of several records."""
import base64
import os
import subprocess
import threading
import time

from checks import ALICE, CA, CHECK_SECONDS, DOMAIN, HOST, PASSWORD, TLS_PORT, finish, report

HEADER = f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{DOMAIN}' version='1.0'>"
PLAIN = base64.b64encode(f"\0{ALICE.split('@')[0]}\0{PASSWORD}".encode()).decode()
KEY_UPDATES = 5

TOOLS = {
    "openssl": ["openssl", "s_client", "-connect", f"{HOST}:{TLS_PORT}", "-servername", DOMAIN, "-tls1_3", "-alpn", "xmpp-client",
                "-CAfile", CA, "-verify_hostname", DOMAIN, "-verify_return_error"],
    "gnutls": ["gnutls-cli", f"--port={TLS_PORT}", f"--x509cafile={CA}", f"--sni-hostname={DOMAIN}", f"--verify-hostname={DOMAIN}",
               "--alpn=xmpp-client", "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.3", "--inline-commands", HOST],
    "nss": ["tstclnt", "-h", HOST, "-p", str(TLS_PORT), "-a", DOMAIN, "-D", "-o", "-V", "tls1.3:tls1.3"],
}
# What makes the tool send new keys and ask for ours. tstclnt cannot.
NEW_KEYS = {"openssl": "K", "gnutls": "^rekey^"}
PAUSE = 0.2  # the tools look for commands at the start of what they read at once


class Session:
    def __init__(self, tool):
        self.tool = tool
        self.process = subprocess.Popen(TOOLS[tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.heard = b""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while piece := os.read(self.process.stdout.fileno(), 65536):
            self.heard += piece

    def say(self, text):
        """A line: some tools wait for its end."""
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, text, after=0):
        end = time.monotonic() + CHECK_SECONDS
        while text.encode() not in self.heard[after:]:
            assert time.monotonic() < end, f"no {text[:60]!r} in {self.heard[after:][-300:]!r}"
            time.sleep(0.01)

    def ask(self, text, answer):
        before = len(self.heard)
        self.say(text)
        self.expect(answer, before)

    def log_in(self):
        self.ask(HEADER, "</stream:features>")
        self.ask(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{PLAIN}</auth>", "<success")
        self.ask(HEADER, "</stream:features>")
        self.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>tool</resource></bind></iq>", "</iq>")

    def ping(self, name):
        self.ask(f"<iq type='get' id='{name}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>", f"id='{name}'")

    def end(self):
        self.process.kill()
        self.process.wait()


def new_keys(session, command):
    for number in range(KEY_UPDATES):
        time.sleep(PAUSE)
        session.say(command)
        time.sleep(PAUSE)
        session.ping(f"keys{number}")


def long_stanza(session):
    lines = "\n".join(f"line {number} " + "x" * 60 for number in range(1_000))  # tools read lines
    session.ask(f"<message to='{ALICE}/tool' id='long'><body>{lines}</body></message>", f"{lines[-60:]}</body>")
    assert lines.encode() in session.heard.replace(b"\r", b""), "it came back changed"


def close(session):
    session.ask("</stream:stream>", "</stream:stream>")
    session.process.stdin.close()
    if session.tool != "nss":  # it stays, looking at its closed input
        session.process.wait(CHECK_SECONDS)


def attempt(what, trial, *arguments):
    try:
        trial(*arguments)
    except Exception as failure:  # noqa: BLE001 (whatever it is, it is the check's failure)
        report(what, f"{type(failure).__name__}: {failure}")
    else:
        report(what)


for tool in TOOLS:
    session = Session(tool)
    attempt(f"{tool}: login over TLS 1.3", session.log_in)
    if tool in NEW_KEYS:
        attempt(f"{tool}: new keys both ways, {KEY_UPDATES} times", new_keys, session, NEW_KEYS[tool])
    attempt(f"{tool}: a stanza of several records, there and back", long_stanza, session)
    attempt(f"{tool}: close", close, session)
    session.end()
finish()
