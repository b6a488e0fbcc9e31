"""Layers that the heads are made of."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn


class MemberLinear(nn.Module):
    """K independent linear layers in one call: (K, B, in) -> (K, B, out); weights begin in ±1/√in, as torch.nn.Linear's do."""

    def __init__(self, members: int, width_in: int, width_out: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width_in)
        self.weight = nn.Parameter(torch.empty(members, width_out, width_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, width_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        if len(self.weight) == 1:
            return self.alone(x.squeeze(0)).unsqueeze(0)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.transpose(1, 2))

    def alone(self, x: Tensor) -> Tensor:
        """The only member's layer, the quicker way for one: (B, in) -> (B, out). Views, since indexing would copy its gradient."""
        return nn.functional.linear(x, self.weight.squeeze(0), self.bias.squeeze(0))


class MemberMLP(nn.Module):
    """K independent multilayer perceptrons with ReLU: (K, B, in) -> (K, B, out)."""

    def __init__(self, members: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.is_alone = members == 1
        self.layers = nn.ModuleList(MemberLinear(members, a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """In place where it is harmless: a hidden layer's memory is what a small network's step costs most."""
        calls = [cast(MemberLinear, layer).alone if self.is_alone else layer for layer in self.layers]
        x = x.squeeze(0) if self.is_alone else x
        for call in calls[:-1]:
            x = torch.relu_(call(x))
        out: Tensor = calls[-1](x)
        return out.unsqueeze(0) if self.is_alone else out


def sinusoids(position: Tensor, width: int, longest: float = 10_000.0) -> Tensor:
    """Sines and cosines (…, width) of positions (…): the embedding of Vaswani et al. (2017), section 3.5."""
    rates = torch.exp(torch.arange(width // 2, device=position.device) * (-math.log(longest) / (width // 2)))
    angle = position.unsqueeze(-1) * rates
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017): queries (B, Q, width) look at keys (B, S, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask, self.offer, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        seen = x if seen is None else seen
        batch, queries, width = x.shape
        query = self.ask(x).view(batch, queries, self.heads, -1).transpose(1, 2)
        key, value = self.offer(seen).view(batch, seen.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        looked = nn.functional.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.out(looked.transpose(1, 2).reshape(batch, queries, width)))


class AdaptiveBlock(nn.Module):
    """A transformer layer steered by a condition (B, width): adaLN-zero of Peebles & Xie (2023), *DiT*."""

    def __init__(self, width: int, heads: int = 4, growth: int = 2) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, growth * width), nn.GELU(approximate="tanh"), nn.Linear(growth * width, width))
        self.steer = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.steer(condition).unsqueeze(1).chunk(6, dim=-1)
        x = x + gate1 * self.attention(self.norm1(x) * (1 + scale1) + shift1)
        return cast(Tensor, x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2))


class Block(nn.Module):
    """A pre-norm transformer layer; with `crosses` it also looks at another sequence."""

    def __init__(self, width: int, heads: int = 4, growth: int = 2, *, crosses: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, growth * width), nn.GELU(approximate="tanh"), nn.Linear(growth * width, width))
        self.cross = Attention(width, heads) if crosses else None
        self.norm3 = nn.LayerNorm(width) if crosses else None

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x))
        if self.cross is not None and self.norm3 is not None:
            x = x + self.cross(self.norm3(x), seen)
        return cast(Tensor, x + self.mlp(self.norm2(x)))
