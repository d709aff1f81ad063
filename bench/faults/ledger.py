"""What the clients of a round know: what they sent, what was accepted, what they were handed. For checker.py."""
import dataclasses
import itertools


@dataclasses.dataclass(slots=True)
class Sent:
    """A message. Its body is its key: round, sending client, number."""
    key: str
    sender: str  # the client: account/resource
    to: str      # the account
    number: int
    acked: bool = False
    error: str = ""
    times: int = 0
    at: float = 0.0

    @property
    def account(self):
        return self.sender.split("/")[0]

    @property
    def accepted(self):
        return self.acked and not self.error

    @property
    def ended(self):
        return self.acked or bool(self.error)


@dataclasses.dataclass(slots=True)
class Handed:
    key: str
    stanza_id: str
    session: int   # a resumed one is the same
    moment: int    # ascends over all that is written down
    delayed: bool
    at: float


@dataclasses.dataclass(slots=True)
class Archived:
    id: str
    key: str
    outgoing: bool


class Ledger:
    def __init__(self, name):
        self.name = name
        self.sent = {}            # key -> Sent
        self.handed = {}          # client -> [Handed]
        self.received_by = {}     # key -> accounts that were handed it
        self.orderly = {}         # session that ended in order -> the moment of its last acknowledgement
        self.crashes = []         # moments
        self.surprises = []       # what clients did not understand
        self._moments = itertools.count(1)
        self._numbers = {}
        self.sessions = itertools.count(1)

    def new_message(self, sender, to):
        number = self._numbers[sender] = self._numbers.get(sender, 0) + 1
        message = Sent(f"{self.name} {sender} {number}", sender, to, number)
        self.sent[message.key] = message
        return message

    def hand(self, client, key, stanza_id, session, delayed, at):
        self.handed.setdefault(client, []).append(Handed(key, stanza_id, session, self.moment(), delayed, at))
        self.received_by.setdefault(key, set()).add(client.split("/")[0])

    def moment(self):
        return next(self._moments)

    def crash(self):
        self.crashes.append(self.moment())

    def open(self):
        return [message for message in self.sent.values() if not message.ended]

    def not_handed(self):
        return [message for message in self.sent.values()
                if message.accepted and message.to not in self.received_by.get(message.key, ())]
