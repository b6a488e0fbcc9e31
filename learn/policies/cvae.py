"""Action chunking with a conditional variational autoencoder: ACT, for comparison."""

import math
from typing import cast

import torch
from torch import Tensor, nn

from learn.policies.config import PolicyConfig
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.layers import Block
from learn.policies.noise import Noise

STYLE = 16
SAMPLES = 32  # styles drawn to say what the next action may be
KL_WEIGHT = 10.0


class Chunker(nn.Module):
    """One member: the style of a chunk (B, C, A) seen from features (B, F), and the chunk of a style (B, STYLE)."""

    def __init__(self, config: PolicyConfig, features: int) -> None:
        super().__init__()
        width = config.hidden[0]
        self.see, self.enter = nn.Linear(features, width), nn.Linear(config.action_dim, width)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.place_in, self.place_out = (nn.Parameter(torch.randn(config.chunk, width) * 0.02) for _ in range(2))
        self.recognise = nn.ModuleList(Block(width) for _ in config.hidden)
        self.to_style, self.from_style = nn.Linear(width, 2 * STYLE), nn.Linear(STYLE, width)
        self.decode = nn.ModuleList(Block(width, crosses=True) for _ in config.hidden)
        self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, config.action_dim)

    def style(self, features: Tensor, chunk: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (B, STYLE) of the style."""
        seen = self.see(features).unsqueeze(1)
        x = torch.cat([self.token.expand(len(chunk), -1, -1), seen, self.enter(chunk) + self.place_in], dim=1)
        for block in self.recognise:
            x = block(x)
        mean, log_variance = self.to_style(x[:, 0]).chunk(2, dim=-1)
        return mean, log_variance

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        seen = torch.stack([self.see(features), self.from_style(style)], dim=1)
        x = self.place_out.expand(len(features), -1, -1)
        for block in self.decode:
            x = block(x, seen)
        chunk: Tensor = torch.tanh(self.leave(self.norm(x)))
        return chunk


class Cvae(Head):
    """L1 error and 10 times the KL divergence of the style (Zhao et al. 2023, *Learning Fine-Grained Bimanual Manipulation*).

    It drives with the style's mean, 0; with `execute` 1 overlapping chunks are averaged (temporal ensembling).
    """

    averages = True

    def __init__(self, config: PolicyConfig, width: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(Chunker(config, width) for _ in range(config.members))

    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        each = []
        drawn = noise.normal((*features.shape[:2], STYLE), features.device)
        for net, seen, target, start in zip(self.nets, features, lesson.target, drawn, strict=True):
            mean, log_variance = cast(Chunker, net).style(seen, target)
            chunk = net(seen, mean + (0.5 * log_variance).exp() * start)
            divergence = -0.5 * (1.0 + log_variance - mean.square() - log_variance.exp()).sum(dim=-1)
            each.append((chunk, divergence))
        error = torch.stack([chunk for chunk, _ in each]) - lesson.target
        return lesson.per_window(error.abs()) + KL_WEIGHT * torch.stack([divergence for _, divergence in each])

    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        style = features.new_zeros(features.shape[1], STYLE)
        return torch.stack([net(seen, style) for net, seen in zip(self.nets, features, strict=True)])

    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        """Of styles drawn from their prior."""
        count = (features.shape[1], SAMPLES)
        styles = noise.normal((len(self.nets), *count, STYLE), features.device)
        each = zip(self.nets, features, styles, strict=True)
        means = torch.stack([net(f.repeat_interleave(SAMPLES, dim=0), s.flatten(0, 1))[:, 0].view(*count, -1) for net, f, s in each])
        return Prediction(torch.full(means.shape[:3], -math.log(SAMPLES), device=means.device), means)

    def outlook(self, features: Tensor) -> Prediction:
        """Of the style it drives with."""
        means = self.chunks(features, Noise())[:, :, :1]
        return Prediction(means.new_zeros(means.shape[:3]), means)

    def proposals(self, features: Tensor) -> Proposals:
        chunks = self.chunks(features, Noise())
        return Proposals(chunks, chunks.new_ones(chunks.shape[:2]))
