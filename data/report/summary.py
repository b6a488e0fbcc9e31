"""Summary: what the episodes of a session say together."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data.intervals import wilson
from data.quality import Quality
from data.schema import Outcome

UNTAGGED = "untagged"
TREND_EPISODES = 8  # below so many successes there is no telling whether somebody gets faster


@dataclass(frozen=True)
class Proportion:
    """`count` of `of`, with Wilson's 95 % interval of the share."""

    count: int
    of: int

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.of)


@dataclass(frozen=True)
class Group:
    """Episodes of one operator or one behaviour mode; the medians are over usable ones, None where there are none."""

    name: str
    episodes: int
    success: Proportion
    seconds: float
    median_s: float | None
    median_sparc: float | None
    median_travel: float | None


@dataclass(frozen=True)
class Summary:
    """`success`: of the usable episodes. `seconds` and `operator_s` are over all episodes, kept or not.

    `operator_s_per_success`: operator's seconds in all episodes for each success; None without one.
    """

    episodes: int
    steps: int
    seconds: float
    operator_s: float
    success: Proportion
    outcomes: dict[Outcome, int]
    modes: dict[str, dict[Outcome, int]]
    by_operator: tuple[Group, ...]
    by_mode: tuple[Group, ...]
    median_s: float | None
    median_sparc: float | None
    idle: float
    late: float | None
    worst_late_s: float
    saturated: float
    stick_travel: float | None
    presses: float | None
    labels: int
    interventions: int
    decision_s: float | None
    trend: tuple[float, float] | None

    @property
    def operator_s_per_success(self) -> float | None:
        return self.operator_s / self.success.count if self.success.count else None


def summarise(qualities: Sequence[Quality]) -> Summary:
    """The sums and medians over a session's readable episodes. Shares are of steps, not of episodes."""
    usable = [q for q in qualities if q.usable]
    timed = [q for q in qualities if q.late is not None]
    modes: dict[str, Counter[Outcome]] = {}
    for q in qualities:
        modes.setdefault(q.mode or UNTAGGED, Counter())[q.outcome] += 1
    return Summary(
        episodes=len(qualities),
        steps=sum(q.steps for q in qualities),
        seconds=math.fsum(q.seconds for q in qualities),
        operator_s=math.fsum(q.operator_s for q in qualities),
        success=_success(usable),
        outcomes=_ordered(Counter(q.outcome for q in qualities)),
        modes={mode: _ordered(modes[mode]) for mode in sorted(modes, key=lambda mode: (mode == UNTAGGED, mode))},
        by_operator=_groups(qualities, lambda q: q.operator or "unknown"),
        by_mode=_groups(qualities, lambda q: q.mode or UNTAGGED),
        median_s=_median(q.seconds for q in usable),
        median_sparc=_median(q.sparc for q in usable),
        idle=_weighted(usable, lambda q: q.idle) or 0.0,
        late=_weighted(timed, lambda q: q.late),
        worst_late_s=max((q.worst_late_s for q in timed), default=0.0),
        saturated=_weighted(usable, lambda q: q.saturated) or 0.0,
        stick_travel=_weighted(usable, lambda q: q.stick_travel),
        presses=_weighted(usable, lambda q: q.presses),
        labels=sum(q.labels for q in qualities),
        interventions=sum(q.interventions for q in qualities),
        decision_s=_median(q.decision_s for q in qualities),
        trend=trend([q.seconds for q in usable if q.success and q.policy == 0.0]),
    )


def trend(seconds: Sequence[float]) -> tuple[float, float] | None:
    """Median length of the first and of the last quarter, in the order they were driven; None for fewer than eight."""
    if len(seconds) < TREND_EPISODES:
        return None
    quarter = len(seconds) // 4
    return float(np.median(seconds[:quarter])), float(np.median(seconds[-quarter:]))


def _groups(qualities: Sequence[Quality], name_of: Callable[[Quality], str]) -> tuple[Group, ...]:
    """The largest first."""
    names = Counter(name_of(q) for q in qualities)
    return tuple(_group(name, [q for q in qualities if name_of(q) == name]) for name, _ in names.most_common())


def _group(name: str, members: Sequence[Quality]) -> Group:
    usable = [q for q in members if q.usable]
    return Group(
        name=name,
        episodes=len(members),
        success=_success(usable),
        seconds=math.fsum(q.seconds for q in members),
        median_s=_median(q.seconds for q in usable),
        median_sparc=_median(q.sparc for q in usable),
        median_travel=_median(q.stick_travel for q in usable),
    )


def _success(usable: Sequence[Quality]) -> Proportion:
    return Proportion(sum(q.success for q in usable), len(usable))


def _ordered(outcomes: Counter[Outcome]) -> dict[Outcome, int]:
    return {outcome: outcomes[outcome] for outcome in Outcome if outcomes[outcome]}


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _weighted(qualities: Sequence[Quality], value: Callable[[Quality], float | None]) -> float | None:
    """The mean over steps."""
    known = [(v, q.steps) for q in qualities if (v := value(q)) is not None]
    return math.fsum(v * n for v, n in known) / sum(n for _, n in known) if known else None
