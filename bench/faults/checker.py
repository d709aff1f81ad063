"""Judges a round, whatever the fault was: compares what the clients know (ledger.py) with all archives.

Of messages that were accepted (the server's `h` covers it, and no error came):
lost        neither in the recipient's archive nor handed to one of his clients
unarchived  handed over, but not in his archive; or not in the sender's own
unhanded    archived, but never handed to a client of the recipient, though everybody was back at the end
Of all:
doubled     twice in one archive; handed to one client under two stanza-ids or under another than the archive's; or
            again though the server knew that the client had it (see _is_known)
ghosts      archived or handed, but never sent, or not to this account
disorder    of one sending client and one recipient: a message behind a later one, archived or as first handed over.
            Clients send again what was not accepted before anything new, so the order is that of their numbers. Of an
            account with several clients each session counts alone (what one of them had may, after a crash, come once
            more to another), and there what waited (<delay/>) is compared with what waited.
silent      neither accepted nor refused after the server has been up and quiet
repeated    handed again under the same stanza-id after a crash or a lost connection: it was not known whether it had
            arrived; no fault
refused and kept: answered by an error, but archived: the database failed after it had written; no fault, since a sender
            who tries again has the same origin-id
"""
import collections
import dataclasses

FAULTS = ("lost", "unarchived", "unhanded", "doubled", "ghosts", "disorder", "silent")


@dataclasses.dataclass(kw_only=True)
class Counts:
    """Messages, by what became of them. Those of FAULTS must be 0."""
    lost: int = 0
    unarchived: int = 0
    unhanded: int = 0
    doubled: int = 0
    ghosts: int = 0
    disorder: int = 0
    silent: int = 0
    repeated: int = 0
    refused_and_kept: int = 0

    @property
    def faultless(self):
        return not any(getattr(self, column) for column in FAULTS)


@dataclasses.dataclass
class Verdict(Counts):
    details: list = dataclasses.field(default_factory=list)
    messages: set = dataclasses.field(default_factory=set)

    def add(self, column, key, text=""):
        """A message counts once in each column."""
        if (column, key) not in self.messages:
            self.messages.add((column, key))
            setattr(self, column, getattr(self, column) + 1)
        self.details.append(f"{column}: {key} {text}".rstrip())


def judge(ledger, archives):
    """`archives`: account -> [Archived], as its pages came."""
    verdict = Verdict()
    _check_silence(ledger, verdict)
    _check_losses(ledger, archives, verdict)
    for owner, rows in archives.items():
        _check_archive(ledger, owner, rows, verdict)
    ids = {(owner, row.key): row.id for owner, rows in archives.items() for row in reversed(rows)}
    clients = collections.Counter(client.split("/")[0] for client in ledger.handed)
    for client, handed in ledger.handed.items():
        _check_handed(ledger, client, handed, ids, verdict)
        alone = clients[client.split("/")[0]] == 1
        _check_order(ledger, client, handed, alone, verdict)
    return verdict


def _check_silence(ledger, verdict):
    for message in ledger.open():
        verdict.add("silent", message.key, f"to {message.to}, sent {message.times} times")


def _check_losses(ledger, archives, verdict):
    kept = {owner: {row.key for row in rows} for owner, rows in archives.items()}
    for message in ledger.sent.values():
        archived, handed = message.key in kept[message.to], message.to in ledger.received_by.get(message.key, ())
        if message.error and archived:
            verdict.add("refused_and_kept", message.key)
        if not message.accepted:
            continue
        if not archived:
            verdict.add("unarchived" if handed else "lost", message.key, f"to {message.to}")
        elif not handed:
            verdict.add("unhanded", message.key, f"to {message.to}")
        elif message.key not in kept[message.account]:
            verdict.add("unarchived", message.key, f"not in the archive of {message.account}")


def _check_archive(ledger, owner, rows, verdict):
    seen, order = set(), Order()
    for row in rows:
        message = ledger.sent.get(row.key)
        if message is None or owner != (message.account if row.outgoing else message.to):
            verdict.add("ghosts", row.key, f"in the archive of {owner}")
        elif row.key in seen:
            verdict.add("doubled", row.key, f"in the archive of {owner}")
        elif not order.fits(message, row.outgoing):
            verdict.add("disorder", row.key, f"in the archive of {owner} behind {order.last(message, row.outgoing)}")
        seen.add(row.key)


def _check_handed(ledger, client, handed, ids, verdict):
    account, first = client.split("/")[0], {}
    for one in handed:
        message = ledger.sent.get(one.key)
        if message is None or message.to != account:
            verdict.add("ghosts", one.key, f"handed to {client}")
        elif one.stanza_id and one.stanza_id != ids.get((account, one.key), one.stanza_id):
            verdict.add("doubled", one.key,
                        f"handed to {client} as {one.stanza_id}, archived as {ids[account, one.key]}")
        elif one.key not in first:
            first[one.key] = one
        elif one.stanza_id != first[one.key].stanza_id:
            verdict.add("doubled", one.key, f"handed to {client} as {first[one.key].stanza_id} and {one.stanza_id}")
        elif _is_known(ledger, first[one.key], one):
            verdict.add("doubled", one.key, f"handed again to {client}, which was known to have it")
        else:
            verdict.repeated += 1


def _check_order(ledger, client, handed, alone, verdict):
    """`alone`: the account has no other client."""
    seen, order = set(), Order()
    for one in handed:
        message, session = ledger.sent.get(one.key), 0 if alone else one.session
        if message is None or (session, one.key) in seen:
            continue
        seen.add((session, one.key))
        strand = (session, not alone and one.delayed)
        if not order.fits(message, strand):
            verdict.add("disorder", one.key, f"handed to {client} behind {order.last(message, strand)}")


class Order:
    """The last number of each sending client and recipient, in each strand."""

    def __init__(self):
        self._last = {}

    def fits(self, message, strand):
        key = (message.sender, message.to, strand)
        fits = message.number > self._last.get(key, 0)
        self._last[key] = max(message.number, self._last.get(key, 0))
        return fits

    def last(self, message, strand):
        return self._last[message.sender, message.to, strand]


def _is_known(ledger, first, again):
    """The server knew: it is the same session (resumed with the client's count, too), or that one acknowledged the
    message and ended in order, and the server has not crashed since."""
    if first.session == again.session:
        return True
    acknowledged = first.moment < ledger.orderly.get(first.session, 0)
    return acknowledged and not any(first.moment < crash < again.moment for crash in ledger.crashes)
