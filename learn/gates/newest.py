"""Newest: a window of scores, ranked."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable


class Newest:
    """The newest `most` scores."""

    def __init__(self, most: int, scores: Iterable[float] = ()) -> None:
        self._most = most
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []
        for score in scores:
            self.add(score)

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, score: float) -> None:
        """The oldest goes where there are too many."""
        self._newest.append(score)
        insort(self._sorted, score)
        if len(self._newest) > self._most:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]

    def share_below(self, score: float) -> float:
        """Of the scores kept, in [0, 1]; 0 where all are alike."""
        return bisect_left(self._sorted, score) / max(1, len(self))

    def p_value(self, score: float, tie: float) -> float:
        """Share of the scores kept and `score` itself that are higher, of equal ones the part `tie` in (0, 1].

        With `tie` drawn uniformly it is uniform over (0, 1] for exchangeable scores, ties or none: the smoothed conformal
        p-value (Vovk, Gammerman & Shafer 2005, *Algorithmic Learning in a Random World*, section 2.2).
        """
        low, high = bisect_left(self._sorted, score), bisect_right(self._sorted, score)
        return (len(self) - high + tie * (high - low + 1)) / (len(self) + 1)
