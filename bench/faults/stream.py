"""An XMPP stream over asyncio: connects, logs in, gives stanzas one by one."""
import asyncio
import base64
import socket
import ssl
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

HEADER = ("<?xml version='1.0'?><stream:stream to={} version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")
STREAM_ERROR = "{http://etherx.jabber.org/streams}error"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
CHUNK = 65536
SLOW_CHUNK = 512
SLOW_BUFFER = 4096


class Gone(Exception):
    """The connection ended, or the server said that it is no use."""


def _trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


TRUSTING = _trusting()


class _Parser:
    """Feed it bytes, get whole stanzas; None is the end of the stream."""

    def __init__(self):
        self._pull = ElementTree.XMLPullParser(("start", "end"))
        self._depth, self._root = 0, None

    def feed(self, octets):
        self._pull.feed(octets)
        for event, element in self._pull.read_events():
            if event == "start":
                self._depth += 1
                self._root = element if self._depth == 1 else self._root
                continue
            self._depth -= 1
            if self._depth == 1:
                yield element
                self._root.clear()
            elif self._depth == 0:
                yield None


class Stream:
    def __init__(self, reader, writer, domain, pace=None):
        self._reader, self._writer = reader, writer
        self._domain, self._pace = domain, pace
        self._ready, self._parser = [], None

    @classmethod
    async def connect(cls, address, domain, tls=False, pace=None):
        """`pace`: bytes read per second, for clients that are slow."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if pace:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
            options = {"ssl": TRUSTING, "server_hostname": domain} if tls else {}
            reader, writer = await asyncio.open_connection(sock=sock, limit=SLOW_CHUNK if pace else CHUNK, **options)
        except BaseException:
            sock.close()
            raise
        return cls(reader, writer, domain, pace)

    async def log_in(self, user, password):
        """To the features behind it."""
        await self._open()
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")
        answer = await self.next()
        if answer.tag != f"{{{SASL}}}success":
            raise Gone("login refused: " + ElementTree.tostring(answer).decode())
        return await self._open()

    async def _open(self):
        self._parser, self._ready = _Parser(), []
        self.write(HEADER.format(quoteattr(self._domain)))
        return await self.next()

    def write(self, text):
        self._writer.write(text.encode())

    async def next(self):
        """Gone at the end, whoever ended it."""
        while not self._ready:
            self._ready = list(self._parser.feed(await self._read()))
        element = self._ready.pop(0)
        if element is None:
            raise Gone("stream closed")
        if element.tag == STREAM_ERROR:
            raise Gone("stream error " + ElementTree.tostring(element).decode())
        return element

    async def _read(self):
        if self._pace:
            await asyncio.sleep(SLOW_CHUNK / self._pace)
        octets = await self._reader.read(SLOW_CHUNK if self._pace else CHUNK)
        if not octets:
            raise Gone("connection closed")
        return octets

    def hurry(self):
        self._pace = None

    def abort(self):
        """RST or FIN, as the kernel likes; nothing more is sent."""
        self._writer.transport.abort()

    def close(self):
        self._writer.write(b"</stream:stream>")


FAILURES = (Gone, OSError, ElementTree.ParseError, asyncio.IncompleteReadError, asyncio.TimeoutError, ssl.SSLError)
