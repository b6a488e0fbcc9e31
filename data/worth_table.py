"""The table of corrections: which were worth most and which least, and what a person's minute was worth."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from data.selection import counted
from data.worth import Correction, net_worth

HEADING = ("episode", "steps", "human s", "without", "with", "worth", "worth/s")
Row = tuple[str, ...]


def worth_summary(corrections: Sequence[Correction]) -> dict[str, Any]:
    """The object that `--json` prints. `net_worth` is the mean over corrected episodes; `worth_per_human_minute` 0 without corrections."""
    ordered = sorted(corrections, key=lambda c: (c.uid, c.begin))
    nets = [net_worth(list(own)) for _, own in groupby(ordered, key=lambda c: c.uid)]
    human_s, worth = sum(c.human_s for c in corrections), sum(c.worth for c in corrections)
    return {
        "corrections": len(corrections),
        "episodes": len(nets),
        "human_s": human_s,
        "worth": worth,
        "worth_per_human_minute": 60.0 * worth / human_s if human_s else 0.0,
        "net_worth": sum(nets) / len(nets) if nets else 0.0,
        "helped": sum(c.worth > 0 for c in corrections),
        "harmed": sum(c.worth < 0 for c in corrections),
    }


def worth_line(corrections: Sequence[Correction]) -> str:
    """All of them in one line."""
    if not corrections:
        return "no corrections: nobody took the policy's place"
    facts = worth_summary(corrections)
    return (
        f"{counted(len(corrections), 'correction')} in {counted(facts['episodes'])}, {facts['human_s']:.0f} s of a person's time "
        f"({_tried(corrections)}): {signed(facts['worth'])} successes, {signed(facts['worth_per_human_minute'])} a minute; "
        f"{facts['helped']} helped, {facts['harmed']} harmed; net {signed(facts['net_worth'])} an episode"
    )


def ranked(corrections: Sequence[Correction]) -> list[Correction]:
    """By what a second of them was worth, the best first."""
    return sorted(corrections, key=lambda c: (-c.per_human_second, c.episode, c.begin))


def best_and_worst(corrections: Sequence[Correction], shown: int = 5) -> list[Correction]:
    """The `shown` best corrections by what a second of them was worth, then the `shown` worst; none twice."""
    best, rest = ranked(corrections)[:shown], ranked(corrections)[shown:]
    return [*best, *rest[max(0, len(rest) - shown) :]]


def worth_table(corrections: Sequence[Correction], shown: int = 5) -> str:
    """Plain text: one line about all of them, then the best and the worst."""
    if not corrections:
        return worth_line(corrections)
    rows = [HEADING, *(worth_row(correction) for correction in best_and_worst(corrections, shown))]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADING))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([worth_line(corrections), *lines])


def worth_row(c: Correction) -> Row:
    """One correction under HEADING."""
    shares = (f"{100 * share:.0f} %" for share in (c.before, c.after))
    return (str(c.episode), f"{c.begin}–{c.end}", f"{c.human_s:.1f}", *shares, signed(c.worth), signed(c.per_human_second))


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _tried(corrections: Sequence[Correction]) -> str:
    """How many futures each was tried with, and how they were shaken."""
    rolls, shakes = sorted({c.rolls for c in corrections}), sorted({c.shake for c in corrections})
    shaken = "" if shakes == [0.0] else f", shaken by {'/'.join(f'{shake:g}' for shake in shakes)}"
    if rolls == [1] and not shaken:
        return "one future each, for the policy draws nothing"
    return f"{'/'.join(map(str, rolls))} futures each{shaken}"
