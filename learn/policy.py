"""The policies: from observations to actions in [-1, 1]."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.errors import UserError, one_of
from learn.normalize import ActionRange, Normalizer

PolicyKind = Literal["bc"]
Observation = Mapping[str, NDArray[np.generic]]


def policy_names() -> tuple[str, ...]:
    """What `--policy` offers."""
    return get_args(PolicyKind)


@dataclass(frozen=True)
class PolicyConfig:
    """Everything needed to build a policy's network. `obs_dims` is the width of each of `obs_keys`."""

    obs_keys: tuple[str, ...]
    obs_dims: tuple[int, ...]
    action_dim: int
    kind: PolicyKind = "bc"
    hidden: tuple[int, ...] = (256, 256)
    members: int = 1

    def __post_init__(self) -> None:
        if self.kind not in policy_names():
            raise UserError(f"--policy {self.kind} is not known here; allowed: {one_of(policy_names())}")
        if not self.obs_keys or len(self.obs_keys) != len(self.obs_dims) or min(self.obs_dims) < 1:
            raise UserError(f"a policy needs one width ≥ 1 per observation key, not keys {self.obs_keys} with widths {self.obs_dims}")
        if len(set(self.obs_keys)) != len(self.obs_keys):
            raise UserError(f"--obs-keys {' '.join(self.obs_keys)} names a key twice; give each once")
        if self.action_dim < 1:
            raise UserError(f"a policy needs at least one action dimension, not {self.action_dim}")
        if not self.hidden or min(self.hidden) < 1:
            raise UserError(f"--hidden {' '.join(map(str, self.hidden))}: give one or more widths ≥ 1, for example 256 256")
        if self.members < 1:
            raise UserError(f"--members {self.members}: an ensemble has at least 1 member")

    @property
    def obs_dim(self) -> int:
        return sum(self.obs_dims)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PolicyConfig":
        """Inverse of `to_json`; raises KeyError, TypeError or ValueError for what is not a config, UserError for a bad one."""
        return cls(
            obs_keys=tuple(str(k) for k in values["obs_keys"]),
            obs_dims=tuple(int(d) for d in values["obs_dims"]),
            action_dim=int(values["action_dim"]),
            kind=values["kind"],
            hidden=tuple(int(h) for h in values["hidden"]),
            members=int(values["members"]),
        )


@dataclass(frozen=True)
class Batch:
    """Rows to learn from: `obs` (K, B, D) and `target` (K, B, A), one minibatch for each of K members."""

    obs: Tensor
    target: Tensor


@dataclass(frozen=True)
class BehaviourMode:
    """One way to go on from here: its action chunk (chunk, A) and its probability."""

    chunk: NDArray[np.float32]
    probability: float


class MemberLinear(nn.Module):
    """K independent linear layers in one call: (K, B, in) -> (K, B, out)."""

    def __init__(self, members: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, width_in, width_out))
        self.bias = nn.Parameter(torch.empty(members, 1, width_out))

    def reset(self, generator: torch.Generator) -> None:
        """Draw weights and biases from ±1/√in, as torch.nn.Linear does."""
        bound = 1.0 / math.sqrt(self.weight.shape[1])
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=generator)
            self.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class BCPolicy(nn.Module):
    """Behaviour cloning: normalised observations, an MLP with ReLU, tanh; an ensemble when `members` > 1.

    The least-squares regression of Pomerleau (1989), ALVINN; the ensemble is that of Menda et al. (2019),
    EnsembleDAgger. The members share nothing but the normaliser.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = Normalizer(config.obs_dim)
        self.action_range = ActionRange(config.action_dim)
        widths = (config.obs_dim, *config.hidden, config.action_dim)
        self.layers = nn.ModuleList(MemberLinear(config.members, a, b) for a, b in pairwise(widths))

    def reset(self, generator: torch.Generator) -> None:
        """Give every member its own random start."""
        for layer in self.layers:
            cast(MemberLinear, layer).reset(generator)

    def forward(self, obs: Tensor) -> Tensor:
        """Actions of each member (K, B, A) for raw observations (K, B, D)."""
        x = self.normalizer(obs)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return cast(Tensor, self.action_range(torch.tanh(self.layers[-1](x))))

    def loss(self, batch: Batch) -> Tensor:
        """Mean squared error over members, rows and action dimensions, in units of each dimension's range."""
        return self.error(self(batch.obs), batch.target)

    def error(self, actions: Tensor, target: Tensor) -> Tensor:
        """Mean squared difference (…, A) in units of each dimension's range."""
        return self.action_range.in_units(actions - target).square().mean()

    def member_actions(self, obs: Tensor) -> Tensor:
        """Actions of each member (K, B, A) when all see the same observations (B, D)."""
        return cast(Tensor, self(obs.expand(self.config.members, *obs.shape)))

    @torch.no_grad()
    def act_batch(self, obs: Tensor) -> Tensor:
        """The members' mean action (B, A) for observations (B, D)."""
        return self.member_actions(obs).mean(dim=0)

    def act(self, obs: Observation, mode: int | None = None) -> NDArray[np.float32]:
        """The action chunk (1, A) in [-1, 1] for one observation; `mode` can only be 0, there is one."""
        if mode not in (None, 0):
            raise ValueError(f"a bc policy has one mode, 0; not {mode}")
        return cast(NDArray[np.float32], self.act_batch(self._row(obs)).cpu().numpy())

    def modes(self, obs: Observation) -> tuple[BehaviourMode, ...]:
        """Regression knows one way to go on, with probability 1."""
        return (BehaviourMode(self.act(obs), 1.0),)

    @torch.no_grad()
    def doubt(self, obs: Observation) -> float:
        """How far the members disagree: √ of the variance between them, averaged over action dimensions; 0 for one member."""
        actions = self.member_actions(self._row(obs))[:, 0]  # (K, A)
        return math.sqrt(float(actions.var(dim=0, correction=0).mean()))

    def _row(self, obs: Observation) -> Tensor:
        """The keys' values side by side, (1, D)."""
        flat = np.concatenate([np.asarray(obs[key], np.float32).reshape(-1) for key in self.config.obs_keys])
        return torch.from_numpy(flat).to(self.normalizer.mean.device).unsqueeze(0)


def build_policy(config: PolicyConfig, seed: int = 0) -> BCPolicy:
    """A policy with random weights drawn from `seed`."""
    policy = BCPolicy(config)
    policy.reset(torch.Generator().manual_seed(seed))
    return policy
