"""What tests/upgrade needs beside its cases."""
import ssl
import threading

from abuses.client import Client, trusting_context


class BioClient(Client):
    """TLS in memory, so that records can be cut."""

    def __init__(self, raw, tls, incoming, outgoing):
        self.got = b""
        self.socket, self.tls, self.incoming, self.outgoing = raw, tls, incoming, outgoing
        raw.settimeout(20)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.exchange()
        raw.sendall(outgoing.read())

    def exchange(self):
        self.socket.sendall(self.outgoing.read())
        self.incoming.write(self.socket.recv(65536))

    def send(self, text):
        self.tls.write(text.encode())
        self.socket.sendall(self.outgoing.read())

    def receive_some(self, seconds=20):
        while True:
            try:
                self.got += self.tls.read(65536)
                return
            except ssl.SSLWantReadError:
                self.exchange()


class TlsClient(Client):
    def __init__(self, port, version):
        super().__init__(port)
        self.secure(trusting_context(version))


class Knocking(threading.Thread):
    """Connects and opens a stream, over and over."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.done, self.times, self.error = port, threading.Event(), 0, None

    def run(self):
        try:
            while not self.done.is_set():
                with Client(self.port) as client:
                    try:
                        client.open_stream()
                    except Exception as error:  # it was in the middle of it: told to go, and comes again
                        if "system-shutdown" not in str(error):
                            raise
                self.times += 1
        except Exception as error:
            self.error = error



class Meanwhile(threading.Thread):
    """Does one thing beside the test."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None
        self.start()

    def run(self):
        try:
            self.work()
        except Exception as error:
            self.error = error

    def end(self):
        self.join()
        if self.error:
            raise self.error
