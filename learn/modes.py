"""Mode metrics: which of a task's behaviour modes a policy uses, how evenly, and how like the demonstrations."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

BOOTSTRAPS = 1000
COVERAGE_AT = 10
PSEUDO_COUNT = 0.5  # Jeffreys' prior: no mode is impossible because it was not seen


@dataclass(frozen=True)
class ModeUse:
    """Successes in each of a task's modes, `counts`, beside the demonstrations' `shown` (empty: not known).

    Entropy and coverage are over the demonstrated modes, over all of them where these are unknown: a way that nobody
    showed (between left and right is over) is `invented`, no variety.
    """

    counts: Mapping[str, int]
    shown: Mapping[str, int]

    @property
    def demonstrated(self) -> tuple[str, ...]:
        return tuple(mode for mode in self.counts if self.shown.get(mode)) or tuple(self.counts)

    @property
    def invented(self) -> float:
        """Share of the successes in modes that nobody demonstrated."""
        total = sum(self.counts.values())
        return 1.0 - sum(self._of_demonstrated()) / total if total else 0.0

    @property
    def entropy(self) -> float:
        """How evenly the successes use the modes: 0 one of them, 1 all alike; see `fraction_of_entropy`."""
        return fraction_of_entropy(self._of_demonstrated())

    def _of_demonstrated(self) -> list[int]:
        return [self.counts[mode] for mode in self.demonstrated]

    def entropy_interval(self, seed: int = 0) -> tuple[float, float]:
        """95 % interval of `entropy`, from the percentiles of resampled successes (Efron 1979)."""
        return _interval(self._of_demonstrated(), fraction_of_entropy, seed)

    def coverage(self, n: int = COVERAGE_AT) -> float:
        """Expected share of the modes that `n` of the successes show: Hurlbert's rarefaction (1971); of all where there are fewer."""
        return rarefied_share(self._of_demonstrated(), sum(self.counts.values()), n)

    def coverage_interval(self, n: int = COVERAGE_AT, seed: int = 0) -> tuple[float, float]:
        """95 % interval of `coverage`, likewise, of all successes: those in invented modes are among what is resampled."""
        shown, total = self._of_demonstrated(), sum(self.counts.values())
        return _interval([*shown, total - sum(shown)], lambda row: rarefied_share(row[:-1], total, n), seed)

    def divergence(self) -> float | None:
        """KL(policy ‖ demonstrations) in nats over modes, half a count added to each; None without demonstrations to compare."""
        if not any(self.shown.values()):
            return None
        modes = list(self.counts)
        ours = np.array([self.counts[mode] for mode in modes]) + PSEUDO_COUNT
        theirs = np.array([self.shown.get(mode, 0) for mode in modes]) + PSEUDO_COUNT
        p, q = ours / ours.sum(), theirs / theirs.sum()
        return float(np.sum(p * np.log(p / q)))

    def summary(self) -> dict[str, object]:
        """What `--json` prints of it."""
        (low, high), (covered_low, covered_high) = self.entropy_interval(), self.coverage_interval()
        return {
            "mode_counts": dict(self.counts),
            "mode_entropy": self.entropy,
            "mode_entropy_low": low,
            "mode_entropy_high": high,
            f"mode_coverage_at_{COVERAGE_AT}": self.coverage(),
            f"mode_coverage_at_{COVERAGE_AT}_low": covered_low,
            f"mode_coverage_at_{COVERAGE_AT}_high": covered_high,
            "mode_divergence": self.divergence(),
            "mode_invented": self.invented,
            "modes_demonstrated": {mode: count for mode, count in self.shown.items() if count},
        }


def _interval(counts: Sequence[int], measure: Callable[[list[int]], float], seed: int) -> tuple[float, float]:
    """95 % interval of what is measured of counts, from the percentiles of resampled ones (Efron 1979); (0, 1) of nothing."""
    each = np.array(counts)
    if each.sum() == 0:
        return 0.0, 1.0
    drawn = np.random.default_rng(seed).multinomial(each.sum(), each / each.sum(), BOOTSTRAPS)
    low, high = np.percentile([measure(row.tolist()) for row in drawn], [2.5, 97.5])
    return float(low), float(high)


def rarefied_share(counts: Sequence[int], total: int, n: int) -> float:
    """Expected share of the counted kinds that are among `n` of `total`, of which `counts` are of these kinds (Hurlbert 1971)."""
    n = min(n, total)
    ways = math.comb(total, n)
    missed = [math.comb(total - count, n) / ways if n else 1.0 for count in counts]
    return sum(1.0 - share for share in missed) / len(missed)


def fraction_of_entropy(counts: Sequence[int]) -> float:
    """Shannon entropy of counts as a fraction of the most they could have, log(number of counts), in [0, 1].

    With the bias correction of Miller and Madow (Miller 1955, *Note on the bias of information estimates*): plus (number
    of counts that are not zero − 1) / 2n.
    """
    values = np.array([count for count in counts if count], np.float64)
    total = values.sum()
    if len(counts) < 2 or len(values) < 2:
        return 0.0
    shares = values / total
    entropy = -float(np.sum(shares * np.log(shares))) + (len(values) - 1) / (2.0 * total)
    return float(min(1.0, entropy / math.log(len(counts))))
