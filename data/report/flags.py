"""Flags: which episodes somebody should look at, and why."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from data.quality import MOVED_M, Quality
from data.schema import LATE_S, Outcome

FEWEST = 8  # episodes below which nothing is called unusual
DEVIATIONS = 3.5  # of 1.4826·MAD, the usual bound for outliers (Iglewicz & Hoaglin 1993)
MUCH_IDLE, MANY_LATE, MUCH_SATURATED = 0.5, 0.01, 0.25
FORGOTTEN = 0.25  # untagged episodes for each tagged one


class Severity(IntEnum):
    """How much a reason matters; the worst first."""

    BROKEN = 0
    BAD = 1
    ODD = 2


@dataclass(frozen=True)
class Reason:
    severity: Severity
    text: str


@dataclass(frozen=True)
class Flagged:
    """An episode with its reasons, the worst first."""

    number: int
    reasons: tuple[Reason, ...]

    @property
    def severity(self) -> Severity:
        return self.reasons[0].severity


def flag(qualities: Sequence[Quality], damaged: Mapping[int, str] | None = None) -> list[Flagged]:
    """The episodes that are not as they should be, the worst first. `damaged`: what is wrong with unreadable ones.

    Abandoned branches are not among them: the operator rewound them on purpose.
    """
    reasons: dict[int, list[Reason]] = defaultdict(list)
    for number, text in (damaged or {}).items():
        reasons[number].append(Reason(Severity.BROKEN, text))
    for quality in qualities:
        if quality.outcome is not Outcome.ABANDONED:
            reasons[quality.number] += [*_own(quality)]
    usable = [quality for quality in qualities if quality.usable]
    for number, reason in [*_lengths(usable), *_jerks(usable), *_untagged(usable)]:
        reasons[number].append(reason)
    ranked = [Flagged(number, tuple(sorted(r, key=lambda reason: reason.severity))) for number, r in reasons.items() if r]
    return sorted(ranked, key=lambda flagged: (flagged.severity, flagged.number))


def _own(q: Quality) -> Iterator[Reason]:
    """What can be said of an episode without the others."""
    if q.outcome is Outcome.PARTIAL:
        why = "recovered after the recorder was killed" if q.recovered else "recording ended in the middle of it"
        yield Reason(Severity.BAD, f"partial: {why}, {q.seconds:.1f} s are there")
    if q.outcome is Outcome.FAILURE:
        yield Reason(Severity.BAD, f"failed after {q.seconds:.1f} s")
    if q.outcome is Outcome.DISCARDED:
        yield Reason(Severity.BAD, "discarded by the operator")
    if q.path_m is not None and q.path_m < MOVED_M:
        yield Reason(Severity.BAD, f"hardly moved: the end effector went {1000 * q.path_m:.1f} mm")
    if q.idle > MUCH_IDLE:
        yield Reason(Severity.ODD, f"idle for {100 * q.idle:.0f} % of its {q.seconds:.1f} s")
    if q.late is not None and q.late > MANY_LATE:
        yield Reason(
            Severity.ODD,
            f"{100 * q.late:.1f} % of its ticks began over {1000 * LATE_S:.0f} ms late, the worst by {1000 * q.worst_late_s:.0f} ms",
        )
    if q.saturated > MUCH_SATURATED:
        yield Reason(Severity.ODD, f"an axis at its limit in {100 * q.saturated:.0f} % of the steps")


def _lengths(usable: Sequence[Quality]) -> Iterator[tuple[int, Reason]]:
    """Much longer or shorter than the others; a quarter of the median is never unusual."""
    for q, deviation, median in _outliers(usable, lambda q: q.seconds, lambda median: 0.25 * median):
        what = "long" if deviation > 0 else "short"
        yield q.number, Reason(Severity.ODD, f"unusually {what}: {q.seconds:.1f} s, the median is {median:.1f} s")


def _jerks(usable: Sequence[Quality]) -> Iterator[tuple[int, Reason]]:
    """Much less smooth than the others; one unit of arc length is never unusual."""
    for q, deviation, median in _outliers(usable, lambda q: q.sparc, lambda _: 1.0):
        if deviation < 0:
            yield q.number, Reason(Severity.ODD, f"jerky: smoothness (SPARC) {q.sparc:.1f}, the median is {median:.1f}")


def _untagged(usable: Sequence[Quality]) -> Iterator[tuple[int, Reason]]:
    """Few without a behaviour mode among many that have one were forgotten; where many have none, that was meant."""
    without = [q for q in usable if not q.mode]
    tagged = len(usable) - len(without)
    if len(without) <= FORGOTTEN * tagged:
        for q in without:
            yield q.number, Reason(Severity.ODD, f"has no behaviour mode, {tagged} others have one")


def _outliers(
    qualities: Sequence[Quality], value: Callable[[Quality], float | None], least: Callable[[float], float]
) -> Iterator[tuple[Quality, float, float]]:
    """(quality, deviation, median) of those further from the median than `DEVIATIONS` robust standard deviations and `least`."""
    known = [(q, v) for q in qualities if (v := value(q)) is not None]
    if len(known) < FEWEST:
        return
    values = np.array([v for _, v in known])
    median = float(np.median(values))
    bound = max(DEVIATIONS * 1.4826 * float(np.median(np.abs(values - median))), least(median))
    for q, v in known:
        if abs(v - median) > bound:
            yield q, v - median, median
