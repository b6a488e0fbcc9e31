"""Foresight: the gate of scenes in which the policy is known to fail; the person has the wheel until it would not any more."""

from learn.gates.agreement import Agreement
from learn.policies import Observation
from teleop.pilot import Action

WITHIN, IN_A_ROW = 0.5, 3  # action units and states: of one mind for long enough that it is worth looking ahead


class ForesightGate:
    """Never asks by itself: which scenes need the person, from where to where, is tried in the simulator (`learn.rescue`).

    `agrees`: policy and person have come to be of one mind, since `begin`. Before, looking ahead would be for nothing.
    """

    hands_over = False

    def __init__(self) -> None:
        self._agreement = Agreement(WITHIN, IN_A_ROW)
        self.agrees = False

    def begin(self) -> None:
        """Another scene."""
        self.agrees = False
        self._agreement.begin()

    def score(self, obs: Observation) -> float:
        return float("nan")

    def asks(self, score: float) -> bool:
        return False

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        self.agrees = self._agreement.holds(meant, proposal)
        return False
