"""What the comparison of searches says, in words: alone, after choosing, and on other tasks' images."""

from __future__ import annotations

from eas_core.evidence import alone
from eas_core.evidence.compare import Estimate
from eas_core.evidence.words import counted, listed
from eas_core.show.alone_tables import PICKED


def _side(value: Estimate, unit: str = "points") -> str:
    """A difference with its interval, and whether that lies above zero, below it or around it."""
    text = f"{value.mean:+.2f} {unit} ({value.low:+.2f} to {value.high:+.2f})"
    if value.low > 0:
        return f"{text}, above it"
    return f"{text}, below it" if value.high < 0 else f"{text}, which leaves it open"


def alone_text(evidence: list[dict]) -> str:
    """Each method's picks against one network for all tasks and against random, one line each, then budgets."""
    found = []
    for line in alone.lines(evidence):
        if None not in line.over_one:
            continue
        text = f"- **{line.method}, {PICKED[line.pick]}**: {_side(line.over_one[None])}"
        if None in line.over_random:
            above = [b for b in line.budgets if line.over_random[b].low > 0]
            where = f"at {len(above)} of {len(line.budgets)} budgets" if above else "at no budget"
            text += f"; above random architectures, its interval clear of zero, {where}"
        found.append(text + ".")
    if not found:
        return "There is no network for all tasks to compare with."
    return "Against **one network for all tasks**, in the mean over budgets:\n\n" + "\n".join(found)


def cross_text(evidence: list[dict]) -> str:
    """What knowing the task brings each method, from its cross table."""
    found = []
    for method in ("OFA-T", "amortised", "EAS"):
        gap = alone.knowing_the_task(evidence, method)
        if gap is not None:
            table = alone.crossed(evidence, method)
            assert table is not None  # as there is a difference
            wins = int((table.argmax(0) == range(len(table))).sum())
            found.append(
                f"{method}: on its own task a network is {gap.mean:+.2f} points ({gap.low:+.2f} to {gap.high:+.2f}) "
                f"against the other tasks' networks; it is the best of all on {wins} of {len(table)} tasks"
            )
    seeds = counted(len(evidence), "seed")
    if not found:
        return "There is no cross table."
    return (
        f"What knowing the task is worth ({seeds}; the interval is over {'seeds' if len(evidence) > 1 else 'tasks'}): "
        + (listed(found) + ".")
    )
