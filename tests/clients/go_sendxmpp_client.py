#!/usr/bin/python3
"""go-sendxmpp, Debian's 0.5.6, the one-shot sender of scripts: over STARTTLS and direct TLS to slixmpp, which listens;
and it listens itself for what slixmpp sends."""
import asyncio
import os
import sys

import slixmpp

import checks
from checks import ALICE, BOB, check, equal

PROGRAM = "go-sendxmpp"


class Listener(slixmpp.ClientXMPP):
    def __init__(self, jid):
        super().__init__(jid, checks.PASSWORD)
        self.ca_certs = checks.CA
        self.online = asyncio.get_running_loop().create_future()
        self.messages = asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.send_presence())
        self.add_event_handler("presence_available", self.on_presence)
        self.add_event_handler("message", self.messages.put_nowait)

    def on_presence(self, presence):
        if presence["from"] == self.boundjid and not self.online.done():
            self.online.set_result(None)


def arguments(direct):
    port = checks.TLS_PORT if direct else checks.PORT
    return ["-u", ALICE, "-p", checks.PASSWORD, "-j", f"{checks.HOST}:{port}", *(["-t"] if direct else [])]


async def start(*options):
    # SSL_CERT_FILE is what a Go program trusts.
    return await asyncio.create_subprocess_exec(PROGRAM, *options, env={**os.environ, "SSL_CERT_FILE": checks.CA},
                                                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                                                stderr=asyncio.subprocess.STDOUT)


async def send(bob, direct):
    text = f"from Go over {'direct TLS' if direct else 'STARTTLS'} & <so on>"
    sender = await start(*arguments(direct), BOB)
    output, _ = await sender.communicate(text.encode())
    equal("exit code", (sender.returncode, output.decode()[-300:]), (0, ""))
    message = await bob.messages.get()
    equal("body", message["body"].strip(), text)
    equal("from", message["from"].bare, ALICE)


async def listen(bob):
    listener = await start(*arguments(True), "-l")
    try:
        for attempt in range(20):  # it does not say when it is online
            bob.send_message(ALICE, f"to Go, attempt {attempt}", mtype="chat")
            try:
                line = await asyncio.wait_for(listener.stdout.readline(), 0.5)
            except asyncio.TimeoutError:
                continue
            assert b"to Go, attempt" in line and BOB.encode() in line, line
            return
        raise AssertionError("it shows nothing")
    finally:
        listener.kill()
        await listener.wait()


async def wrong_password():
    sender = await start("-u", ALICE, "-p", "not the password", "-j", f"{checks.HOST}:{checks.PORT}", BOB)
    output, _ = await sender.communicate(b"let me in")
    assert sender.returncode != 0, output


async def main():
    bob = Listener(BOB)
    bob.connect((checks.HOST, checks.PORT))
    await asyncio.wait_for(bob.online, 20)
    await check("sends over STARTTLS", send(bob, False))
    await check("sends over direct TLS", send(bob, True))
    await check("shows what it is sent", listen(bob))
    await check("a wrong password is refused", wrong_password())
    await bob.disconnect(wait=1.0)


if __name__ == "__main__":
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 50))
    checks.finish()
