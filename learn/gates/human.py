"""Human: the gate that leaves it to the person."""

from learn.policies import Observation
from teleop.pilot import Action


class HumanGate:
    """Never asks: the person watches and takes over (HG-DAgger, Kelly et al. 2019). There is no score, so NaN."""

    hands_over = False

    def score(self, obs: Observation) -> float:
        return float("nan")

    def asks(self, score: float) -> bool:
        return False

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        return True
