#!/usr/bin/python3
"""profanity, Debian's 0.13.1, as a person uses it: two of them in tmux, connected by typing, writing to each other.
Screens are kept below SCRATCH and printed."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import checks
from checks import ALICE, BOB, report

SCREEN_SECONDS = 15
ALL_SECONDS = 75  # less than `run` gives us: we must live to end tmux
LINES = [f"line {number:02} of the talk" for number in range(40)]


class Screen:
    """One profanity in a tmux server of its own."""

    def __init__(self, name, folder):
        self.name = name
        self.socket = str(pathlib.Path(folder) / name)
        home = checks.SCRATCH / name
        for part in ("config/profanity", "share"):
            (home / part).mkdir(parents=True, exist_ok=True)
        # No questions and no look for updates at the first start.
        settings = "[ui]\nsplash=false\nvercheck=false\nroster=false\nwrap=true\n"
        (home / "config/profanity/profrc").write_text(settings)
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "share"),
               "SSL_CERT_FILE": checks.CA, "TERM": "xterm"}
        self.tmux("new-session", "-d", "-x", "150", "-y", "30", "exec profanity --log DEBUG",
                  environment={**os.environ, **own})
        self.pid = int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def tmux(self, *arguments, environment=None):
        done = subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, *arguments], capture_output=True, text=True,
                              timeout=10, env=environment)
        if done.returncode != 0:
            raise AssertionError(f"tmux {arguments[0]}: {done.stderr}")
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.press("Enter")

    def press(self, key):
        self.tmux("send-keys", key)

    def text(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *wanted):
        """Until all of these are on the screen."""
        end = time.monotonic() + SCREEN_SECONDS
        while not all(words in (text := self.text()) for words in wanted):
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}'s screen does not show {' and '.join(wanted)}")
            time.sleep(0.1)
        return text

    def keep(self):
        try:
            text = self.text()
        except AssertionError:
            return  # it has quit
        (checks.SCRATCH / f"{self.name}.screen").write_text(text)
        for line in filter(str.strip, text.splitlines()):
            print(f"# {self.name:6}| {line}")

    def end(self):
        if pathlib.Path(self.socket).exists():
            subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, timeout=10)


def check(what, trial, *arguments):
    try:
        trial(*arguments)
    except AssertionError as failure:
        report(what, failure)
        for screen in filter(lambda argument: isinstance(argument, Screen), arguments):
            screen.keep()
        return False
    report(what)
    return True


def connect(screen, jid, port, tls):
    screen.type(f"/connect {jid} server {checks.HOST} port {port} tls {tls}")
    screen.wait_for("Enter password")
    screen.type(checks.PASSWORD)
    screen.wait_for(f"{jid}/", "logged in successfully")


def write(sender, receiver, text):
    """The receiver's console tells of the message, and window 2 shows it."""
    sender.type(f"/msg {BOB} {text}")
    receiver.wait_for("<< chat message: ", ALICE.split("@")[0], "(win 2)")
    receiver.type("/win 2")
    receiver.wait_for(text)


def answer(sender, receiver, text):
    """Both are in the conversation's window now."""
    sender.type(text)
    receiver.wait_for(text)


def talk(sender, receiver):
    """Both are in the conversation's window: more than fits on a screen, and than profanity asks for at once."""
    for line in LINES:
        sender.type(line)
    receiver.wait_for(LINES[-1])


def page_through(screen):
    """A new profanity knows nothing; it loads a page when the conversation is opened, and more when one scrolls up."""
    screen.type("/mam on")
    connect(screen, ALICE, checks.PORT, "force")
    screen.type(f"/msg {BOB}")
    screen.wait_for(LINES[-1])
    end = time.monotonic() + SCREEN_SECONDS
    seen = set()
    while len(seen) < len(LINES):
        text = screen.text()
        seen |= {line for line in LINES if line in text}
        assert time.monotonic() < end, f"not on the screens: {sorted(set(LINES) - seen)}"
        screen.press("PPage")
        time.sleep(0.3)


def ping(screen):
    screen.type("/win 1")
    screen.type("/ping")
    screen.wait_for("Ping response from")


def leave(screen):
    screen.type("/win 1")
    screen.type("/disconnect")
    screen.wait_for("logged out successfully")
    screen.type("/quit")
    end = time.monotonic() + SCREEN_SECONDS
    while os.path.exists(f"/proc/{screen.pid}") and time.monotonic() < end:
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{screen.pid}"), "profanity does not end"


def converse(alice, bob, later):
    if not check("alice connects over STARTTLS, certificate verified", connect, alice, ALICE, checks.PORT, "force"):
        return
    if not check("bob connects over direct TLS", connect, bob, BOB, checks.TLS_PORT, "legacy"):
        return
    check("/msg shows up on the other screen", write, alice, bob, "hello from the terminal")
    check("the answer shows up too", answer, bob, alice, "same to you, with <angles> & more")
    bob.keep()
    alice.keep()
    check("many lines arrive", talk, alice, bob)
    check("/ping", ping, alice)
    check("a new profanity pages through the archive by scrolling up", page_through, later)
    later.keep()
    for screen in (alice, bob, later):
        check(f"{screen.name} disconnects and quits", leave, screen)


def main():
    def out_of_time(*_):
        raise AssertionError(f"not done after {ALL_SECONDS} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, out_of_time)
    signal.alarm(ALL_SECONDS)
    folder = tempfile.mkdtemp(prefix="tmux.")  # socket paths must be short
    screens = []
    try:
        screens = [Screen(name, folder) for name in ("alice", "bob", "later")]
        converse(*screens)
    except AssertionError as failure:
        report("profanity", failure)
    finally:
        signal.alarm(0)
        for screen in screens:
            screen.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
    checks.finish()
