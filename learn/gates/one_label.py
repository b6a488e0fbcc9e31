"""One label: a gate that asks where a score is high, and has one answer a question."""

from collections.abc import Callable

from learn.gates.rate_keeper import RateKeeper
from learn.policies import Observation
from teleop.pilot import Action


class OneLabelGate:
    """Asks at the keeper's rate where `score_of` is highest; after one answer the policy drives again."""

    hands_over = False

    def __init__(self, score_of: Callable[[Observation], float], keeper: RateKeeper) -> None:
        self._score_of, self._keeper = score_of, keeper

    def score(self, obs: Observation) -> float:
        return self._score_of(obs)

    def asks(self, score: float) -> bool:
        return self._keeper.asks(score)

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        """The one answer was counted when it was asked for."""
        return True
