"""Handing over: what gates share that give the person the wheel until both agree."""

from learn.gates.agreement import Agreement
from learn.gates.rate_keeper import RateKeeper
from teleop.pilot import Action


class HandingOver:
    """Asks above the keeper's threshold; then the person drives, until they and the policy have agreed for long enough."""

    hands_over = True

    def __init__(self, agreement: Agreement, keeper: RateKeeper) -> None:
        self._agreement, self._keeper = agreement, keeper

    def asks(self, score: float) -> bool:
        answer = self._keeper.asks(score)
        if answer:
            self._agreement.begin()
        return answer

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        self._keeper.answered(score)
        return self._agreement.holds(meant, proposal)
