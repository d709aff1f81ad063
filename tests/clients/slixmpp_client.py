#!/usr/bin/python3
"""slixmpp, Debian's 1.8.3: login in every way it can, and the IM features through its plug-ins.

It knows one channel binding, tls-unique, which TLS 1.3 does not have (RFC 9266 1), and uses it there all the same. Where
-PLUS is offered under TLS 1.3 its SCRAM is refused, and has to be (RFC 5802 6), until it comes to PLAIN: docs/clients.md.
"""
import asyncio
import datetime
import logging
import ssl
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ElementBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

import checks
from checks import ALICE, BOB, check, equal

PLUGINS = ("xep_0012", "xep_0030", "xep_0049", "xep_0054", "xep_0085", "xep_0092", "xep_0184", "xep_0191", "xep_0199",
           "xep_0202", "xep_0203")


class Note(ElementBase):
    """Something to keep in private storage."""
    name, namespace, plugin_attrib = "note", "urn:example:note", "note"
    interfaces = sub_interfaces = {"text"}


class User(slixmpp.ClientXMPP):
    """A client that answers nothing by itself and keeps what arrives until somebody asks for it."""

    def __init__(self, jid, password=checks.PASSWORD, mechanism=None, binding=True, newest_tls=None):
        settings = {"feature_mechanisms": {"use_mech": mechanism}} if mechanism else {}
        super().__init__(jid, password, plugin_config=settings)
        if not binding:  # it then says "n": the client knows of none
            self["feature_mechanisms"].sasl_callback = lambda required, optional: {
                "username": self.requested_jid.user, "password": self.password}
        if newest_tls:
            self.ssl_context.maximum_version = newest_tls
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self["xep_0049"].register(Note)
        self["xep_0184"].auto_ack = False
        self["xep_0184"].auto_request = False
        self.auto_authorize = self.auto_subscribe = None
        self.ca_certs = checks.CA
        self.arrived, self.news = [], asyncio.Condition()
        self.tried = []  # SASL mechanisms the server refused
        for event in ("message", "message_error", "receipt_received", "presence", "presence_subscribe",
                      "presence_subscribed", "roster_update", "blocked", "unblocked"):
            self.add_event_handler(event, lambda stanza, event=event: asyncio.ensure_future(self.keep(event, stanza)))
        self.register_handler(Callback("pushes", StanzaPath("iq@type=set/roster"), lambda iq: asyncio.ensure_future(
            self.keep("push", iq))))
        self.add_event_handler("failed_auth", lambda _: self.tried.append(self["feature_mechanisms"].mech.name))

    async def keep(self, event, stanza):
        async with self.news:
            self.arrived.append((event, stanza))
            self.news.notify_all()

    def take(self, event, fits):
        for index, (name, stanza) in enumerate(self.arrived):
            if name == event and fits(stanza):
                del self.arrived[index]
                return stanza
        return None

    async def expect(self, event, fits=lambda stanza: True):
        async with self.news:
            while (found := self.take(event, fits)) is None:
                await self.news.wait()
            return found

    async def log_in(self, direct=False, presence=True, port=None):
        done = asyncio.get_running_loop().create_future()

        def settle(result):
            if not done.done():
                done.set_result(result)

        self.add_event_handler("session_start", lambda _: settle("in"))
        self.add_event_handler("failed_all_auth", lambda _: settle("refused"))
        self.add_event_handler("connection_failed", lambda why: settle(f"connection failed: {why}"))
        self.add_event_handler("disconnected", lambda why: settle(f"disconnected: {why}"))
        port = port or (checks.TLS_PORT if direct else checks.PORT)
        self.connect((checks.HOST, port), use_ssl=direct, force_starttls=not direct)
        outcome = await done
        if outcome == "in":
            await self.get_roster()
            if presence:
                await self.come_online()
        return outcome

    async def come_online(self):
        self.send_presence()
        await self.expect("presence", lambda presence: presence["from"] == self.boundjid)

    async def fetch_roster(self):
        """The whole of it, whatever version slixmpp has."""
        query = self.make_iq_get("jabber:iq:roster")
        return (await query.send())["roster"]["items"]

    async def log_out(self):
        await self.disconnect(wait=1.0)


def is_from(user, kind=None):
    """Fits presence of any resource of the user: of that kind (unavailable, away, ...), or of one that is there."""
    kinds = ("available", "away", "dnd", "xa", "chat") if kind is None else (kind,)
    return lambda presence: presence["from"].bare == user.split("/")[0] and presence["type"] in kinds


def jid_of(user):
    return slixmpp.JID(user.boundjid.bare)


async def log_in_and_out(expect=None, direct=False, **settings):
    """By a mechanism whose name begins so."""
    user = User(ALICE, **settings)
    try:
        equal("outcome", await user.log_in(direct), "in")
        version, mechanism = user.socket.version(), user["feature_mechanisms"].mech.name
        assert version in ("TLSv1.2", "TLSv1.3"), version
        if not expect:
            print(f"# {version}: chose {mechanism}, refused before: {user.tried or 'none'}")
        assert mechanism.startswith(expect or ""), f"{mechanism}, refused before: {user.tried}"
        await user["xep_0199"].ping(checks.DOMAIN)
    finally:
        await user.log_out()


async def wrong_password(**settings):
    user = User(ALICE, "not the password", **settings)
    conditions = []
    user.add_event_handler("failed_auth", lambda failure: conditions.append(failure["condition"]))
    assert await user.log_in() != "in", "logged in with a wrong password"
    equal("conditions", set(conditions), {"not-authorized"})


async def logins():
    for direct, way in ((False, "STARTTLS"), (True, "direct TLS")):
        await check(f"login over {way} out of the box", log_in_and_out(direct=direct))
        await check(f"login over {way} and TLS 1.2 by SCRAM",
                    log_in_and_out("SCRAM-", direct, newest_tls=ssl.TLSVersion.TLSv1_2))
        await check(f"login over {way} by SCRAM, no channel binding", log_in_and_out("SCRAM-", direct, binding=False))
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"):
            await check(f"login over {way} by {mechanism}",
                        log_in_and_out(mechanism, direct, mechanism=mechanism, binding=False))
    await check("a wrong password is refused", wrong_password())
    await check("a wrong password is refused by SCRAM", wrong_password(mechanism="SCRAM-SHA-256", binding=False))


async def roster_add_and_remove(alice, phone):
    alice.update_roster("friend@elsewhere.example", name="A Friend", groups=["Old", "Chess"], block=False)
    for resource in (alice, phone):
        push = await resource.expect("push", lambda iq: "friend@elsewhere.example" in iq["roster"]["items"])
        item = push["roster"]["items"]["friend@elsewhere.example"]
        equal("name", item["name"], "A Friend")
        equal("groups", sorted(item["groups"]), ["Chess", "Old"])
        equal("subscription", item["subscription"], "none")
        assert push["from"].bare in ("", alice.boundjid.bare), f"push from {push['from']}"
    equal("fetched name", (await phone.fetch_roster())["friend@elsewhere.example"]["name"], "A Friend")
    await alice.del_roster_item("friend@elsewhere.example")
    push = await phone.expect("push", lambda iq: "friend@elsewhere.example" in iq["roster"]["items"])
    equal("subscription", push["roster"]["items"]["friend@elsewhere.example"]["subscription"], "remove")
    assert "friend@elsewhere.example" not in await alice.fetch_roster(), "still in the roster"


async def subscribe(alice, bob):
    """Alice asks, Bob allows and asks back, Alice allows: both see each other."""
    for asker, asked in ((alice, bob), (bob, alice)):
        asker.send_presence_subscription(asked.boundjid.bare, ptype="subscribe")
        request = await asked.expect("presence_subscribe")
        equal("asker", request["from"].full, asker.boundjid.bare)
        asked.send_presence_subscription(asker.boundjid.bare, ptype="subscribed")
        await asker.expect("presence_subscribed", lambda p: p["from"].bare == asked.boundjid.bare)
        shown = await asker.expect("presence", is_from(asked.boundjid.bare))
        equal("presence from", shown["from"].full, asked.boundjid.full)
    for user, other in ((alice, bob), (bob, alice)):
        equal("subscription", (await user.fetch_roster())[jid_of(other)]["subscription"], "both")


async def presence_goes_out(alice, bob):
    alice.send_presence(pshow="away", pstatus="tea & biscuits <now>")
    shown = await bob.expect("presence", is_from(ALICE, "away"))
    equal("status", shown["status"], "tea & biscuits <now>")
    alice.send_presence()


async def message_both_ways(alice, bob):
    for sender, receiver in ((alice, bob), (bob, alice)):
        body = f"héllo & <good day> \N{SNOWMAN} from {sender.boundjid.user}"
        sender.send_message(receiver.boundjid.bare, body, mtype="chat")
        message = await receiver.expect("message", lambda m: m["body"] == body)
        equal("from", message["from"], sender.boundjid)
        equal("type", message["type"], "chat")


async def receipts(alice, bob):
    message = alice.make_message(bob.boundjid, "do you read me", mtype="chat")
    message["request_receipt"] = True
    message["id"] = "receipt-1"
    message.send()
    arrived = await bob.expect("message", lambda m: m["body"] == "do you read me")
    assert arrived["request_receipt"], "the request did not arrive"
    bob["xep_0184"].ack(arrived)
    receipt = await alice.expect("receipt_received")
    equal("receipt", receipt["receipt"], "receipt-1")


async def offline_messages(alice, bob):
    await bob.log_out()
    await alice.expect("presence", is_from(BOB, "unavailable"))
    sent_at = datetime.datetime.now(datetime.timezone.utc)
    bodies = [f"while you were out, {number}" for number in range(5)]
    for body in bodies:
        alice.send_message(BOB, body, mtype="chat")
    await alice["xep_0199"].ping(checks.DOMAIN)  # they are processed now
    await asyncio.sleep(1.1)  # so that the stamp differs from the time of delivery
    returned = User(BOB)
    equal("outcome", await returned.log_in(), "in")
    for body in bodies:
        message = await returned.expect("message")
        equal("order", message["body"], body)
        equal("from", message["from"], alice.boundjid)
        assert message.get_plugin("delay", check=True) is not None, "no delay stamp"
        late = abs((message["delay"]["stamp"] - sent_at).total_seconds())
        assert late < 1.1, f"the stamp is {late} s off"
    return returned


async def happened(user, event):
    done = asyncio.get_running_loop().create_future()
    user.add_event_handler(event, lambda _: done.done() or done.set_result(None), disposable=True)
    await asyncio.wait_for(done, 10)


async def resume_after_a_cut(bob):
    """XEP-0198: the connection is reset, what is sent meanwhile comes with the next one, once, and both sides go on."""
    train = User(ALICE + "/train")
    train.register_plugin("xep_0198")
    enabled = asyncio.ensure_future(happened(train, "sm_enabled"))
    equal("outcome", await train.log_in(), "in")
    await enabled
    cut = asyncio.ensure_future(happened(train, "disconnected"))
    train.transport.abort()
    await cut
    bob.send_message(train.boundjid, "in the tunnel", mtype="chat")
    await bob["xep_0199"].ping(checks.DOMAIN)
    resumed = asyncio.ensure_future(happened(train, "session_resumed"))
    train.connect((checks.HOST, checks.PORT), force_starttls=True)
    await resumed
    message = await train.expect("message")
    equal("body", message["body"], "in the tunnel")
    train.send_message(BOB, "through it", mtype="chat")
    await bob.expect("message", lambda m: m["body"] == "through it")
    await train["xep_0199"].ping(checks.DOMAIN)
    equal("once", [stanza["body"] for event, stanza in train.arrived if event == "message"], [])
    await train.log_out()


async def messages_were_delivered_once():
    again = User(BOB)
    equal("outcome", await again.log_in(), "in")
    await again["xep_0199"].ping(checks.DOMAIN)
    equal("messages", [stanza["body"] for event, stanza in again.arrived if event == "message"], [])
    await again.log_out()


async def block_and_unblock(alice, bob):
    await bob["xep_0191"].block(ALICE)
    listed = await bob["xep_0191"].get_blocked()
    equal("blocked", {str(jid) for jid in listed["blocklist"]["items"]}, {ALICE})
    if not checks.has_fault("blocking shows no presence"):
        await alice.expect("presence", is_from(BOB, "unavailable"))
    alice.send_message(BOB, "can you hear me", mtype="chat")
    refused = await alice.expect("message_error")
    equal("condition", refused["error"]["condition"], "service-unavailable")
    await bob["xep_0191"].unblock(ALICE)
    if not checks.has_fault("blocking shows no presence"):
        await alice.expect("presence", is_from(BOB, "available"))
    alice.send_message(BOB, "and now", mtype="chat")
    message = await bob.expect("message")
    equal("first message after unblocking", message["body"], "and now")
    listed = await bob["xep_0191"].get_blocked()
    equal("blocked", set(listed["blocklist"]["items"]), set())


async def vcards(alice, bob):
    card = alice["xep_0054"].make_vcard()
    card["FN"] = "Alice Æ. Example"
    card["N"]["FAMILY"] = "Example"
    card["PHOTO"]["TYPE"] = "image/png"
    card["PHOTO"]["BINVAL"] = bytes(range(256)) * 16
    await alice["xep_0054"].publish_vcard(card)
    for user, jid in ((alice, None), (bob, slixmpp.JID(ALICE))):
        fetched = (await user["xep_0054"].get_vcard(jid, cached=False))["vcard_temp"]
        equal("FN", fetched["FN"], "Alice Æ. Example")
        equal("FAMILY", fetched["N"]["FAMILY"], "Example")
        equal("PHOTO", fetched["PHOTO"]["BINVAL"], bytes(range(256)) * 16)


async def server_disco(alice):
    info = (await alice["xep_0030"].get_info(checks.DOMAIN))["disco_info"]
    assert any(identity[:2] == ("server", "im") for identity in info["identities"]), info["identities"]
    wanted = {"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "urn:xmpp:ping",
              "vcard-temp", "urn:xmpp:blocking"}
    missing = wanted - set(info["features"])
    assert not missing, f"not announced: {missing}"
    items = await alice["xep_0030"].get_items(checks.DOMAIN)
    equal("items from", str(items["from"]), checks.DOMAIN)


async def account_disco(alice):
    info = (await alice["xep_0030"].get_info(alice.boundjid.bare))["disco_info"]
    assert any(identity[:2] == ("account", "registered") for identity in info["identities"]), info["identities"]


async def pings(alice, bob):
    for target in (checks.DOMAIN, bob.boundjid):
        seconds = await alice["xep_0199"].ping(slixmpp.JID(target), timeout=5)
        assert 0 <= seconds < 5, seconds


async def private_storage(alice):
    note = Note()
    note["text"] = "keep <this> & that"
    await alice["xep_0049"].store(note)
    fetched = await alice["xep_0049"].retrieve("note")
    equal("text", fetched["private"]["note"]["text"], "keep <this> & that")


async def server_answers(alice):
    uptime = int((await alice["xep_0012"].get_last_activity(slixmpp.JID(checks.DOMAIN)))["last_activity"]["seconds"])
    assert 0 <= uptime < 30 * 24 * 3600, uptime
    version = (await alice["xep_0092"].get_version(slixmpp.JID(checks.DOMAIN)))["software_version"]
    assert version["name"], "no name"
    answer = (await alice["xep_0202"].get_entity_time(slixmpp.JID(checks.DOMAIN)))["entity_time"]
    # As text: with Python 3.11 slixmpp cannot read what it has read.
    utc = datetime.datetime.fromisoformat(answer.xml.findtext("{urn:xmpp:time}utc"))
    off = abs((utc - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
    assert off < 5, f"the server's clock is {off} s off"


async def last_activity(alice, bob):
    bob.send_presence(ptype="unavailable", pstatus="gone fishing")
    await bob.log_out()
    await alice.expect("presence", is_from(BOB, "unavailable"))
    answer = await alice["xep_0012"].get_last_activity(slixmpp.JID(BOB))
    assert 0 <= int(answer["last_activity"]["seconds"]) < 10, answer
    stranger = User(BOB)
    equal("outcome", await stranger.log_in(), "in")
    return stranger


async def last_activity_of_a_stranger_is_hidden(alice):
    try:
        await alice["xep_0012"].get_last_activity(slixmpp.JID(f"nobody-at-all@{checks.DOMAIN}"))
    except IqError as refusal:
        assert refusal.condition in ("service-unavailable", "forbidden", "subscription-required", "item-not-found",
                                     "not-authorized"), refusal.condition
    else:
        raise AssertionError("answered")


async def unsubscribe(alice, bob):
    alice.send_presence_subscription(BOB, ptype="unsubscribe")
    push = await alice.expect("push", lambda iq: jid_of(bob) in iq["roster"]["items"] and
                              iq["roster"]["items"][jid_of(bob)]["subscription"] == "from")
    assert push
    equal("subscription", (await bob.fetch_roster())[slixmpp.JID(ALICE)]["subscription"], "to")


async def main():
    await logins()
    alice, phone, bob = User(ALICE + "/desk"), User(ALICE + "/phone"), User(BOB + "/home")
    three = asyncio.gather(alice.log_in(), phone.log_in(direct=True), bob.log_in())
    if not await check("three sessions at once", three):
        return
    await check("roster: add, push to both resources, remove", roster_add_and_remove(alice, phone))
    await phone.log_out()
    await check("subscribe both ways", subscribe(alice, bob))
    await check("presence with show and status", presence_goes_out(alice, bob))
    await check("message both ways", message_both_ways(alice, bob))
    await check("delivery receipt", receipts(alice, bob))
    returned = []

    async def offline():
        returned.append(await offline_messages(alice, bob))

    await check("offline messages: all, in order, with delay stamp", offline())
    bob = returned[0] if returned else User(BOB)
    if not returned:
        await bob.log_in()
    await check("a cut stream is resumed and nothing is lost", resume_after_a_cut(bob))
    await check("block and unblock", block_and_unblock(alice, bob))
    await check("vCard: set, own, somebody else's", vcards(alice, bob))
    await check("disco of the server", server_disco(alice))
    await check("disco of the own account", account_disco(alice))
    await check("ping server and client", pings(alice, bob))
    await check("private storage", private_storage(alice))
    await check("uptime, version and time of the server", server_answers(alice))
    returned.clear()

    async def gone():
        returned.append(await last_activity(alice, bob))

    await check("last activity of a contact who is offline", gone())
    bob = returned[0] if returned else bob
    await check("last activity of nobody is not answered", last_activity_of_a_stranger_is_hidden(alice))
    await check("unsubscribe", unsubscribe(alice, bob))
    await asyncio.gather(alice.log_out(), bob.log_out())
    await check("what was offline is not delivered again", messages_were_delivered_once())


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    asyncio.get_event_loop().run_until_complete(main())
    checks.finish()
