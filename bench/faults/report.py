"""Lines and tables."""
from faults.checker import FAULTS

COLUMNS = ("sent", "acked", "refused", *FAULTS, "repeated")


def line(result):
    numbers = " ".join(f"{name} {getattr(result, name)}" for name in COLUMNS)
    restart = f" restart {result.restart_ms:.0f} ms" if result.restart_ms else ""
    kept = f" refused-and-kept {result.refused_and_kept}" if result.refused_and_kept else ""
    text = (f"{'ok  ' if result.good else 'FAIL'} {result.fault} round {result.round} seed {result.seed}: {numbers}"
            f"{kept}{restart} ({result.seconds:.1f} s) {result.note}").rstrip()
    if result.good:
        return text
    said = [*result.problems, *result.details[:8]]
    return "\n".join([text, *("     " + one for one in said), f"     kept in {result.folder}; again: {again(result)}"])


def again(result):
    peers = "" if result.fault.startswith("F") else "--peers "
    return f"bench/durability {peers}--only {result.fault} --round {result.round} --seed {result.seed}"


def table(faults, results):
    """One row for each fault, Markdown."""
    head = ["Fault", "What", "Rounds", *COLUMNS, "Restart, median / max", "Failed rounds"]
    rows = [row(name, module.NAME, [one for one in results if one.fault == name]) for name, module in faults.items()]
    return markdown(head, [one for one in rows if one])


def row(name, text, results):
    if not results:
        return None
    sums = [f"{sum(getattr(one, column) for one in results):,}" for column in COLUMNS]
    restarts = sorted(one.restart_ms for one in results if one.restart_ms)
    restart = f"{restarts[len(restarts) // 2]:.0f} / {restarts[-1]:.0f} ms" if restarts else ""
    return [name, text, str(len(results)), *sums, restart, str(sum(not one.good for one in results))]


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(one) + " |" for one in rows])
