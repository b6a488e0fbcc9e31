"""Lazy: asks where the policy would differ from the person, and lets the person drive until it does not."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, softplus

from learn.gates.agreement import Agreement
from learn.gates.config import GateConfig
from learn.gates.experience import Experience
from learn.gates.handing_over import HandingOver
from learn.gates.rate_keeper import CALIBRATION, SETTLED_HANDING_OVER, RateKeeper
from learn.gates.small_net import SmallNet
from learn.gates.stand_in import held_out_discrepancies
from learn.policies import Observation, Policy


class LazyGate(HandingOver):
    """SafeDAgger's question (Zhang & Cho 2017) and LazyDAgger's hysteresis (Hoque et al. 2021, algorithm 1).

    The score is how far from the person's action the policy's is expected to be, by a small network on its features, fitted
    to held-out discrepancies (`held_out_discrepancies`). Above the upper threshold, which the keeper moves so that the wished rate is
    kept, the person is asked and keeps the wheel; the policy has it back once the actions really are within the lower
    threshold, the median of the held-out discrepancies, for `in_a_row` states.
    """

    def __init__(self, policy: Policy, net: SmallNet, agreement: Agreement, keeper: RateKeeper) -> None:
        super().__init__(agreement, keeper)
        self._policy, self._net = policy, net

    def score(self, obs: Observation) -> float:
        return float(predicted(self._net, self._policy.features(obs))[0])


@torch.no_grad()
def predicted(net: SmallNet, features: Tensor) -> Tensor:
    """(N,) expected discrepancies, never below 0."""
    return softplus(net(features))


def lazy_gate(config: GateConfig, policy: Policy, experience: Experience, seed: int) -> LazyGate:
    """Learned from the session."""
    rows, away = held_out_discrepancies(experience, policy, seed)
    net = SmallNet.fitted(experience.features[rows], away, lambda logits, truth: mse_loss(softplus(logits), truth), seed)
    seen = experience.thinned(torch.arange(len(experience)), CALIBRATION)
    keeper = RateKeeper(config.rate, predicted(net, experience.features[seen]).tolist(), seed, SETTLED_HANDING_OVER)
    return LazyGate(policy, net, Agreement(float(away.median()), config.in_a_row), keeper)
