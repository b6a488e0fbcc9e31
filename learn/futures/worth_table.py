"""The table of corrections: which were worth most and which least, and what a person's minute was worth."""

from collections.abc import Sequence
from itertools import groupby

from learn.futures.ledger import Correction, net_worth

HEADING = ("episode", "steps", "human s", "without", "with", "worth", "worth/s")
Row = tuple[str, ...]


def worth_summary(corrections: Sequence[Correction]) -> dict[str, float]:
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


def worth_rows(corrections: Sequence[Correction], shown: int = 5) -> list[Row]:
    """A row for each of the `shown` best corrections by what a second of them was worth, then of the `shown` worst."""
    ranked = sorted(corrections, key=lambda c: (-c.per_human_second, c.episode, c.begin))
    best, rest = ranked[:shown], ranked[shown:]
    return [_row(correction) for correction in (*best, *rest[max(0, len(rest) - shown) :])]


def worth_table(corrections: Sequence[Correction], shown: int = 5) -> str:
    """Plain text: one line about all of them, then the best and the worst."""
    if not corrections:
        return "no corrections: nobody took the policy's place"
    facts = worth_summary(corrections)
    rolls = sorted({c.rolls for c in corrections})
    tried = "one future each, for the policy draws nothing" if rolls == [1] else f"{'/'.join(map(str, rolls))} futures each"
    lines = [
        f"{facts['corrections']} corrections in {facts['episodes']} episodes, {facts['human_s']:.0f} s of a person's time ({tried}): "
        f"{_signed(facts['worth'])} successes, {_signed(facts['worth_per_human_minute'])} a minute; "
        f"{facts['helped']} helped, {facts['harmed']} harmed; net {_signed(facts['net_worth'])} an episode"
    ]
    rows = [HEADING, *worth_rows(corrections, shown)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADING))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)


def _row(c: Correction) -> Row:
    shares = (f"{100 * share:.0f} %" for share in (c.before, c.after))
    return (str(c.episode), f"{c.begin}–{c.end}", f"{c.human_s:.1f}", *shares, _signed(c.worth), _signed(c.per_human_second))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
