"""A client that loses nothing by itself: stream management with resumption (XEP-0198), an origin-id (XEP-0359) on every
message, what was not acknowledged is sent again with the same one, in order and before anything new."""
import asyncio
import collections
import time
import traceback
import xml.etree.ElementTree as ElementTree

from faults.ledger import Archived
from faults.stream import FAILURES, Gone, Stream

C = "{jabber:client}"
SM = "{urn:xmpp:sm:3}"
MAM = "{urn:xmpp:mam:2}"
SID = "{urn:xmpp:sid:0}"
FORWARDED = "{urn:xmpp:forward:0}forwarded"
DELAY = "{urn:xmpp:delay}delay"
CONDITIONS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
STANZAS = (C + "message", C + "presence", C + "iq")
RETRY_SECONDS = 0.02
LOGIN_PATIENCES = 4  # it takes several answers
PAGE = 200
PADDING = " " + "x" * 60


class Client:
    def __init__(self, place, ledger, account, resource, patience=3.0, pace=None, mark=lambda event: None):
        """`place`: where the server is now: address(), domain, tls, password(account). `patience`: how long an answer
        may take before the connection counts as lost."""
        self.place, self.ledger = place, ledger
        self.account, self.resource, self.name = account, resource, f"{account}/{resource}"
        self.patience, self.pace, self.mark = patience, pace, mark
        self.ready = False
        self._wanted = False
        self._task = self._stream = None
        self._outbox = collections.deque()   # not sent in this session
        self._unacked = collections.deque()  # (Sent or None), counted by the server's h
        self._acked, self._received = 0, 0
        self.session, self._resume_id = 0, ""
        self._asked_at, self._left_at = None, 0
        self._questions, self._pages, self._next_question = {}, {}, 0
        self._why_not_in = ""

    # --- what others tell it

    def come(self):
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._live())

    def cut(self):
        """The connection is gone; it comes back by itself."""
        if self._stream:
            self._stream.abort()

    async def leave(self):
        """In order: everything received is acknowledged, the server closes too."""
        self._wanted = False
        if self.ready:
            self._acknowledge()
            self._left_at = self.ledger.moment()
            self._stream.close()
        if self._task:
            done, _ = await asyncio.wait([self._task], timeout=self.patience)
            if not done:
                await self.drop()
        self._task = None

    async def drop(self):
        """Gone for good, without a word."""
        self._wanted = False
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._task = None

    def hurry(self):
        self.pace = None
        if self._stream:
            self._stream.hurry()

    def say(self, to):
        self._outbox.append(self.ledger.new_message(self.name, to))
        if self.ready:
            self._send_waiting()

    @property
    def backlog(self):
        return len(self._outbox) + len(self._unacked)

    # --- its life

    async def _live(self):
        while self._wanted:
            try:
                async with asyncio.timeout(LOGIN_PATIENCES * self.patience if self.pace is None else None):
                    await self._begin()
                await self._serve()
            except FAILURES as failure:
                self._ended(failure)
            except asyncio.CancelledError:
                self._ended(Gone("dropped"))
                raise
            except Exception as failure:  # something the server sent was not understood
                self.mark(traceback.format_exc())
                self.ledger.surprises.append(f"{self.name}: {failure!r}")
                self._ended(Gone("confused"))
            if self._wanted:
                await asyncio.sleep(RETRY_SECONDS)

    def _ended(self, failure):
        was_ready, self.ready = self.ready, False
        if was_ready:
            self.mark(f"{self.name} lost its connection: {failure}")
        elif str(failure) != self._why_not_in:  # it tries again and again
            self.mark(f"{self.name} is not in: {failure!r}")
        self._why_not_in = str(failure)
        if was_ready and not self._wanted and str(failure) == "stream closed":
            self.ledger.orderly[self.session] = self._left_at
            self._resume_id = ""
        if self._stream:
            self._stream.abort()
        self._stream, self._asked_at = None, None
        for question in self._questions.values():
            if not question.done():
                question.set_exception(Gone("connection lost"))
        self._questions.clear()

    async def _begin(self):
        self._stream = await Stream.connect(self.place.address(), self.place.domain, self.place.tls, self.pace)
        await self._stream.log_in(self.account, self.place.password(self.account))
        if not (self._resume_id and await self._resume()):
            await self._bind()
        self.ready = True
        self._send_waiting()

    async def _resume(self):
        self._stream.write(f"<resume xmlns='urn:xmpp:sm:3' previd='{self._resume_id}' h='{self._received}'/>")
        answer = await self._stream.next()
        if answer.get("h") is not None:
            self._take_count(int(answer.get("h")))
        if answer.tag != SM + "resumed":
            self.mark(f"{self.name} not resumed: {ElementTree.tostring(answer).decode()}")
            return False
        self.mark(f"{self.name} resumed")
        again, self._unacked = self._unacked, collections.deque()
        for message in again:  # iqs are not worth it, but they count
            self._send(message)
        return True

    async def _bind(self):
        self._outbox.extendleft(message for message in reversed(self._unacked) if message)
        self._unacked.clear()
        self._resume_id, self._acked, self._received = "", 0, 0
        self.session = next(self.ledger.sessions)
        self._stream.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                           f"<resource>{self.resource}</resource></bind></iq>")
        if (await self._stream.next()).get("type") != "result":
            raise Gone("not bound")
        self._stream.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        enabled = await self._stream.next()
        if enabled.tag != SM + "enabled":
            raise Gone("no stream management")
        self._resume_id = enabled.get("id") or ""
        self._send_counted("<presence/>", None)
        self.mark(f"{self.name} bound")

    async def _serve(self):
        asking = asyncio.create_task(self._ask_again())
        try:
            while True:
                self._take(await self._stream.next())
        finally:
            asking.cancel()

    async def _ask_again(self):
        """A server that does not answer is gone, or the network is."""
        while True:
            await asyncio.sleep(0.1)
            if self._asked_at and time.monotonic() - self._asked_at > self.patience and self.pace is None:
                self.mark(f"{self.name} waited too long")
                self._stream.abort()
            if not self._asked_at and self._unacked:
                self._ask()

    # --- out

    def _send_waiting(self):
        while self._outbox:
            self._send(self._outbox.popleft())

    def _send(self, message):
        if message is None:
            return self._send_counted("<presence/>", None)
        message.times += 1
        message.at = message.at or time.monotonic()
        self._send_counted(f"<message type='chat' to='{message.to}@{self.place.domain}' id='{message.key}'>"
                           f"<body>{message.key}{PADDING}</body>"
                           f"<origin-id xmlns='urn:xmpp:sid:0' id='{message.key}'/></message>", message)
        if self._asked_at is None:
            self._ask()

    def _send_counted(self, text, message):
        self._unacked.append(message)
        self._stream.write(text)

    def _ask(self):
        self._asked_at = time.monotonic()
        self._stream.write("<r xmlns='urn:xmpp:sm:3'/>")

    def _acknowledge(self):
        self._stream.write(f"<a xmlns='urn:xmpp:sm:3' h='{self._received}'/>")

    def _take_count(self, h):
        new = (h - self._acked) % 2 ** 32
        if new > len(self._unacked):
            raise Gone(f"h {h} after {self._acked}, with {len(self._unacked)} more sent")
        self._acked = h
        for _ in range(new):
            message = self._unacked.popleft()
            if message:
                message.acked = True

    # --- in

    def _take(self, element):
        tag = element.tag
        if tag in STANZAS:
            self._received += 1
        if tag == C + "message":
            self._take_message(element)
        elif tag == SM + "r":
            self._acknowledge()
        elif tag == SM + "a":
            self._asked_at = None
            self._take_count(int(element.get("h")))
            if self._unacked:
                self._ask()
        elif tag == C + "iq" and element.get("id") in self._questions:
            question = self._questions.pop(element.get("id"))
            if not question.done():
                question.set_result(element)

    def _take_message(self, element):
        page = element.find(MAM + "result")
        if page is not None:
            return self._take_archived(page)
        if element.get("type") == "error":
            return self._take_error(element)
        body = element.findtext(C + "body")
        if body is None:
            return
        ids = [one.get("id") for one in element.iterfind(SID + "stanza-id")
               if one.get("by") == f"{self.account}@{self.place.domain}"]
        self.ledger.hand(self.name, body[:-len(PADDING)], ids[0] if ids else "", self.session,
                         element.find(DELAY) is not None, time.monotonic())

    def _take_archived(self, result):
        """Some servers archive error answers, too."""
        if result.find(f"{FORWARDED}/{C}message").get("type") != "error":
            self._pages[result.get("queryid")].append(archived(result, self.account))

    def _take_error(self, element):
        message = self.ledger.sent.get(element.get("id"))
        if message:
            message.error = next((child.tag[len(CONDITIONS):] for child in element.find(C + "error")
                                  if child.tag.startswith(CONDITIONS)), "error")
            self.mark(f"{message.key} refused: {ElementTree.tostring(element).decode()}")

    # --- questions

    async def ask(self, payload, kind="set", question_id=None):
        self._next_question += 1
        name = question_id or f"q{self._next_question}"
        self._questions[name] = question = asyncio.get_running_loop().create_future()
        self._send_counted(f"<iq type='{kind}' id='{name}'>{payload}</iq>", None)
        return await asyncio.wait_for(question, 10)

    async def read_archive(self, start):
        """All of it since that time (XEP-0082), in order."""
        rows, last, complete = [], None, False
        while not complete:
            page = await self._read_page(start, last)
            rows += page[0]
            last, complete = page[1], page[2]
        return rows

    async def _read_page(self, start, after):
        self._next_question += 1
        name = f"m{self._next_question}"
        self._pages[name] = []
        behind = f"<after>{after}</after>" if after else ""
        answer = await self.ask(
            f"<query xmlns='urn:xmpp:mam:2' queryid='{name}'><x xmlns='jabber:x:data' type='submit'>"
            "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
            f"<field var='start'><value>{start}</value></field></x>"
            f"<set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{behind}</set></query>", question_id=name)
        fin = answer.find(MAM + "fin")
        if fin is None:
            raise Gone("archive: " + ElementTree.tostring(answer).decode())
        last = fin.findtext("{http://jabber.org/protocol/rsm}set/{http://jabber.org/protocol/rsm}last")
        return self._pages.pop(name), last, fin.get("complete") == "true" or last is None


def archived(result, owner):
    message = result.find(f"{FORWARDED}/{C}message")
    body = message.findtext(C + "body") or ""
    return Archived(result.get("id"), body[:-len(PADDING)] or repr(ElementTree.tostring(message)),
                    message.get("from", "").split("@")[0] == owner)
