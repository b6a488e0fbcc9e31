"""The inverse model: from states before and after a step to the action between them, and how sure it is of each dimension."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from data.errors import UserError, one_of
from learn.policies.layers import MemberMLP
from learn.policies.normalize import ActionRange, Normalizer

Variant = Literal["causal", "window"]
WIDEST, MOST_LAYERS, LONGEST_HISTORY = 8192, 16, 64
STEP_FLOOR = 1e-4  # m, rad, quaternion parts: a one-step change below this is the integrator's noise and is not blown up
CLIP = 10.0
LOG_SCALE = (-5.0, 1.0)  # of a half range of the actions
RIDGE = 3.0  # as heavy as three steps in which a feature is one spread off and the action is the mean


@dataclass(frozen=True)
class InverseConfig:
    """Everything needed to build the network. `obs_dims` is the width of each of `obs_keys`.

    causal: sees the `history` states up to s_t, and s_{t+1}; with 1 that is (s_t, s_{t+1}). window: sees `history` states on
    both sides, s_{t-H+1} … s_{t+H}: labelling is done afterwards, when what came later is known. `latents` is the width
    of the latent actions that pre-training has found.
    """

    obs_keys: tuple[str, ...]
    obs_dims: tuple[int, ...]
    action_dim: int
    variant: Variant = "causal"
    history: int = 1
    hidden: tuple[int, ...] = (64, 64)
    latents: int = 0

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise UserError(f"--variant {self.variant} is not known here; allowed: {one_of(get_args(Variant))}")
        if not self.obs_keys or len(set(self.obs_keys)) != len(self.obs_keys):
            raise UserError(f"--obs-keys {' '.join(self.obs_keys)}: give one or more keys, each once")
        if len(self.obs_keys) != len(self.obs_dims) or not all(1 <= dim <= WIDEST for dim in self.obs_dims):
            raise UserError(f"a model needs one width of 1 to {WIDEST} per key, not keys {self.obs_keys} with widths {self.obs_dims}")
        if not 0 <= self.action_dim <= WIDEST:
            raise UserError(f"a model has 0 to {WIDEST} action dimensions, not {self.action_dim}")
        if not 0 <= self.latents <= WIDEST:
            raise UserError(f"--latents {self.latents}: give 1 to {WIDEST}; 12 is usual for an arm")
        if not 1 <= self.history <= LONGEST_HISTORY:
            raise UserError(f"--history {self.history}: give 1 to {LONGEST_HISTORY} states")
        if not 1 <= len(self.hidden) <= MOST_LAYERS or not all(1 <= width <= WIDEST for width in self.hidden):
            raise UserError(f"--hidden {' '.join(map(str, self.hidden))}: give 1 to {MOST_LAYERS} layers of 1 to {WIDEST}")

    @property
    def offsets(self) -> range:
        """Which states are seen, counted from s_t."""
        return range(1 - self.history, (self.history if self.variant == "window" else 1) + 1)

    @property
    def state_dim(self) -> int:
        return sum(self.obs_dims)

    @property
    def input_dim(self) -> int:
        """A window's states, and the changes from each to the next."""
        return (2 * len(self.offsets) - 1) * self.state_dim

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "InverseConfig":
        """Inverse of `to_json`; raises KeyError, TypeError or ValueError for what is not a config, UserError for a bad one."""
        return cls(
            obs_keys=tuple(str(k) for k in values["obs_keys"]),
            obs_dims=tuple(int(d) for d in values["obs_dims"]),
            action_dim=int(values["action_dim"]),
            variant=values["variant"],
            history=int(values["history"]),
            hidden=tuple(int(h) for h in values["hidden"]),
            latents=int(values["latents"]),
        )


class Trunk(nn.Module):
    """Windows of states (B, W, D) to features (B, F): what pre-training makes and training with few labels begins from.

    The states normalised, the changes from one to the next in units of the changes' own spread (a step moves a coordinate
    by hundredths of what an episode does, and would drown in it), and the latent actions between s_t and s_{t+1}, if any.
    """

    step_rms: Tensor
    latent_line: Tensor  # (3D + 1, L) of s_t, s_{t+1}, their change and 1

    def __init__(self, config: InverseConfig) -> None:
        super().__init__()
        self.now = config.offsets.index(0)
        self.normalizer = Normalizer(config.state_dim)
        self.register_buffer("step_rms", torch.ones(config.state_dim))
        self.register_buffer("latent_line", torch.zeros(3 * config.state_dim + 1, config.latents))
        self.width = config.input_dim + config.latents

    def fit(self, states: Tensor, changes: Tensor) -> None:
        """Take the spread of states (N, D) and of one-step changes (M, D); give only training rows."""
        self.normalizer.fit(states)
        self.step_rms.copy_(changes.double().square().mean(dim=0).sqrt().clamp_min(STEP_FLOOR))

    def inputs(self, window: Tensor) -> Tensor:
        """(B, (2W - 1) D) of windows (B, W, D): states, then changes."""
        changes = (window.diff(dim=1) / self.step_rms).clamp(-CLIP, CLIP)
        return torch.cat([self.normalizer(window).flatten(1), changes.flatten(1)], dim=1)

    def forward(self, window: Tensor) -> Tensor:
        step = self.inputs(window[:, self.now : self.now + 2])
        return torch.cat([self.inputs(window), step @ self.latent_line[:-1] + self.latent_line[-1]], dim=1)


class InverseModel(nn.Module):
    """p(a_t | states around it): independent Gaussians in units of the actions' half ranges (`ActionRange`).

    The mean is a ridge regression and what a network adds to it: a step of an arm is nearly linear in the states around
    it, and few labels do not teach a network so. `surety` (A,) stretches the scales to what held-out episodes say of them
    (Guo et al. 2017's temperature, for a regression).
    """

    surety: Tensor
    line: Tensor  # (F + 1, A)

    def __init__(self, config: InverseConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config)
        self.action_range = ActionRange(config.action_dim)
        self.register_buffer("line", torch.zeros(self.trunk.width + 1, config.action_dim))
        self.bend = MemberMLP(1, (self.trunk.width, *config.hidden, 2 * config.action_dim))
        with torch.no_grad():
            for parameter in self.bend.layers[-1].parameters():
                parameter.zero_()
        self.register_buffer("surety", torch.ones(config.action_dim))

    def fit_line(self, features: Tensor, unit: Tensor) -> None:
        """The ridge regression of unit actions (N, A) on features (N, F); the constant is free."""
        x, y = features.double(), unit.double()
        x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
        centred = x - x_mean
        normal = centred.T @ centred + RIDGE * torch.eye(x.shape[1], dtype=torch.float64)
        slope = torch.linalg.solve(normal, centred.T @ (y - y_mean))
        self.line.copy_(torch.cat([slope, (y_mean - x_mean @ slope).unsqueeze(0)]))

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale (B, A) of windows (B, W, D), in half ranges."""
        features = self.trunk(window)
        bend, log_scale = self.bend(features.unsqueeze(0)).squeeze(0).chunk(2, dim=-1)
        return features @ self.line[:-1] + self.line[-1] + bend, log_scale.clamp(*LOG_SCALE)

    @torch.no_grad()
    def infer(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (B, A) in [-1, 1] and their standard deviations of windows (B, W, D)."""
        mean, log_scale = self(window)
        # beyond what the labels held, too: a step to the left teaches one to the right; a dimension nobody moved stays
        actions = (self.action_range.middle + mean * self.action_range.reach).clamp(-1.0, 1.0)
        return actions, log_scale.exp() * self.surety * self.action_range.reach

    def infer_episode(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (T, A) between states (T+1, D), and their standard deviations."""
        steps = torch.arange(len(states) - 1)
        last = torch.full_like(steps, len(states) - 1)
        return self.infer(windows(states, steps, torch.zeros_like(steps), last, self.config.offsets))


def windows(states: Tensor, rows: Tensor, first: Tensor, last: Tensor, offsets: range) -> Tensor:
    """(B, W, D) the states (N, D) around `rows` (B,); past an episode's `first` and `last` row (B,) these are repeated."""
    reach = rows.unsqueeze(-1) + torch.tensor(list(offsets))
    index = torch.minimum(torch.maximum(reach, first.unsqueeze(-1)), last.unsqueeze(-1))
    return states.index_select(0, index.flatten()).view(*index.shape, states.shape[1])


def build_inverse(config: InverseConfig, seed: int = 0) -> InverseModel:
    """A fresh model whose weights depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return InverseModel(config).eval()
