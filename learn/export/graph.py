"""Graph: what a driver does at one look, as a function of tensors alone; what it remembers and draws goes in and comes out."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from learn.driver import OLDER_COUNTS_MORE
from learn.policies import Noise, Policy, Seen, build_policy
from learn.policies.config import HeadKind
from learn.policies.flow import Flow
from learn.policies.mixture import Mixture
from learn.policies.recurrent import Recurrent

MEMORY, NEXT, NOISE, ACTIONS = "memory.", "next.", "noise.", "actions"
Draw = Literal["normal", "uniform"]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Given(Noise):
    """Draws that were made elsewhere: `value`, of one member."""

    value: Tensor = field(kw_only=True)

    def normal(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return self.value.expand(*shape)

    def uniform(self, shape: Sequence[int], device: torch.device) -> Tensor:
        return self.value.expand(*shape)


class Graph(nn.Module, ABC):
    """One look of a policy, as `learn.driver.Driver` takes it: observations in, the actions (1, execute, A) in [-1, 1] out that
    are carried out before the next.

    Inputs: every observation by its key and raw, vectors (1, n) float32, pictures (1, H, W, 3) uint8; `memory` (zeros as an
    episode begins, afterwards what came out last time) and `noise` (drawn anew for each look), float32 of these shapes, under
    names without their prefixes.
    """

    memory: Mapping[str, Shape] = {}
    noise: Mapping[str, tuple[Draw, Shape]] = {}

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    @abstractmethod
    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A chunk of actions (1, at least execute, A) for features (K, 1, F), then what is remembered, as `memory` names it."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        config, rest = self.policy.config, list(inputs)
        parts = [[rest.pop(0) for _ in names] for names in (config.obs_keys, config.image_keys, self.memory, self.noise)]
        vectors, images, memory, noise = parts
        state = torch.cat(vectors, dim=-1) if vectors else torch.empty(1, 0)
        seen = Seen(state, dict(zip(config.image_keys, images, strict=True)))
        chunk, *kept = self.look(self.policy.encoder(seen.expand(config.members, 1)), memory, noise)
        return chunk[:, : config.execute], *kept

    @property
    def input_names(self) -> list[str]:
        config = self.policy.config
        return [*config.obs_keys, *config.image_keys, *(MEMORY + name for name in self.memory), *(NOISE + name for name in self.noise)]

    @property
    def output_names(self) -> list[str]:
        return [ACTIONS, *(NEXT + MEMORY + name for name in self.memory)]

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of the right shapes."""
        config = self.policy.config
        vectors = [torch.zeros(1, width) for width in config.obs_dims]
        images = [torch.zeros(1, *shape, dtype=torch.uint8) for shape in config.image_shapes]
        return (*vectors, *images, *map(torch.zeros, self.memory.values()), *(torch.zeros(shape) for _, shape in self.noise.values()))


class Averaging(Graph):
    """Regression, ACT: the members' mean."""

    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return (self.policy.action_range.from_unit(self.policy.head.chunks(features, Noise()).mean(dim=0)),)


class Blending(Averaging):
    """The same with temporal ensembling: each action is the mean of all chunks that have one for now.

    Remembered are sums over the chunks, which age by a step and a factor between two looks: of their actions at each coming
    step and, last, of their weights.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.memory = {"sums": (1, policy.config.chunk, policy.config.action_dim + 1)}

    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        (chunk,), (sums,) = super().look(features, memory, noise), memory
        aged = math.exp(OLDER_COUNTS_MORE) * torch.cat([sums[:, 1:], torch.zeros_like(sums[:, :1])], dim=1)
        sums = aged + torch.cat([chunk, torch.ones_like(chunk[..., :1])], dim=-1)
        return sums[:, :1, :-1] / sums[:, :1, -1:], sums


class Keeping(Graph):
    """Mixtures: a mode is drawn by its probability and, sticky for an episode, kept. Remembered is its number from 1 on, 0: none yet."""

    noise: Mapping[str, tuple[Draw, Shape]] = {"mode": ("uniform", (1, 1))}

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.memory = {"mode": (1, 1)} if policy.config.sticky == "episode" else {}

    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        head = cast(Mixture, self.policy.head)
        likely = head.log_gate(features)[0].exp().double()  # (1, Z), summed as the driver sums them
        at = noise[0].double() * likely.sum(dim=-1, keepdim=True)
        drawn = (likely.cumsum(dim=-1) <= at).sum(dim=-1, keepdim=True).clamp_max(likely.shape[-1] - 1)
        mode = drawn if not memory else torch.where(memory[0] > 0.0, memory[0].long() - 1, drawn)
        chunk = head.means(features)[0, :, 0].index_select(0, mode.flatten())
        return self.policy.action_range.from_unit(chunk), *((mode + 1).to(kept.dtype) for kept in memory)


class Growing(Graph):
    """Flows: a chunk grows out of the noise `start`."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.noise = {"start": ("normal", (1, policy.config.chunk, policy.config.action_dim))}

    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        head = cast(Flow, self.policy.head)
        return (self.policy.action_range.from_unit(head.first_chunks(features, Given(value=noise[0]))),)


class Stepping(Graph):
    """Recurrent policies: remembered are the LSTM's state and since how many looks; it begins anew after a chunk of them."""

    noise: Mapping[str, tuple[Draw, Shape]] = {"gaussian": ("uniform", (1, 1))}

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        state = (len(policy.config.hidden), 1, policy.config.hidden[0])
        self.memory = {"hidden": state, "cell": state, "age": (1, 1)}

    def look(self, features: Tensor, memory: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[Tensor, ...]:
        head, goes_on = cast(Recurrent, self.policy.head), (memory[2] < self.policy.config.chunk).float()
        hidden, cell, age = (kept * goes_on for kept in memory)
        chunk, after = head.step(0, features[0], (hidden, cell), Given(value=noise[0]))
        return self.policy.action_range.from_unit(chunk), *after, age + 1.0


GRAPHS: Mapping[HeadKind, type[Graph]] = {
    "regression": Averaging,
    "mixture": Keeping,
    "flow": Growing,
    "recurrent": Stepping,
    "cvae": Averaging,
}


def graph_of(policy: Policy) -> Graph:
    """The policy's graph; of an ensemble that is not averaged its first member, which is the one that drives."""
    config = policy.config
    make = GRAPHS[config.preset.head]
    if policy.head.averages and config.execute == 1 and config.chunk > 1:
        make = Blending
    return make(policy if policy.head.averages else first_member(policy)).eval()


def first_member(policy: Policy) -> Policy:
    """The first of an ensemble alone."""
    alone, weights = build_policy(replace(policy.config, members=1)), policy.state_dict()
    own = alone.state_dict()  # members lie one after the other in the first dimension, or under names of their own
    alone.load_state_dict({name: weights[name][tuple(slice(size) for size in value.shape)] for name, value in own.items()})
    return alone.eval()
