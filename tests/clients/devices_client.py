#!/usr/bin/python3
"""One user's devices: pages of the archive, copies for the other device, a tunnel, a phone in the pocket. The first device
runs slixmpp, the other one aioxmpp, where two are needed."""
import asyncio
import logging
import sys

import slixmpp_client
from aioxmpp_client import User as StrictUser
from aioxmpp_client import aioxmpp

import checks
from checks import ALICE, BOB, check, equal

MESSAGES, PAGE = 25, 10

slixmpp_client.PLUGINS += ("xep_0280", "xep_0313", "xep_0352")


class User(slixmpp_client.User):
    """Keeps copies, too."""

    def __init__(self, jid):
        super().__init__(jid)
        for event in ("carbon_sent", "carbon_received"):
            self.add_event_handler(event, lambda stanza, event=event: asyncio.ensure_future(self.keep(event, stanza)))

    def bodies(self, event="message"):
        return [stanza["body"] for name, stanza in self.arrived if name == event and stanza["body"]]


async def processed(user):
    await user["xep_0199"].ping(checks.DOMAIN)


async def fill(alice, bob):
    """The two take turns; the whole conversation is in both archives."""
    said = [f"line {number} of <many>" for number in range(MESSAGES)]
    for number, text in enumerate(said):
        sender, receiver = (alice, bob) if number % 2 == 0 else (bob, alice)
        sender.send_message(receiver.boundjid.bare, text, mtype="chat")
        await receiver.expect("message", lambda message: message["body"] == text)
    return said


async def pages(user, said, **question):
    """What slixmpp's own iterator finds, page by page."""
    sizes, found, ids = [], [], []
    async for page in user["xep_0313"].retrieve(iterator=True, rsm={"max": PAGE}, **question):
        results = page["mam"]["results"]
        sizes.append(len(results))
        texts = [result["mam_result"]["forwarded"]["stanza"]["body"] for result in results]
        ids += [result["mam_result"]["id"] for result in results]
        found = texts + found if question.get("reverse") else found + texts
    equal("pages", sizes, [PAGE, PAGE, MESSAGES - 2 * PAGE])
    equal("conversation", found, said)
    equal("ids that differ", len(set(ids)), MESSAGES)


async def page_through(alice, bob):
    said = await fill(alice, bob)
    await pages(alice, said)
    await pages(bob, said)
    await pages(alice, said, with_jid=BOB)


async def page_backwards(alice):
    said = [f"line {number} of <many>" for number in range(MESSAGES)]
    await pages(alice, said, with_jid=BOB, reverse=True)


async def from_the_metadata(alice):
    """What a client does that was away: everything behind the last one it has, from the archive's own ends."""
    metadata = (await alice["xep_0313"].get_archive_metadata())["mam_metadata"]
    begin, end = metadata["start"], metadata["end"]
    assert begin["id"] and end["id"] and begin["timestamp"] <= end["timestamp"], str(metadata)
    results = (await alice["xep_0313"].retrieve(rsm={"max": 250, "after": begin["id"]}))["mam"]["results"]
    equal("behind the first", len(results), MESSAGES - 1)
    equal("the last", results[-1]["mam_result"]["id"], end["id"])


class Cable:
    """Hands one connection on to the server, until it is told otherwise."""

    async def open(self):
        self.writers, self.plugged = [], True
        self.listener = await asyncio.start_server(self.join, checks.HOST, 0)
        return self.listener.sockets[0].getsockname()[1]

    async def join(self, near_reader, near_writer):
        far_reader, far_writer = await asyncio.open_connection(checks.HOST, checks.PORT)
        self.writers, self.plugged = [near_writer, far_writer], True
        await asyncio.gather(self.carry(near_reader, far_writer), self.carry(far_reader, near_writer))

    async def carry(self, reader, writer):
        """What comes while it is unplugged is lost."""
        try:
            while data := await reader.read(4096):
                if self.plugged:
                    writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()


async def resume_after_a_cut(bob):
    """XEP-0198: what is sent into a dead link, and while there is none, arrives once, in order. Not what slixmpp sent into
    it: 1.8.3 forgets that as it resumes (docs/clients.md)."""
    cable = Cable()
    train = User(ALICE + "/train")
    train.register_plugin("xep_0198")
    enabled = asyncio.ensure_future(slixmpp_client.happened(train, "sm_enabled"))
    equal("outcome", await train.log_in(port=await cable.open()), "in")
    await enabled
    bob.send_message(train.boundjid, "before", mtype="chat")
    await train.expect("message", lambda message: message["body"] == "before")

    cable.plugged = False
    lost = asyncio.ensure_future(slixmpp_client.happened(train, "disconnected"))
    bob.send_message(train.boundjid, "to the wall", mtype="chat")
    await processed(bob)
    await asyncio.sleep(0.2)
    cable.cut()
    await lost
    bob.send_message(train.boundjid, "in the tunnel", mtype="chat")
    await processed(bob)

    resumed = asyncio.ensure_future(slixmpp_client.happened(train, "session_resumed"))
    train.connect((checks.HOST, checks.PORT), force_starttls=True)
    await resumed
    for body in ("to the wall", "in the tunnel"):
        equal("what comes", (await train.expect("message"))["body"], body)
    train.send_message(BOB, "out again", mtype="chat")
    equal("what comes", (await bob.expect("message"))["body"], "out again")
    await asyncio.gather(processed(train), processed(bob))
    equal("twice", train.bodies() + bob.bodies(), [])
    await train.log_out()
    cable.listener.close()


class StrictPhone(StrictUser):
    """aioxmpp with carbons."""

    def __init__(self, jid):
        super().__init__(jid)
        self.carbons = self.client.summon(aioxmpp.CarbonsClient)

    async def copy(self, name):
        message = await self.arrived.get()
        carbon = getattr(message, name)
        assert carbon is not None, f"no copy: {message}"
        equal("copy from", message.from_, self.bare)
        return carbon.stanza


async def stay_equal(alice, bob):
    await asyncio.sleep(0.4)  # until the server knows what the desk has: the rest would come to the phone, too
    async with StrictPhone(ALICE) as phone:
        await phone.carbons.enable()
        await alice["xep_0280"].enable()

        alice.send_message(BOB, "said at the desk", mtype="chat")
        await bob.expect("message", lambda message: message["body"] == "said at the desk")
        equal("copy", (await phone.copy("xep0280_sent")).body.any(), "said at the desk")

        await phone.send(aioxmpp.JID.fromstr(BOB), "said by phone")
        await bob.expect("message", lambda message: message["body"] == "said by phone")
        copy = (await alice.expect("carbon_sent"))["carbon_sent"]
        equal("copy", (copy["body"], copy["to"].bare), ("said by phone", BOB))

        bob.send_message(str(phone.client.local_jid), "to the phone", mtype="chat")
        equal("at the phone", (await phone.arrived.get()).body.any(), "to the phone")
        equal("copy", (await alice.expect("carbon_received"))["carbon_received"]["body"], "to the phone")

        bob.send_message(ALICE, "to all of you", mtype="chat")
        equal("at the phone", (await phone.arrived.get()).body.any(), "to all of you")
        await alice.expect("message", lambda message: message["body"] == "to all of you")
        await processed(alice)
        await aioxmpp.ping.ping(phone.client, aioxmpp.JID.fromstr(checks.DOMAIN))
        equal("twice at the phone", phone.arrived.qsize(), 0)
        equal("twice at the desk", alice.bodies() + alice.bodies("carbon_received") + alice.bodies("carbon_sent"), [])


async def in_the_pocket(alice, bob):
    """XEP-0352: inactive, a phone is sent what matters, and what was held before it; active, the rest."""
    alice.arrived.clear()
    alice["xep_0352"].send_inactive()
    await processed(alice)
    bob.send_presence(pshow="away", pstatus="having tea")
    bob.send_presence(pshow="dnd", pstatus="having cake")
    typing = bob.make_message(alice.boundjid, mtype="chat")
    typing["chat_state"] = "composing"
    typing.send()
    await processed(bob)
    await asyncio.sleep(0.3)
    equal("what comes unasked", [str(stanza) for _, stanza in alice.arrived], [])

    bob.send_message(ALICE, "wake up", mtype="chat")
    await alice.expect("message", lambda message: message["body"] == "wake up")
    equal("before it", [stanza["status"] for _, stanza in alice.arrived], ["having cake"])

    alice.arrived.clear()
    bob.send_presence(pstatus="back again")
    await processed(bob)
    await asyncio.sleep(0.3)
    equal("what comes unasked", [str(stanza) for _, stanza in alice.arrived], [])
    alice["xep_0352"].send_active()
    held = await alice.expect("presence", slixmpp_client.is_from(BOB))
    equal("status", held["status"], "back again")


async def main():
    alice, bob = User(ALICE + "/desk"), User(BOB + "/home")
    if not await check("two sessions", asyncio.gather(alice.log_in(), bob.log_in())):
        return
    await check("slixmpp pages through the archive", page_through(alice, bob))
    await check("slixmpp pages backwards", page_backwards(alice))
    await check("slixmpp goes on from the archive's first message", from_the_metadata(alice))
    await check("slixmpp and aioxmpp stay equal by carbons", stay_equal(alice, bob))
    await check("a cut stream is resumed and each message comes once", resume_after_a_cut(bob))
    await check("they see each other", slixmpp_client.subscribe(alice, bob))
    await check("inactive, slixmpp is sent only what it must", in_the_pocket(alice, bob))
    await asyncio.gather(alice.log_out(), bob.log_out())


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    asyncio.get_event_loop().run_until_complete(main())
    checks.finish()
