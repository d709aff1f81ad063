"""Results by scenario, server and round; spreads, ratios round by round, and the bars judged. Pure."""
import dataclasses
import statistics

from comparison.scenarios import FIGURES, PEERS, RELAY, ROOKERY, SCENARIO_OF


@dataclasses.dataclass(frozen=True)
class Spread:
    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values)) if values else None


class Results:
    """A failed run is a result with `failed`: why."""

    def __init__(self):
        self._results = {}  # (scenario, server) -> {round: result}

    def add(self, scenario, server, round_number, result):
        self._results.setdefault((scenario, server), {})[round_number] = result

    def has(self, scenario, server, round_number):
        return "failed" not in self._results.get((scenario, server), {}).get(round_number, {"failed": "not run"})

    def rounds(self):
        return max((len(rounds) for rounds in self._results.values()), default=0)

    def scenarios(self):
        return {scenario for scenario, _ in self._results}

    def failure(self, scenario, server):
        """Why one of its rounds failed."""
        failures = [one["failed"] for one in self._results.get((scenario, server), {}).values() if "failed" in one]
        return failures[0] if failures else None

    def any(self, scenario, server):
        good = [one for one in self._results.get((scenario, server), {}).values() if "failed" not in one]
        return good[0] if good else None

    def values(self, figure_key, server):
        """Round -> value."""
        figure = FIGURES[figure_key]
        rounds = self._results.get((SCENARIO_OF[figure_key], server), {})
        values = {number: figure.of(one) for number, one in rounds.items() if "failed" not in one}
        return {number: value for number, value in values.items() if value is not None}

    def spread(self, figure_key, server):
        return Spread.of(list(self.values(figure_key, server).values()))

    def best_peer(self, figure_key):
        medians = {peer: spread.median for peer in PEERS if (spread := self.spread(figure_key, peer))}
        return min(medians, key=medians.get) if medians else None

    def ratio(self, over, under):
        """Of two (figure, server): the spread of the ratios of rounds that have both."""
        tops, bottoms = self.values(*over), self.values(*under)
        return Spread.of([tops[number] / bottoms[number] for number in tops if bottoms.get(number)])


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`met` None: not measured, or nothing to compare with."""
    text: str
    measured: Spread | None
    met: bool | None
    note: str = ""


def judge(bar, results):
    text = words(bar)
    if failure := results.failure(SCENARIO_OF[bar.figure], ROOKERY):
        return Verdict(text, None, False, f"Rookery failed: {failure}")
    measured, note = measure(bar, results)
    if measured is None:
        return Verdict(text, None, None, "not measured")
    return Verdict(text, measured, is_met(bar, measured.median), note)


def words(bar):
    title, unit = FIGURES[bar.figure].title, FIGURES[bar.figure].unit
    if bar.kind == "at most":
        return f"{title}: at most {bar.limit:g} {unit}"
    if bar.kind == "of relay":
        return f"{title}: at most {bar.limit:g} times the relay's{' ' + bar.other if bar.other else ''}"
    if bar.kind == "flat":
        return f"{title}: within {bar.limit:g} % of that of \"{FIGURES[bar.other].title}\""
    return f"{title}: " + ("at most the best peer's" if bar.limit == 1 else
                           f"at least {bar.limit:g} times less than the best peer's")


def measure(bar, results):
    """The spread that is compared with the limit, and a note."""
    if bar.kind == "at most":
        return results.spread(bar.figure, ROOKERY), ""
    if bar.kind == "of relay":
        return results.ratio((bar.figure, ROOKERY), (bar.other or bar.figure, RELAY)), "times the relay"
    if bar.kind == "flat":
        ratio = results.ratio((bar.figure, ROOKERY), (bar.other, ROOKERY))
        return ratio and per_cent(ratio), "% more"
    peer = results.best_peer(bar.figure)
    return results.ratio((bar.figure, peer), (bar.figure, ROOKERY)) if peer else None, f"times less than {peer}"


def per_cent(ratio):
    return Spread(*((value - 1) * 100 for value in (ratio.median, ratio.lowest, ratio.highest)))


def is_met(bar, value):
    if bar.kind == "below peer":
        return value >= bar.limit
    return abs(value) <= bar.limit if bar.kind == "flat" else value <= bar.limit
