"""Compare: two policies in the same scenes, told apart by the episodes in which only one of them succeeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import UserError
from data.intervals import wilson
from learn.evaluate import Evaluation


@dataclass(frozen=True)
class Comparison:
    """Of `episodes` scenes both policies met: `only_first` and `only_second` succeeded alone in, `both` and `neither` the rest."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def episodes(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """The first one's success rate less the second's."""
        return (self.only_first - self.only_second) / self.episodes

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `difference`, for paired proportions: Newcombe (1998), *Improved confidence intervals*, method 10."""
        n = self.episodes
        first, second = self.both + self.only_first, self.both + self.only_second
        p1, p2 = first / n, second / n
        (low1, high1), (low2, high2) = wilson(first, n), wilson(second, n)
        phi = self._phi(first, second)
        below = math.sqrt(max(0.0, (p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2))
        above = math.sqrt(max(0.0, (high1 - p1) ** 2 - 2 * phi * (high1 - p1) * (p2 - low2) + (p2 - low2) ** 2))
        return self.difference - below, self.difference + above

    def _phi(self, first: int, second: int) -> float:
        """Correlation of the two, corrected as Newcombe does."""
        n = self.episodes
        spread = first * (n - first) * second * (n - second)
        if spread == 0:
            return 0.0
        agree = self.both * self.neither - self.only_first * self.only_second
        return (max(agree - n / 2, 0.0) if agree > 0 else agree) / math.sqrt(spread)

    @property
    def p_value(self) -> float:
        """That such a split of the episodes that tell them apart is chance: McNemar's test (1947), exact and two-sided."""
        telling = self.only_first + self.only_second
        fewer = min(self.only_first, self.only_second)
        tail: float = math.fsum(math.comb(telling, k) for k in range(fewer + 1)) / 2**telling
        return min(1.0, 2.0 * tail)

    def summary(self) -> dict[str, object]:
        """What `--json` prints."""
        low, high = self.interval
        counts = {"both": self.both, "only_first": self.only_first, "only_second": self.only_second, "neither": self.neither}
        return {"episodes": self.episodes, "difference": self.difference, "ci_low": low, "ci_high": high, "p_value": self.p_value, **counts}


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Pair the episodes of two evaluations by their seeds; refuses other scenes."""
    if first.env != second.env or [r.seed for r in first.rollouts] != [r.seed for r in second.rollouts]:
        raise UserError(f"the two were not evaluated in the same scenes ({first.env}, {second.env}); give policies of one environment")
    return paired([r.success for r in first.rollouts], [r.success for r in second.rollouts])


def paired(first: Sequence[bool], second: Sequence[bool]) -> Comparison:
    """Successes of two policies in the same scenes, in the same order."""
    pairs = list(zip(first, second, strict=True))
    return Comparison(pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)), pairs.count((False, False)))
