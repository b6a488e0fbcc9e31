"""Thrifty: asks where a state is new to the policy or success at risk, within a budget."""

import torch
from torch import Tensor

from learn.gates.agreement import Agreement
from learn.gates.config import GateConfig
from learn.gates.critic import Critic
from learn.gates.experience import Experience
from learn.gates.handing_over import HandingOver
from learn.gates.newest import Newest
from learn.gates.rate_keeper import CALIBRATION, SETTLED_HANDING_OVER, WINDOW, RateKeeper
from learn.gates.stand_in import held_out_discrepancies
from learn.policies import Observation, Policy
from teleop.pilot import Action

CALM = 0.5  # the median risk


class Worry:
    """How new a state is to the policy and how risky, each ranked among the newest states."""

    def __init__(self, policy: Policy, critic: Critic) -> None:
        self._policy, self._critic = policy, critic
        self._novelty, self._risk = Newest(WINDOW), Newest(WINDOW)
        self.risk_rank = 0.0

    def of(self, features: Tensor) -> float:
        """The higher of both ranks of one state's features (1, F), in [0, 1]; the state then is one of the newest."""
        found = self._policy.outlook(features)
        novelty, risk = self._policy.doubt_in(found), self._critic.risk(features, found)
        novelty_rank, self.risk_rank = self._novelty.share_below(novelty), self._risk.share_below(risk)
        self._novelty.add(novelty)
        self._risk.add(risk)
        return max(novelty_rank, self.risk_rank)


class ThriftyGate(HandingOver):
    """ThriftyDAgger (Hoque et al. 2021, *Budget-Aware Novelty and Risk Gating*, section 4).

    Novelty is the policy's doubt, risk 1 − Q̂ of what it would do. The score is the higher of their ranks among the newest
    states: 0.97 is a state newer to it, or riskier, than 97 of 100. One threshold on it, which the keeper moves, is a quantile of
    each, such that both together keep the wished rate. Then the person drives; the policy has the wheel back once its action
    is within the median held-out discrepancy of the person's for `in_a_row` states (the paper: the mean discrepancy, one
    state) and the risk is not above its median. Call `score` once for each state, before `asks` or `hands_back`.
    """

    def __init__(self, policy: Policy, worry: Worry, agreement: Agreement, keeper: RateKeeper) -> None:
        super().__init__(agreement, keeper)
        self._policy, self._worry = policy, worry

    def score(self, obs: Observation) -> float:
        return self._worry.of(self._policy.features(obs))

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool:
        return super().hands_back(score, meant, proposal) and self._worry.risk_rank <= CALM


def thrifty_gate(config: GateConfig, policy: Policy, experience: Experience, seed: int) -> ThriftyGate:
    """Learned from the session."""
    _, away = held_out_discrepancies(experience, policy, seed)
    worry = Worry(policy, Critic.of(experience, policy, seed))
    seen = experience.thinned(torch.arange(len(experience)), CALIBRATION)
    earlier = [worry.of(features.unsqueeze(0)) for features in experience.features[seen]]
    keeper = RateKeeper(config.rate, earlier, seed, SETTLED_HANDING_OVER)
    return ThriftyGate(policy, worry, Agreement(float(away.median()), config.in_a_row), keeper)
