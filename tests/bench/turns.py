"""Taking turns: ours, then the others, round after round, so that a slower moment of the machine hits all of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.peer import PeerError
from bench.row import FAILED, Row, Thing

Say = Callable[[str], None]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: `measure` gives its figure, in the thing's unit. `note`: what one should know of the comparison."""

    tool: str
    against: str
    measure: Callable[[], float]
    note: str = ""


def compared(
    thing: Thing,
    ours: Callable[[], float],
    others: Sequence[Side],
    rounds: int,
    cannot: Mapping[str, str] | None = None,
    say: Say = lambda words: None,
) -> list[Row]:
    """A row for each of the others. Everybody is asked once to warm up, which does not count.

    A side that raises PeerError drops out; `cannot` says of other tools why they have no figure.
    """
    reasons: dict[str, str] = {}
    figures: dict[str, list[float]] = {side.against: [] for side in others}
    here: list[float] = []
    for number in range(rounds + 1):
        which = f"round {number} of {rounds}" if number else "warming up"
        say(f"{thing.what}: ours, {which}")
        value = ours()
        if number:
            here.append(value)
        for side in others:
            if side.against in reasons:
                continue
            say(f"{thing.what}: {side.against}, {which}")
            try:
                value = side.measure()
            except PeerError as error:
                reasons[side.against] = str(error)
            else:
                if number:
                    figures[side.against].append(value)
    rows = []
    for side in others:
        reason = reasons.get(side.against)
        theirs = () if reason else tuple(figures[side.against])
        rows.append(Row(thing, side.tool, side.against, tuple(here), theirs, FAILED + reason if reason else side.note))
    return rows + [Row(thing, tool, tool, tuple(here), (), why) for tool, why in (cannot or {}).items()]


def seconds_of(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s
