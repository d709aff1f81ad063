"""A component (XEP-0114) that serves rooms (XEP-0045), just well enough for bench_load, or badly on purpose."""
import hashlib
import socket
import threading
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

SECONDS = 60
NS = "{jabber:component:accept}"


class RoomService:
    """`mistake(number, stanza, held)` decides what becomes of the number-th message to an occupant."""

    def __init__(self, port, domain, password, mistake=None):
        self.mistake = mistake or (lambda number, stanza, held: [stanza])
        self.rooms = {}  # bare JID -> {occupant's address in the room: the occupant's own}
        self.number, self.held = 0, []
        self.parser, self.depth = ElementTree.XMLPullParser(["start", "end"]), 0
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.socket.settimeout(SECONDS)
        self._say(f"<stream:stream xmlns='jabber:component:accept' to='{domain}' "
                  "xmlns:stream='http://etherx.jabber.org/streams'>")
        stream_id = self._read()[0].get("id")
        self._say(f"<handshake>{hashlib.sha1((stream_id + password).encode()).hexdigest()}</handshake>")
        if self._read()[0].tag != NS + "handshake":
            raise RuntimeError("the server does not take the component")
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)

    def _say(self, text):
        self.socket.sendall(text.encode())

    def _read(self):
        """The next elements: the stream's start, or whole stanzas. Nothing: it is over."""
        found = []
        while not found:
            data = self.socket.recv(65536)
            if not data:
                return []
            self.parser.feed(data)
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if self.depth == 1:
                    found.append(element)
        return found

    def _serve(self):
        try:
            while stanzas := self._read():
                self._say("".join(answer for stanza in stanzas for answer in self._answer(stanza)))
        except OSError:
            pass  # closed

    def _answer(self, stanza):
        kind, sender, to = stanza.tag.removeprefix(NS), stanza.get("from"), stanza.get("to")
        room = self.rooms.setdefault(to.split("/")[0], {})
        if kind == "iq":
            yield f"<iq type='result' id={quoteattr(stanza.get('id'))} from='{to}' to='{sender}'/>"
        elif kind == "presence" and stanza.get("type") == "unavailable":
            room.pop(to, None)
        elif kind == "presence":
            yield from self._enter(room, to, sender)
        elif kind == "message" and stanza.get("type") == "groupchat":
            yield from self._pass_on(room, to, sender, stanza.findtext(NS + "body"))

    @staticmethod
    def _presence(place, to, *codes):
        status = "".join(f"<status code='{code}'/>" for code in codes)
        return (f"<presence from='{place}' to='{to}'><x xmlns='http://jabber.org/protocol/muc#user'>"
                f"<item affiliation='none' role='participant'/>{status}</x></presence>")

    def _enter(self, room, place, user):
        codes = [110] if room else [110, 201]
        for other, address in room.items():
            yield self._presence(other, user)
            yield self._presence(place, address)
        room[place] = user
        yield self._presence(place, user, *codes)
        yield f"<message type='groupchat' from='{place.split('/')[0]}' to='{user}'><subject/></message>"

    def _pass_on(self, room, to, sender, body):
        place = next(place for place, user in room.items() if user == sender)
        for user in room.values():
            message = f"<message type='groupchat' from='{place}' to='{user}'><body>{escape(body)}</body></message>"
            self.number += 1
            yield from self.mistake(self.number, message, self.held)
