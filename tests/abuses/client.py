"""A raw XMPP client for tests/abuse: blocking, with a time limit on everything; it sends what it is told, no more."""
import base64
import os
import re
import socket
import ssl
import struct
import time

HEADER = ("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PATIENCE = 20  # seconds, for what must come

# What must never be in a log: passwords, and what SASL carried.
secrets = set()


class Gone(Exception):
    """The server has closed the connection; the text is what it said before."""


def trusting_context(version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    return context


TRUSTING = trusting_context()


def base64_text(octets):
    return base64.b64encode(octets).decode()


def auth(mechanism, payload):
    text = base64_text(payload)
    if len(text) > 12:
        secrets.add(text)
    return f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</auth>"


def plain(user, password):
    secrets.add(password)
    return auth("PLAIN", f"\0{user}\0{password}".encode())


def bind(resource):
    return (f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource>"
            "</bind></iq>")


def address(number):
    """One of 60,000 addresses of this machine."""
    return f"127.1.{number // 250 % 250}.{number % 250 + 1}"


class Client:
    def __init__(self, port, source="127.0.0.1", tls=False, receive_buffer=None, host="127.0.0.1"):
        self.got = b""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if host == "127.0.0.1":
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        if tls:
            self.secure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def secure(self, context=TRUSTING, name="localhost"):
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def receive_some(self, seconds=PATIENCE):
        self.socket.settimeout(seconds)
        try:
            octets = self.socket.recv(65536)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except (ConnectionError, ssl.SSLError):
            octets = b""
        if not octets:
            raise Gone(self.got.decode(errors="replace"))
        self.got += octets

    def expect(self, *wanted, seconds=PATIENCE):
        """Everything up to the first of the texts, and with it; the rest stays for the next call."""
        pattern = re.compile(b"|".join(re.escape(text.encode()) for text in wanted))
        end = time.monotonic() + seconds
        while not (match := pattern.search(self.got)):
            self.receive_some(max(0.001, end - time.monotonic()))
        text, self.got = self.got[:match.end()], self.got[match.end():]
        return text.decode(errors="replace")

    def rest(self, seconds=PATIENCE):
        """Everything until the server closes; TimeoutError when it does not."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.receive_some(max(0.001, end - time.monotonic()))
            except Gone as gone:
                return str(gone)

    def is_open(self):
        try:
            while True:
                self.receive_some(0)
        except BlockingIOError:
            return True
        except Gone:
            return False

    def close(self):
        self.socket.close()

    def reset(self):
        """RST: the linger time is 0."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Of a TLS socket too only the descriptor goes: no close_notify.
        os.close(self.socket.detach())

    def open_stream(self):
        self.send(HEADER)
        return self.expect("</stream:features>")

    def start_tls(self):
        self.send(STARTTLS)
        self.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.secure()

    def log_in(self, user, password, resource=None):
        """From the stream's header on; with a resource, to the bound session."""
        self.open_stream()
        self.send(plain(user, password))
        self.expect("<success")
        if resource is None:
            return self
        self.open_stream()
        return self.bind(resource)

    def bind(self, resource):
        self.send(bind(resource))
        self.expect("</jid></bind></iq>")
        return self

    def ping(self, seconds=PATIENCE):
        """Seconds until the server's answer."""
        begin = time.monotonic()
        self.send("<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.expect("id='ping'", seconds=seconds)
        return time.monotonic() - begin
