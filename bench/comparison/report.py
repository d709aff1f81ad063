"""docs/performance.md and its charts. What stands outside the marks in that file is written by people and stays."""
from comparison import charts
from comparison.cost import PARTS
from comparison.results import judge
from comparison.scenarios import BARS, FIGURES, PEERS, RELAY, ROOKERY, SCENARIO_OF, SCENARIOS, SERVERS

BEGIN = "<!-- Written by bench/compare from here: -->"
END = "<!-- To here. -->"
NAMES = {"relay": "relay", "rookery": "Rookery", "ejabberd": "ejabberd", "prosody": "Prosody", "jabberd2": "jabberd2"}
CLASSES = {"relay": "floor", "rookery": "own"}
NOT_MEASURED = "–"
NOISY = 1.25  # the relay's slowest round over its fastest
INSTRUCTIONS_NOTE = ("Instructions are counted by callgrind in short runs with few users, for each message, login or "
                     "delivery; the kernel's are not in them.")


def digits(value):
    """Three that count."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def spread_text(spread):
    """Of a single value it alone."""
    median = digits(spread.median)
    return median if spread.lowest == spread.highest else f"{median} ({digits(spread.lowest)} to {digits(spread.highest)})"


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def measured_figures(results):
    return [key for key in FIGURES if SCENARIO_OF[key] in results.scenarios()]


def shown_servers(names):
    return [name for name in SERVERS if name in names]


# The bars

def bar_rows(verdicts):
    state = {True: "met", False: "**missed**", None: "not measured"}
    for verdict in verdicts:
        measured = spread_text(verdict.measured) if verdict.measured else ""
        note = "" if verdict.met is None else verdict.note
        yield [verdict.text, f"{measured} {note}".strip(), state[verdict.met]]


def verdicts_of(results):
    return [judge(bar, results) for bar in BARS]


def verdict_lines(verdicts):
    """For the terminal."""
    state = {True: "met   ", False: "MISSED", None: "  -   "}
    return [f"{state[verdict.met]}  {verdict.text}: "
            f"{spread_text(verdict.measured) + ' ' if verdict.measured else ''}{verdict.note}" for verdict in verdicts]


# The figures

def figure_row(key, results, names, lacking):
    figure = FIGURES[key]
    cells = [cell(key, name, results, lacking) for name in names]
    return [f"{figure.title}, {figure.unit}", *cells, ratio_text(results.ratio((key, ROOKERY), (key, RELAY))),
            ratio_text(peer_ratio(key, results))]


def peer_ratio(key, results):
    peer = results.best_peer(key)
    return results.ratio((key, peer), (key, ROOKERY)) if peer else None


def ratio_text(spread):
    return spread_text(spread) if spread else NOT_MEASURED


def cell(key, name, results, lacking):
    scenario = SCENARIO_OF[key]
    if spread := results.spread(key, name):
        acks_note = " ¹" if SCENARIOS[scenario].acks and "acks" in lacking.get(name, {}) else ""
        return spread_text(spread) + acks_note
    if results.failure(scenario, name):
        return "failed"
    return next((why for need, why in lacking.get(name, {}).items() if need in SCENARIOS[scenario].needs), NOT_MEASURED)


def instruction_row(key, instructions, names, lacking):
    """Below the CPU of a message. `instructions`: (scenario, server) -> a message's."""
    counted = {name: instructions.get((SCENARIO_OF[key], name)) for name in SERVERS}
    peers = [counted[name] for name in PEERS if counted[name]]
    cells = [digits(counted[name]) if counted[name] else lacking.get(name, {}).get("valgrind", NOT_MEASURED)
             for name in names]
    return ["· instructions in user space", *cells,
            quotient(counted[ROOKERY], counted[RELAY]), quotient(min(peers, default=None), counted[ROOKERY])]


def quotient(over, under):
    return digits(over / under) if over and under else NOT_MEASURED


def figure_rows(results, instructions, names, lacking):
    for key in measured_figures(results):
        yield figure_row(key, results, names, lacking)
        if any((SCENARIO_OF[key], name) in instructions for name in names):
            yield instruction_row(key, instructions, names, lacking)


def figure_table(results, instructions, names, lacking):
    head = ["", *(NAMES[name] for name in names), "Rookery / relay", "best peer / Rookery"]
    return markdown(head, figure_rows(results, instructions, names, lacking))


def failures(results, names):
    for scenario in SCENARIOS:
        for name in names:
            if failure := results.failure(scenario, name):
                yield f"- {NAMES[name]}, {SCENARIOS[scenario].title}: `{failure}`"


def noise(results):
    """The relay is the control: where its rounds differ much, the machine was busy."""
    for key in measured_figures(results):
        spread = results.spread(key, RELAY)
        if spread and FIGURES[key].unit == "µs" and spread.highest > NOISY * spread.lowest:
            yield (f"The relay's rounds of \"{FIGURES[key].title}\" differ by {spread.highest / spread.lowest:.2f}: "
                   "the machine was busy, measure again.")


# The parts

def parts_table(parts, results):
    """`parts`: (scenario, server) -> {part: share}; in microseconds of a message, by the median of its CPU."""
    lines = []
    for scenario in SCENARIOS.values():
        columns = [name for name in (RELAY, ROOKERY) if (scenario.key, name) in parts]
        if columns:
            lines += ["", f"**{scenario.title}**", ""]
            lines += markdown(["", *(f"{NAMES[name]}, share" for name in columns),
                               *(f"{NAMES[name]}, µs" for name in columns)],
                              part_rows(scenario, columns, parts, results))
    return lines


def part_rows(scenario, columns, parts, results):
    costs = {name: results.spread(scenario.figures[0].key, name) for name in columns}
    for part in PARTS:
        shares = [parts[scenario.key, name].get(part, 0) for name in columns]
        if any(shares):
            times = [digits(share * costs[name].median) if costs[name] else NOT_MEASURED
                     for share, name in zip(shares, columns)]
            yield [part, *(f"{share * 100:.1f} %" for share in shares), *times]


# All of it

def chart_files(results):
    """Name -> SVG."""
    files = {}
    for key in measured_figures(results):
        bars = [(NAMES[name], CLASSES.get(name, "bar"), spread, f"{digits(spread.median)} {FIGURES[key].unit}")
                for name in SERVERS if (spread := results.spread(key, name))]
        if len(bars) > 1:
            files[f"{key}.svg"] = charts.chart(FIGURES[key].title, bars)
    return files


def body(results, instructions, parts, names, lacking, facts):
    verdicts = verdicts_of(results)
    lines = [f"Medians of up to {results.rounds()} rounds, in brackets the lowest and the highest. A ratio is that of "
             "the two servers' values in the same round; its median counts.", "",
             "```", *facts, "```", "", "## The bars", "",
             *markdown(["What", "Measured", ""], bar_rows(verdicts)), "",
             *(f"{line}\n" for line in noise(results)), "## All figures", "",
             *figure_table(results, instructions, names, lacking), ""]
    if instructions:
        lines += [INSTRUCTIONS_NOTE, ""]
    if any("acks" in lacking.get(name, {}) for name in names):
        lines += ["¹ Without stream management, which it has not: it does less than the others here.", ""]
    if failed := list(failures(results, names)):
        lines += ["Failed:", "", *failed, ""]
    if table := parts_table(parts, results):
        lines += ["## What a message is made of", "", "Samples of perf by library and source file; "
                  "`bench/comparison/cost.py` has the rules.", *table, ""]
    for file in chart_files(results):
        lines += [f"![{FIGURES[file.removesuffix('.svg')].title}](performance/{file})", ""]
    return "\n".join(lines).rstrip() + "\n"


def put_between_marks(page, text):
    """The page with `text` in the place of what stood between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before.rstrip()}\n\n{BEGIN}\n\n{text}\n{END}\n{after.lstrip()}"


def write(folder, results, instructions, parts, names, lacking, facts):
    """`folder`: docs/."""
    page = folder / "performance.md"
    page.write_text(put_between_marks(page.read_text(), body(results, instructions, parts, names, lacking, facts)))
    charts_folder = folder / "performance"
    charts_folder.mkdir(exist_ok=True)
    for old in charts_folder.glob("*.svg"):
        old.unlink()
    for name, svg in chart_files(results).items():
        (charts_folder / name).write_text(svg)
