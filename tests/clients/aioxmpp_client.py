#!/usr/bin/python3
"""aioxmpp, Debian's 0.13.3: it checks every stanza it gets against a schema and complains of what does not fit."""
import asyncio
import contextlib
import logging
import os
import sys

import checks

os.environ["SSL_CERT_FILE"] = checks.CA  # what aioxmpp's verification by PKIX trusts

import aiosasl  # noqa: E402
import aioxmpp  # noqa: E402
import aioxmpp.connector  # noqa: E402
import aioxmpp.dispatcher  # noqa: E402
from checks import ALICE, BOB, check, equal  # noqa: E402


class User:
    """A managed client with the services tried here; use as `async with User(jid) as user`."""

    def __init__(self, jid, direct=False, password=checks.PASSWORD):
        connector = aioxmpp.connector.XMPPOverTLSConnector() if direct else aioxmpp.connector.STARTTLSConnector()
        peer = (checks.HOST, checks.TLS_PORT if direct else checks.PORT, connector)
        self.client = aioxmpp.PresenceManagedClient(aioxmpp.JID.fromstr(jid), aioxmpp.make_security_layer(password),
                                                    override_peer=[peer], max_initial_attempts=1)
        self.roster = self.client.summon(aioxmpp.RosterClient)
        self.blocking = self.client.summon(aioxmpp.BlockingClient)
        self.disco = self.client.summon(aioxmpp.DiscoClient)
        self.presence = self.client.summon(aioxmpp.PresenceClient)
        self.arrived = asyncio.Queue()
        self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(
            None, None, self.arrived.put_nowait)

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        await self.stack.enter_async_context(self.client.connected())
        return self

    async def __aexit__(self, *exception):
        return await self.stack.__aexit__(*exception)

    @property
    def bare(self):
        return self.client.local_jid.bare()

    async def send(self, to, text):
        message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=to)
        message.body[None] = text
        await self.client.send(message)

    async def subscription_of(self, other, wanted):
        await until(lambda: other in self.roster.items and self.roster.items[other].subscription == wanted)


async def until(holds):
    """Services tell news by signals; asking again is simpler than listening to each."""
    while not holds():
        await asyncio.sleep(0.02)


async def login(direct):
    async with User(ALICE, direct) as user:
        equal("bound to", user.bare, aioxmpp.JID.fromstr(ALICE))
        assert user.client.local_jid.resource, "no resource"


async def wrong_password():
    try:
        async with User(ALICE, password="not the password"):
            raise AssertionError("logged in")
    except aiosasl.AuthenticationFailure:
        pass


async def roster(alice):
    friend = aioxmpp.JID.fromstr("friend@elsewhere.example")
    await alice.roster.set_entry(friend, name="A Friend", add_to_groups={"Old", "Chess"})
    await until(lambda: friend in alice.roster.items)
    entry = alice.roster.items[friend]
    equal("name", entry.name, "A Friend")
    equal("groups", set(entry.groups), {"Old", "Chess"})
    equal("subscription", entry.subscription, "none")
    await alice.roster.set_entry(friend, name="Renamed", remove_from_groups={"Old"})
    await until(lambda: alice.roster.items[friend].name == "Renamed")
    equal("groups", set(alice.roster.items[friend].groups), {"Chess"})
    await alice.roster.remove_entry(friend)
    await until(lambda: friend not in alice.roster.items)


async def subscribe(alice, bob):
    for asker, asked in ((alice, bob), (bob, alice)):
        requests = asyncio.Queue()
        token = asked.roster.on_subscribe.connect(requests.put_nowait)
        asker.roster.subscribe(asked.bare)
        request = await requests.get()
        asked.roster.on_subscribe.disconnect(token)
        equal("asker", request.from_, asker.bare)
        asked.roster.approve(asker.bare)
        await until(lambda: asker.presence.get_peer_resources(asked.bare))
    await alice.subscription_of(bob.bare, "both")
    await bob.subscription_of(alice.bare, "both")


async def presence(alice, bob):
    alice.client.presence = aioxmpp.PresenceState(True, aioxmpp.PresenceShow.DND)
    await until(lambda: any(stanza.show == aioxmpp.PresenceShow.DND
                            for stanza in bob.presence.get_peer_resources(alice.bare).values()))


async def messages(alice, bob):
    for sender, receiver in ((alice, bob), (bob, alice)):
        await sender.send(receiver.bare, "strictly <speaking> & \N{SNOWMAN}")
        message = await receiver.arrived.get()
        equal("body", message.body.any(), "strictly <speaking> & \N{SNOWMAN}")
        equal("from", message.from_, sender.client.local_jid)


async def disco(alice):
    server = aioxmpp.JID.fromstr(checks.DOMAIN)
    info = await alice.disco.query_info(server)
    assert any((identity.category, identity.type_) == ("server", "im") for identity in info.identities), info.identities
    assert "urn:xmpp:blocking" in info.features, sorted(info.features)
    items = await alice.disco.query_items(server)
    assert all(item.jid for item in items.items)
    try:
        await alice.disco.query_info(server, node="no such node")
    except aioxmpp.errors.XMPPCancelError as refusal:
        equal("condition", refusal.condition, aioxmpp.ErrorCondition.ITEM_NOT_FOUND)
    else:
        raise AssertionError("a node that is not there has features")


async def ping(alice):
    await aioxmpp.ping.ping(alice.client, aioxmpp.JID.fromstr(checks.DOMAIN))


async def blocking(alice, bob):
    await bob.blocking.block_jids([alice.bare])
    await until(lambda: alice.bare in bob.blocking.blocklist)
    message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=bob.bare)
    message.autoset_id()
    message.body[None] = "can you hear me"
    await alice.client.send(message)
    error = await alice.arrived.get()
    equal("type", error.type_, aioxmpp.MessageType.ERROR)
    equal("id", error.id_, message.id_)
    equal("condition", error.error.condition, aioxmpp.ErrorCondition.SERVICE_UNAVAILABLE)
    await bob.blocking.unblock_jids([alice.bare])
    await until(lambda: alice.bare not in bob.blocking.blocklist)
    await alice.send(bob.bare, "and now")
    equal("first message after unblocking", (await bob.arrived.get()).body.any(), "and now")


async def vcards(alice, bob):
    own, other = (user.client.summon(aioxmpp.vcard.VCardService) for user in (alice, bob))
    equal("picture before there is one", (await own.get_vcard()).get_photo_data(), None)
    card = aioxmpp.vcard.xso.VCard()
    card.set_photo_data("image/png", bytes(range(256)))
    await own.set_vcard(card)
    for service in (own, other):
        equal("picture", (await service.get_vcard(alice.bare)).get_photo_data(), bytes(range(256)))
    await own.set_vcard(aioxmpp.vcard.xso.VCard())
    for service in (own, other):
        equal("picture of an emptied vCard", (await service.get_vcard(alice.bare)).get_photo_data(), None)


async def main():
    for direct, way in ((False, "STARTTLS"), (True, "direct TLS")):
        await check(f"login over {way}", login(direct))
    await check("a wrong password is refused", wrong_password())
    logging.getLogger("aioxmpp").addHandler(Complaints(logging.WARNING))  # the refused login made some of its own
    alice, bob = User(ALICE), User(BOB, direct=True)
    async with alice, bob:
        await check("roster: add, change, remove", roster(alice))
        await check("subscribe both ways", subscribe(alice, bob))
        await check("presence", presence(alice, bob))
        await check("message both ways", messages(alice, bob))
        await check("disco", disco(alice))
        await check("ping", ping(alice))
        await check("block and unblock", blocking(alice, bob))
        await check("vCard", vcards(alice, bob))
    await check("it had nothing to complain of", no_complaints())


class Complaints(logging.Handler):
    """What aioxmpp warns of: stanzas that do not fit its schema, lost streams."""
    seen = []

    def emit(self, record):
        self.seen.append(record.getMessage())


async def no_complaints():
    equal("complaints", Complaints.seen, [])


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 80))
    checks.finish()
