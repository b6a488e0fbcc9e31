"""Every step: the gate that always asks."""

from learn.policies import Observation
from teleop.pilot import Action


class EveryStepGate:
    """Asks in every state (DAgger, Ross, Gordon & Bagnell 2011). There is no score, so NaN."""

    hands_over = False

    def score(self, obs: Observation) -> float:
        return float("nan")

    def asks(self, score: float) -> bool:
        return True

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        return True
