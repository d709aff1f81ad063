"""What is measured, and what it must show: the scenarios of bench_load with their sizes, the figures read from each
result, and the bars. A scenario runs against every server that has what it `needs`. Pure."""
import dataclasses
import statistics

RELAY, ROOKERY = "relay", "rookery"
PEERS = ("ejabberd", "prosody", "jabberd2")
SERVERS = (RELAY, ROOKERY, *PEERS)
XMPP = (ROOKERY, *PEERS)
WARM_UP_USERS, WARM_UP_PHONES = 2_000, 1_050  # caches with a bound are full then: what is measured is a session
WARM_UP_CHAT = {"pairs": 105, "messages": 10_000, "warm-up-messages": 1_000}  # that of the archive's database, too
SHOWN_ROUNDS = 1  # of a peer in a scenario where no bar compares it with Rookery: to be seen, not to decide
MANY = 19_000  # what a process of the generator may hold
MANY_PHONES = 18_984
CHATTING = {"pairs": 250, "warm-up-messages": 10_000}


@dataclasses.dataclass(frozen=True)
class Figure:
    """What is read from a result: `field` names it, or makes it of the result."""
    key: str
    title: str
    unit: str
    field: object
    scale: float = 1
    def of(self, result):
        """None: the result has no such thing."""
        value = self.field(result) if callable(self.field) else result.get(self.field)
        return None if value is None else value * self.scale


@dataclasses.dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    command: str
    figures: tuple
    options: dict = dataclasses.field(default_factory=dict)
    tls: str = "direct"
    quick: dict = dataclasses.field(default_factory=dict)  # options of the relay and Rookery: enough to take seconds
    servers: tuple = XMPP
    needs: tuple = ()
    archive: bool = True
    acks: bool = False    # stream management at both ends, of servers that have it
    prefix: str = "u"     # the users' names
    contacts: int = 0     # each has a roster of so many
    chat_before: dict = dataclasses.field(default_factory=dict)  # with these options others have chatted there
    seconds: int = 1_200  # it is given up after that
    counted: object = None

    def options_for(self, server):
        return {**self.options, **(self.quick if server in (RELAY, ROOKERY) else {})}

    @property
    def accounts(self):
        """How many it uses."""
        return self.users + 2 * self.chat_before.get("pairs", 0)

    @property
    def users(self):
        return sum(self.options.get(name, 0) for name in ("users", "warm-up-users", "pairs", "pairs"))


@dataclasses.dataclass(frozen=True)
class Counted:
    """A short run of which instructions are counted, with few and with many of `option`: the difference is shown, over
    the difference in `field` of the results."""
    option: str
    few: int
    many: int
    field: str
    options: dict


SIZES = ("users", "warm-up-users", "pairs", "messages", "warm-up-messages", "settle")
LEAST = {"messages": 200, "settle": 200}
PAIR = 2  # the relay's users wait for their partners
GROUPS_AND_PAIRS = 42  # phones: groups of 21 who know each other, and pairs


def scaled(scenario, scale):
    """With sizes times `scale`: to try whether all works."""
    if scale == 1:
        return scenario
    return dataclasses.replace(scenario, options=scale_sizes(scenario, scenario.options, scale),
                               quick=scale_sizes(scenario, scenario.quick, scale))


def scale_sizes(scenario, options, scale):
    step = GROUPS_AND_PAIRS if scenario.contacts else PAIR
    return {name: scale_size(name, value, scale, step if "users" in name else 1) if name in SIZES else value
            for name, value in options.items()}


def scale_size(name, value, scale, step):
    return max(round(value * scale / step), LEAST.get(name, 1)) * step


def bytes_after_first_return(result):
    """All at once need more for a moment than all did one after another: that leaves its marks on the heap, once."""
    rounds = result.get("bytes_per_session_rounds")
    return rounds[1] if rounds else None


def growth_of_rounds(result):
    """How much more a session takes after the last three returns than after the first three, medians: 0.02 is 2 % more.
    One value goes up and down by two per cent."""
    returns = result.get("bytes_per_session_rounds", [])[1:]
    return statistics.median(returns[-3:]) / statistics.median(returns[:3]) - 1 if returns else None


def kilobytes(key, title):
    return Figure(key, title, "kB", "bytes_per_session", 1 / 1_000)


def cpu(key, title, field, unit="µs"):
    return Figure(key, title, unit, field, 1 / 1_000 if unit == "ms" else 1)


def milliseconds(key, title, field):
    return Figure(key, title, "ms", field, 1 / 1_000)


def idle(key, title, users, tls="direct", **more):
    return Scenario(key, title, "idle", (kilobytes(key, title + ": memory per session"),), tls=tls,
                    options={"users": users, "warm-up-users": WARM_UP_USERS, "settle": 5_000, "sources": 16}, **more)


def phones(key, title, users, **more):
    return Scenario(key, title, "idle", (kilobytes(key, title + ": memory per session"),), needs=("phone",), prefix="p",
                    contacts=20, chat_before=WARM_UP_CHAT,
                    options={"phone": "yes", "users": users, "warm-up-users": WARM_UP_PHONES, "contacts": 20,
                             "settle": 60_000, "sources": 16}, **more)


def chat(key, title, options, quick, **more):
    return Scenario(key, title, "chat", (cpu(key, title + ": CPU per message", "cpu_us_per_message"),),
                    servers=SERVERS, archive=False, options={**CHATTING, **options}, quick=quick,
                    counted=Counted("messages", 2_000, 6_000, "delivered", {"pairs": 10, "warm-up-messages": 100}),
                    **more)


SCENARIOS = {scenario.key: scenario for scenario in (
    idle("idle-tls", "idle, TLS 1.3", 5_000, servers=SERVERS),
    idle("idle-plain", "idle, plaintext", 5_000, tls="none", servers=SERVERS),
    phones("phone", "a phone, TLS 1.3", 5_040 - WARM_UP_PHONES),
    idle("idle-tls-19000", "19,000 idle, TLS 1.3", MANY - WARM_UP_USERS, servers=(ROOKERY,)),
    idle("idle-plain-19000", "19,000 idle, plaintext", MANY - WARM_UP_USERS, tls="none", servers=(ROOKERY,)),
    phones("phone-19000", "19,000 phones, TLS 1.3", MANY_PHONES - WARM_UP_PHONES, servers=(ROOKERY,), seconds=3_600),
    Scenario("returns", "10 drops and returns of 5,000 phones", "idle", servers=(ROOKERY,), needs=("phone",), prefix="p",
             contacts=20, chat_before=WARM_UP_CHAT, seconds=3_600,
             options={"phone": "yes", "users": 5_040 - WARM_UP_PHONES, "warm-up-users": WARM_UP_PHONES, "contacts": 20,
                      "settle": 15_000, "rounds": 10, "sources": 16},
             figures=(Figure("returned", "a phone when all have dropped and returned once: memory per session", "kB",
                             bytes_after_first_return, 1 / 1_000),
                      Figure("returns", "its growth over ten returns of all, the last three against the first three", "%", growth_of_rounds, 100))),
    chat("chat-tls", "chat, TLS 1.3", {"messages": 100_000}, {"messages": 400_000}, acks=True),
    chat("chat-plain", "chat, plaintext, no stream management", {"messages": 100_000}, {"messages": 400_000},
         tls="none"),
    chat("chat-burst", "chat, TLS 1.3, 20 messages per read", {"burst": 20, "messages": 100_000},
         {"messages": 2_000_000, "warm-up-messages": 100_000}, acks=True),
    Scenario("latency", "chat at 2,000 messages a second, TLS 1.3", "chat", servers=SERVERS, archive=False, acks=True,
             options={**CHATTING, "rate": 2_000, "messages": 60_000, "warm-up-messages": 10_000},
             figures=(milliseconds("latency-p50", "latency at 2,000 messages a second, p50", "latency_us_p50"),
                      milliseconds("latency-p99", "latency at 2,000 messages a second, p99", "latency_us_p99"))),
    Scenario("login", "login, TLS 1.3 and SCRAM-SHA-256", "login", servers=SERVERS,
             options={"users": 1_000, "rounds": 4, "presence": "no", "sources": 16},
             figures=(cpu("login", "login, TLS 1.3 and SCRAM-SHA-256: CPU", "server_cpu_us_per_login", "ms"),),
             counted=Counted("rounds", 1, 3, "logins", {"users": 20})),
    Scenario("storm", "5,000 drop and return", "storm",
             options={"users": 5_000, "pairs": 50, "rate": 1_000, "settle": 10_000, "sources": 16},
             figures=(Figure("storm-cpu", "5,000 drop and return: CPU per user", "ms", "server_cpu_us_per_return",
                             1 / 1_000),
                      milliseconds("storm-p99", "5,000 drop and return: p99 of others' messages meanwhile",
                                   "latency_us_p99"))),
    Scenario("room", "a room with 500 occupants", "room", needs=("rooms",),
             options={"users": 500, "messages": 100_000, "warm-up-messages": 5_000},
             figures=(cpu("room", "a room with 500 occupants: CPU per delivery", "server_cpu_us_per_delivery"),),
             counted=Counted("messages", 1_000, 3_000, "deliveries", {"users": 50, "warm-up-messages": 100})),
    Scenario("start", "cold start to first login, 100,000 accounts in SQLite", "start",
             figures=(milliseconds("start", "cold start to first login, 100,000 accounts in SQLite", "start_us"),)),
)}
FIGURES = {figure.key: figure for scenario in SCENARIOS.values() for figure in scenario.figures}
SCENARIO_OF = {figure.key: scenario.key for scenario in SCENARIOS.values() for figure in scenario.figures}


@dataclasses.dataclass(frozen=True)
class Bar:
    """`kind`: what is compared with `limit`.
        at most     Rookery's value
        of relay    Rookery's value over the relay's, of `other` or the same figure: at most
        below peer  the best peer's value over Rookery's: at least
        flat        by how many per cent Rookery's value differs from its own value of `other`: at most, either way
    """
    figure: str
    kind: str
    limit: float
    other: str = ""


BARS = (
    Bar("idle-tls", "at most", 1.5),
    Bar("idle-tls", "below peer", 30),
    Bar("idle-plain", "at most", 1.2),
    Bar("phone", "at most", 3),
    Bar("idle-tls-19000", "flat", 3, "idle-tls"),
    Bar("idle-plain-19000", "flat", 3, "idle-plain"),
    Bar("phone-19000", "flat", 3, "phone"),
    Bar("returns", "at most", 3),
    Bar("chat-tls", "of relay", 1.8),
    Bar("chat-tls", "below peer", 4),
    Bar("chat-plain", "of relay", 1.9),
    Bar("chat-burst", "below peer", 10),
    Bar("latency-p50", "below peer", 1),
    Bar("latency-p99", "below peer", 1),
    Bar("login", "of relay", 2),
    Bar("login", "below peer", 3.5),
    Bar("storm-cpu", "of relay", 2.2, "login"),
    Bar("storm-p99", "at most", 100),
    Bar("start", "at most", 100),
)
COMPARED_WITH_PEERS = {SCENARIO_OF[bar.figure] for bar in BARS if bar.kind == "below peer"}


def rounds_of(scenario, server, rounds):
    """How many of `rounds` the server takes part in."""
    if server in PEERS and scenario.key not in COMPARED_WITH_PEERS:
        return min(rounds, SHOWN_ROUNDS)
    return rounds
