"""Section X: XML, where a parser's test does not show all."""
import time

from abuses.cases import Group
from abuses.server import KIB, MIB

CASES = Group()


@CASES.case()
def x10_huge_body(stage, server):
    """X10: 11 MB message body: SE policy-violation after 256 KiB, memory at most 512 KiB for it."""
    one = server.log_in("talker")
    before = settled_memory(server)
    one.send("<message to='talker@localhost'><body>" + 240 * KIB * "x")
    held = settled_memory(server) - before
    sent = 240 * KIB
    while sent < 11 * MIB and one.is_open() and not one.got:
        one.send("x" * 16 * KIB)
        sent += 16 * KIB
        time.sleep(0.005)
    answer = one.rest(5)
    assert "<policy-violation" in answer, answer
    assert sent <= 288 * KIB, f"refused only after {sent / KIB:.0f} KiB"
    assert 200 * KIB <= held <= 512 * KIB, f"{held / KIB:.0f} KiB for one stanza"
    one.close()
    return f"refused after {sent // KIB} KiB, {held // KIB} KiB of memory"


def settled_memory(server):
    """What is held: the allocator gives back within a second or two what buffers leave that have grown."""
    time.sleep(3)
    return server.memory()


@CASES.case()
def x11_dribbled_attribute(stage, server):
    """X11: 250 kB attribute value a byte at a time: linear CPU."""
    costs = {count: cost_of_a_dribbled_byte(server, count) for count in (15_000, 240_000)}
    few, many = costs.values()
    # Four times is what a byte may cost that comes alone and not in one read with others, as the kernel happens to run
    # the two; a reader that looks again at what it has would take sixteen times as long.
    assert many < 8 * few, f"{few:.2f} then {many:.2f} us a byte"
    return f"{few:.2f} us a byte at 15 kB, {many:.2f} at 240 kB"


def cost_of_a_dribbled_byte(server, count):
    """CPU of an attribute's byte, in microseconds."""
    one = server.log_in("dribbler")
    one.send("<message to='localhost' type='headline' a='")
    time.sleep(0.05)
    before = server.cpu_seconds()
    for _ in range(count):
        one.socket.send(b"x")
    one.socket.send(b"'/>")
    one.ping()
    cost = server.cpu_seconds() - before
    one.close()
    return cost / count * 1e6


@CASES.case()
def x19_many_names(stage, server):
    """X19: 1,000,000 different element and attribute names over one session: memory flat."""
    total, each = stage.scaled(200_000, 1_000_000), 500
    one = server.log_in("talker")

    def send(first):
        names = "".join(f"<n{i} a{i}=''/>" for i in range(first, first + each))
        one.send(f"<iq type='result' id='n' to='localhost'><q xmlns='urn:names:{first}'>{names}</q></iq>")

    for first in range(0, total // 4, each):
        send(first)
    one.ping()
    after_a_quarter = server.memory()
    for first in range(total // 4, total, each):
        send(first)
    one.ping()
    growth = server.memory() - after_a_quarter
    one.close()
    assert growth < MIB / 2, f"grew by {growth / KIB:.0f} KiB after the first quarter"
    return f"{2 * total} names, {growth // KIB:+d} KiB over the last three quarters"
