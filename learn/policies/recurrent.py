"""Recurrent mixture: robomimic's best behaviour cloning (BC-RNN-GMM), for comparison."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, softplus

from learn.policies.config import PolicyConfig
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.noise import Noise

GAUSSIANS = 5
SCALE_FLOOR = 1e-4
State = tuple[Tensor, Tensor]


class Recurrent(Head):
    """An LSTM whose output at each step is a mixture of five Gaussians (Mandlekar et al. 2021, *What Matters in Learning from
    Offline Human Demonstrations*, BC-RNN). It drives with a Gaussian's mean, and begins anew after as many steps as it
    was trained on at a time.
    """

    knows_spread = True

    def __init__(self, config: PolicyConfig, width: int) -> None:
        super().__init__()
        self.config = config
        size, layers = config.hidden[0], len(config.hidden)
        self.lstms = nn.ModuleList(nn.LSTM(width, size, layers, batch_first=True) for _ in range(config.members))
        self.outs = nn.ModuleList(nn.Linear(size, GAUSSIANS * (1 + 2 * config.action_dim)) for _ in range(config.members))
        self.forget()

    def forget(self) -> None:
        self.memory: list[State | None] = [None] * self.config.members
        self.before: list[State | None] = [None] * self.config.members
        self.newest: Tensor | None = None
        self.age = 0

    def mixture(self, hidden: Tensor, member: int) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (…, G), means (…, G, A) and scales (…, G, A) of an LSTM's outputs (…, H)."""
        weights, numbers = self.outs[member](hidden).split([GAUSSIANS, 2 * GAUSSIANS * self.config.action_dim], dim=-1)
        means, scales = numbers.view(*hidden.shape[:-1], GAUSSIANS, 2, self.config.action_dim).unbind(dim=-2)
        return log_softmax(weights, dim=-1), torch.tanh(means), softplus(scales) + SCALE_FLOOR

    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        """Negative log likelihood in nats a step, features (K, B, C, F)."""
        each = []
        for k, (seen, target) in enumerate(zip(features, lesson.target, strict=True)):
            log_weights, means, scales = self.mixture(self.lstms[k](seen)[0], k)
            off = (target.unsqueeze(-2) - means) / scales
            log_density = (-0.5 * off.square() - scales.log() - 0.5 * math.log(2 * math.pi)).sum(dim=-1)
            each.append(-torch.logsumexp(log_weights + log_density, dim=-1))
        return (torch.stack(each) * lesson.valid).sum(dim=-1) / lesson.valid.sum(dim=-1)

    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """The next action (K, B, 1, A), the mean of a Gaussian drawn by weight; remembers the observation (K, B, F)."""
        if self.age == self.config.chunk:
            self.forget()
        self.age += 1
        self.before, self.newest = list(self.memory), features
        actions = []
        for k, seen in enumerate(features):
            action, self.memory[k] = self.step(k, seen, self.memory[k], noise, mode)
            actions.append(action)
        return torch.stack(actions)

    def step(self, member: int, seen: Tensor, memory: State | None, noise: Noise, mode: int | None = None) -> tuple[Tensor, State]:
        """One member's next action (B, 1, A) and what it remembers then, of an observation's features (B, F)."""
        out, after = self.lstms[member](seen.unsqueeze(1), memory)
        log_weights, means, _ = self.mixture(out[:, 0], member)
        if mode is None:
            drawn = (log_weights.exp().cumsum(dim=-1) < noise.uniform((len(means), 1), means.device)).sum(dim=-1, keepdim=True)
            drawn = drawn.clamp_max(GAUSSIANS - 1)
        else:
            drawn = torch.full((len(means), 1), mode, device=means.device)
        return means.gather(1, drawn.unsqueeze(-1).expand(-1, 1, means.shape[-1])), after

    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        """Of sequences (K, B, C, F), at their last steps."""
        found = [self.mixture(lstm(seen)[0][:, -1], k) for k, (lstm, seen) in enumerate(zip(self.lstms, features, strict=True))]
        return Prediction(*(torch.stack(part) for part in zip(*found, strict=True)))

    def outlook(self, features: Tensor) -> Prediction:
        """Of one observation after those that are remembered."""
        found = self._look_ahead(features)
        return Prediction(*(torch.stack(part) for part in zip(*found, strict=True)))

    def proposals(self, features: Tensor) -> Proposals:
        """The Gaussians' means; the observation is not remembered."""
        found = self._look_ahead(features)
        chunks, weights = [means[0].unsqueeze(1) for _, means, _ in found], [log_weights[0].exp() for log_weights, _, _ in found]
        return Proposals(torch.stack(chunks), torch.stack(weights))

    def _look_ahead(self, features: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Each member's mixture (1, …) of the next action; an observation (K, 1, F) that was just acted on counts once."""
        if self.newest is not None and torch.equal(features, self.newest):
            memory = self.before
        else:
            memory = self.memory if self.age < self.config.chunk else [None] * len(self.memory)
        looks = [lstm(seen.unsqueeze(1), kept)[0] for lstm, seen, kept in zip(self.lstms, features, memory, strict=True)]
        return [self.mixture(out[:, 0], k) for k, out in enumerate(looks)]
