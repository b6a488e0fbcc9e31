"""Flow matching: a chunk grows out of noise along a learned velocity; any distribution of chunks can be learned."""

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from learn.policies.config import PolicyConfig
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.layers import AdaptiveBlock, sinusoids
from learn.policies.noise import Noise

PREDICTED = 64  # chunks drawn to say what the next action may be
SAMPLES = 16  # chunks drawn to see which ways there are
GLANCED, GLANCE_STEPS = 8, 3  # chunks drawn, in so many steps, to say what the next action may be at every tick
SAME_WAY = 0.35  # chunks that differ less (root mean square, of a half range) are one way
TIME_SCALE = 1000.0
JUDGED = 16  # draws of noise and τ that a chunk's own loss is the mean of
PATCH = 2  # steps in a token, as in DiT: half the work


class Velocity(nn.Module):
    """v(x, τ | features): a small transformer over the steps of a chunk (B, C, A), two a token, steered by features (B, F) and τ (B,)."""

    def __init__(self, config: PolicyConfig, features: int) -> None:
        super().__init__()
        width = config.hidden[0]
        self.patch = PATCH if config.chunk % PATCH == 0 else 1
        self.enter = nn.Linear(self.patch * config.action_dim, width)
        self.place = nn.Parameter(torch.randn(config.chunk // self.patch, width) * 0.02)
        self.see = nn.Sequential(nn.Linear(features, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(AdaptiveBlock(width) for _ in config.hidden)
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, self.patch * config.action_dim)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def sight(self, features: Tensor) -> Tensor:
        """What of the condition does not depend on τ, (B, width)."""
        seen: Tensor = self.see(features)
        return seen

    def forward(self, x: Tensor, tau: Tensor, sight: Tensor) -> Tensor:
        condition = nn.functional.silu(sight + self.time(sinusoids(TIME_SCALE * tau, sight.shape[-1])))
        tokens = self.enter(x.reshape(len(x), len(self.place), -1)) + self.place
        for block in self.blocks:
            tokens = block(tokens, condition)
        velocity: Tensor = self.leave(self.norm(tokens))
        return velocity.view_as(x)


class Flow(Head):
    """Conditional flow matching on straight paths x_τ = (1 − τ) ε + τ a (Lipman et al. 2023, equation 23; Liu et al. 2023).

    A chunk is drawn by Euler's method in `integration_steps` steps; few are enough because the paths are nearly straight.
    """

    def __init__(self, config: PolicyConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.nets = nn.ModuleList(Velocity(config, width) for _ in range(config.members))

    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        """Squared error of the velocity."""
        start = noise.normal(lesson.target.shape, features.device)
        tau = noise.uniform(lesson.target.shape[:2], features.device)
        mixed = torch.lerp(start, lesson.target, tau[..., None, None])
        each = zip(self.nets, mixed, tau, features, strict=True)
        velocity = torch.stack([net(x, t, cast(Velocity, net).sight(seen)) for net, x, t, seen in each])
        return lesson.per_window((velocity - (lesson.target - start)).square())

    def grow(self, features: Tensor, start: Tensor, steps: int | None = None) -> Tensor:
        """(K, B, C, A) the chunks that noise (K, B, C, A) becomes, in `integration_steps` where not said otherwise."""
        steps = steps or self.config.integration_steps
        grown = []
        for net, f, x in zip(self.nets, features, start, strict=False):  # of as many members as there are features
            sight = cast(Velocity, net).sight(f)
            for k in range(steps):
                x = x + net(x, torch.full((len(x),), k / steps, device=x.device), sight) / steps
            grown.append(x)
        return torch.stack(grown)

    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """A sample of each row; with `mode` the middle chunk of that way (one observation only)."""
        if mode is not None:
            return self.proposals(features).chunks[:, mode : mode + 1]
        shape = (*features.shape[:2], self.config.chunk, self.config.action_dim)
        return self.grow(features, noise.normal(shape, features.device))

    def first_chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """Grown for the first member alone: the others' would only cost time."""
        if mode is not None:
            return self.chunks(features, noise, mode)[0]
        shape = (*features.shape[:2], self.config.chunk, self.config.action_dim)
        return self.grow(features[:1], noise.normal(shape, features.device)[:1])[0]

    def samples(self, features: Tensor, count: int, noise: Noise, steps: int | None = None) -> Tensor:
        """(K, count, C, A) chunks for one observation (K, 1, F), from the same noise for each member."""
        start = noise.normal((1, count, self.config.chunk, self.config.action_dim), features.device)
        return self.grow(features.expand(-1, count, -1), start.expand(self.config.members, -1, -1, -1), steps)

    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        """Of chunks drawn."""
        members, batch, _ = features.shape
        start = noise.normal((members, batch * PREDICTED, self.config.chunk, self.config.action_dim), features.device)
        means = self.grow(features.repeat_interleave(PREDICTED, dim=1), start)[:, :, 0].view(members, batch, PREDICTED, -1)
        return Prediction(torch.full(means.shape[:3], -math.log(PREDICTED), device=means.device), means)

    @torch.no_grad()
    def surprise(self, features: Tensor) -> Tensor:
        """(B,) the first member's own loss at the chunk it would go, for features (B, F): high where it was not trained.

        The mean over JUDGED draws, always the same, weighted by τ²: that makes of the velocity's error the noise's, which is
        what a diffusion policy's loss measures. Unweighted it is high at every fork, since at τ near 0 no way is chosen yet.
        """
        noise, shape, net = Noise(), (self.config.chunk, self.config.action_dim), cast(Velocity, self.nets[0])
        start, drawn = (noise.normal((1, count, *shape), features.device) for count in (1, JUDGED))
        chunk = self.grow(features.unsqueeze(0), start.expand(1, len(features), -1, -1))[0].unsqueeze(1)
        tau = (torch.arange(JUDGED, device=features.device) + 0.5) / JUDGED
        mixed = torch.lerp(drawn, chunk, tau[:, None, None]).flatten(0, 1)
        sight = net.sight(features).repeat_interleave(JUDGED, dim=0)
        velocity = net(mixed, tau.repeat(len(features)), sight).view(len(features), JUDGED, *shape)
        error = (velocity - (chunk - drawn)).square().mean(dim=(2, 3))
        return cast(Tensor, error @ (tau.square() / tau.square().sum()))

    def outlook(self, features: Tensor) -> Prediction:
        """Of fewer chunks, drawn alike for each member: members that agree give the same ones. SAME_WAY is their spread."""
        means = self.samples(features, GLANCED, Noise(), min(GLANCE_STEPS, self.config.integration_steps))[:, None, :, 0]
        return Prediction(torch.full(means.shape[:3], -math.log(GLANCED), device=means.device), means, torch.full_like(means, SAME_WAY))

    def proposals(self, features: Tensor) -> Proposals:
        """Samples, alike ones together: a way is its middle sample, with the share that is like it."""
        drawn = self.samples(features, SAMPLES, Noise())
        ways = [ways_among(each) for each in drawn]
        most = max(len(weights) for _, weights in ways)
        chunks = torch.stack([torch.cat([c, c[-1:].expand(most - len(c), -1, -1)]) for c, _ in ways])
        weights = torch.stack([torch.cat([w, w.new_zeros(most - len(w))]) for _, w in ways])
        return Proposals(chunks, weights)


def ways_among(chunks: Tensor) -> tuple[Tensor, Tensor]:
    """The different ways (M, C, A) among chunks (S, C, A), likeliest first, and the share (M,) of the chunks that go each.

    Groups are joined while the mean distance between two is below SAME_WAY (average linkage).
    """
    flat = chunks.flatten(1).double()
    apart = (torch.cdist(flat, flat) / flat.shape[1] ** 0.5).cpu().numpy()
    link, groups = apart.copy(), [[k] for k in range(len(apart))]
    np.fill_diagonal(link, np.inf)
    while len(groups) > 1 and link.min() < SAME_WAY:
        a, b = sorted(divmod(int(link.argmin()), len(groups)))
        joined = (len(groups[a]) * link[a] + len(groups[b]) * link[b]) / (len(groups[a]) + len(groups[b]))
        link[a], link[:, a], link[a, a] = joined, joined, np.inf
        link = np.delete(np.delete(link, b, axis=0), b, axis=1)
        groups[a] += groups.pop(b)
    groups.sort(key=len, reverse=True)
    middles = [group[int(apart[np.ix_(group, group)].sum(axis=1).argmin())] for group in groups]
    return chunks[middles], torch.tensor([len(group) / len(chunks) for group in groups], device=chunks.device)
