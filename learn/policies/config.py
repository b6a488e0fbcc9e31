"""The grid of policies: encoder (state, or images and state) × head × chunk; a named policy is a point of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from data.errors import UserError, one_of

PolicyKind = Literal["bc", "moe", "flow", "visual", "visual-moe", "visual-flow", "bc-rnn-gmm", "act"]
HeadKind = Literal["regression", "mixture", "flow", "recurrent", "cvae"]
EncoderKind = Literal["cnn", "resnet18"]
Sticky = Literal["episode", "chunk"]


MOST_LAYERS, WIDEST, LONGEST_CHUNK, MOST_EXPERTS = 16, 8192, 1000, 64


@dataclass(frozen=True)
class Preset:
    """A named policy's place in the grid, and how it likes to be trained.

    `chunk` actions are predicted at a time, `execute` of them carried out before the next look (receding horizon).
    """

    head: HeadKind
    chunk: int
    execute: int
    hidden: tuple[int, ...]
    steps: int
    sees: bool = False
    batch_size: int = 256
    lr: float = 1e-3
    weight_decay: float = 2.0
    ema_decay: float = 0.999


PRESETS: Mapping[PolicyKind, Preset] = {
    "bc": Preset("regression", 1, 1, (256, 256), 4000),
    "moe": Preset("mixture", 8, 4, (256, 256), 4000),
    "flow": Preset("flow", 8, 4, (128, 128, 128), 6000, batch_size=128, weight_decay=0.1),
    "visual": Preset("regression", 8, 4, (256, 256), 6000, sees=True, batch_size=64, weight_decay=0.1),
    "visual-moe": Preset("mixture", 8, 4, (256, 256), 6000, sees=True, batch_size=64, weight_decay=0.1),
    "visual-flow": Preset("flow", 8, 4, (128, 128, 128), 6000, sees=True, batch_size=64, weight_decay=0.1),
    "bc-rnn-gmm": Preset("recurrent", 10, 1, (256, 256), 3000, batch_size=64, weight_decay=0.1),
    "act": Preset("cvae", 16, 16, (128, 128, 128), 6000, batch_size=128, weight_decay=0.1),
}


def policy_names() -> tuple[str, ...]:
    """What `--policy` offers."""
    return get_args(PolicyKind)


@dataclass(frozen=True)
class PolicyConfig:
    """Everything needed to build a policy's network.

    `obs_dims` is the width of each of `obs_keys`, `image_shapes` (height, width, 3) of each of `image_keys`. `hidden` are
    the head's widths: of an MLP's or LSTM's layers, or one for each transformer layer.
    """

    obs_keys: tuple[str, ...]
    obs_dims: tuple[int, ...]
    action_dim: int
    kind: PolicyKind = "bc"
    hidden: tuple[int, ...] = (256, 256)
    members: int = 1
    chunk: int = 1
    execute: int = 1
    image_keys: tuple[str, ...] = ()
    image_shapes: tuple[tuple[int, int, int], ...] = ()
    encoder: EncoderKind = "cnn"
    experts: int = 8
    """of a mixture: how many"""
    sticky: Sticky = "episode"
    """of a mixture: how long one expert is held responsible, and drives"""
    integration_steps: int = 8
    """of a flow: Euler steps from noise to a chunk"""

    def __post_init__(self) -> None:
        if self.kind not in policy_names():
            raise UserError(f"--policy {self.kind} is not known here; allowed: {one_of(policy_names())}")
        if len(self.obs_keys) != len(self.obs_dims) or min(self.obs_dims, default=1) < 1:
            raise UserError(f"a policy needs one width ≥ 1 per observation key, not keys {self.obs_keys} with widths {self.obs_dims}")
        if not self.obs_keys and not self.image_keys:
            raise UserError("a policy needs at least one observation; give --obs-keys")
        keys = (*self.obs_keys, *self.image_keys)
        if len(set(keys)) != len(keys):
            raise UserError(f"--obs-keys {' '.join(keys)} names a key twice; give each once")
        if self.action_dim < 1:
            raise UserError(f"a policy needs at least one action dimension, not {self.action_dim}")
        if not self.hidden or min(self.hidden) < 1:
            raise UserError(f"--hidden {' '.join(map(str, self.hidden))}: give one or more widths ≥ 1, for example 256 256")
        if len(self.hidden) > MOST_LAYERS or max(self.hidden) > WIDEST:
            raise UserError(f"--hidden {' '.join(map(str, self.hidden))}: give at most {MOST_LAYERS} layers of at most {WIDEST}")
        if self.members < 1:
            raise UserError(f"--members {self.members}: an ensemble has at least 1 member")
        if not 1 <= self.chunk <= LONGEST_CHUNK or not 1 <= self.execute <= self.chunk:
            raise UserError(
                f"--chunk {self.chunk} --execute {self.execute}: the first must be 1 to {LONGEST_CHUNK}, the second 1 to the first"
            )
        if not 2 <= self.experts <= MOST_EXPERTS:
            raise UserError(f"--experts {self.experts}: give 2 to {MOST_EXPERTS}; 8 is usual")
        if not 1 <= self.integration_steps <= 100:
            raise UserError(f"--integration-steps {self.integration_steps}: give 1 to 100; 8 is usual")

    @property
    def preset(self) -> Preset:
        return PRESETS[self.kind]

    @property
    def obs_dim(self) -> int:
        return sum(self.obs_dims)

    @property
    def is_sequence(self) -> bool:
        """Whether the policy sees every observation of a window, not only its first."""
        return self.preset.head == "recurrent"

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
            chunk=int(values["chunk"]),
            execute=int(values["execute"]),
            image_keys=tuple(str(k) for k in values["image_keys"]),
            image_shapes=tuple((int(h), int(w), int(c)) for h, w, c in values["image_shapes"]),
            encoder=_one_of(values["encoder"], EncoderKind),
            experts=int(values["experts"]),
            sticky=_one_of(values["sticky"], Sticky),
            integration_steps=int(values["integration_steps"]),
        )


def _one_of(value: Any, allowed: Any) -> Any:
    if value not in get_args(allowed):
        raise ValueError(f"{value!r} is not {one_of(get_args(allowed))}")
    return value
