"""Section D of components (XEP-0114)."""
import hashlib
import re
import time

from abuses.cases import Group
from abuses.client import Client
from abuses.server import MIB, wait_until

CASES = Group()
HEADER = ("<stream:stream xmlns='jabber:component:accept' to='push.localhost' "
          "xmlns:stream='http://etherx.jabber.org/streams'>")


def connect(server, secret=None, **options):
    """A component that has said its handshake."""
    component = Client(server.component_port, **options)
    component.send(HEADER)
    stream = component.expect("from='push.localhost'>")
    identity = re.search(r" id='([^']+)'", stream).group(1)
    digest = hashlib.sha1((identity + (secret or server.component_secret)).encode()).hexdigest()
    component.send(f"<handshake>{digest}</handshake>")
    return component


def connected(server, **options):
    component = connect(server, **options)
    component.expect("<handshake/>")
    return component


def last_words(component):
    return component.rest(10)


@CASES.case()
def d10_component(stage, server):
    """D10: wrong secret, a foreign `from`, 2 MB: not-authorized, invalid-from, policy-violation; a good one is served."""
    assert "<not-authorized" in last_words(connect(server, secret="wrong"))
    component = connected(server)
    component.send("<message from='bob@localhost' to='anna@localhost'><body>x</body></message>")
    assert "<invalid-from" in last_words(component)
    component = connected(server)
    component.send("<message to='anna@localhost'><body>" + "x" * 2 * MIB + "</body></message>")
    assert "<policy-violation" in last_words(component)
    with connected(server) as component, server.log_in("d10") as user:
        user.send("<message to='push.localhost' id='m'><body>ping</body></message>")
        assert "id='m'" in component.expect("<body>ping</body>")
        component.send("<message from='push.localhost' to='d10@localhost/r'><body>pong</body></message>")
        user.expect("<body>pong</body>")
        assert server.ask("connected_components")["result"][0]["component"] == "push.localhost"
    assert wait_until(lambda: not server.ask("connected_components")["result"], 5)
    return "refused as they should be, and served"


@CASES.case(memory=8 * MIB)
def d10_component_that_does_not_read(stage, server):
    """D10: a component that takes nothing is disconnected, and who wrote to it hears of each message."""
    component = connected(server, receive_buffer=4096)
    with server.log_in("d10") as user:
        count = 150
        for i in range(count):
            user.send(f"<message type='headline' to='push.localhost' id='m{i}'><body>{'x' * 60_000}</body></message>")
        began = time.monotonic()
        assert wait_until(lambda: not server.ask("connected_components")["result"], 15), "still connected"
        seconds = time.monotonic() - began
        user.expect(f"id='m{count - 1}'")
    component.close()
    return f"disconnected after {seconds:.1f} s"
