"""Critic: how likely an episode is to succeed after an action."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from learn.gates.experience import Experience
from learn.gates.small_net import SmallNet
from learn.policies import Policy
from learn.policies.head import Prediction

DISCOUNT = 0.9999  # a step, as ThriftyDAgger's


class Critic:
    """Q̂(s, a), the discounted probability of success, by a small network on features and action in half ranges.

    Fitted to the returns of all finished episodes (Monte Carlo), the demonstrator's and the policies', failures too. ThriftyDAgger
    bootstraps with the newest policy's actions instead; with some dozens of episodes returns are the steadier target. Where no
    episode failed, or none succeeded, there is nothing to tell risk by, and it is the same everywhere.
    """

    def __init__(self, policy: Policy, net: SmallNet | None) -> None:
        self._policy, self._net = policy, net

    @classmethod
    def of(cls, experience: Experience, policy: Policy, seed: int) -> "Critic":
        if bool(experience.success.all()) or not bool(experience.success.any()):
            return cls(policy, None)
        returns = DISCOUNT**experience.to_go * experience.success
        actions = policy.action_range.to_unit(experience.actions).clamp(-2.0, 2.0)
        inputs = torch.cat([experience.features, actions], dim=1)
        return cls(policy, SmallNet.fitted(inputs, returns, binary_cross_entropy_with_logits, seed))

    @torch.no_grad()
    def risk(self, features: Tensor, found: Prediction) -> float:
        """1 − Q̂ of one state (1, F), the mean over what the policy may do there, in [0, 1]."""
        if self._net is None:
            return 0.0
        actions = self._policy.action_range.to_unit(self._policy.action_range.from_unit(found.means)).flatten(0, 2)
        weights = found.log_weights.exp().flatten() / len(found.log_weights)
        success = torch.sigmoid(self._net(torch.cat([features.expand(len(actions), -1), actions], dim=1)))
        return float(1.0 - (weights * success).sum())
