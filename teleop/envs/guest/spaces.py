"""Spaces as vectors: every action space becomes a box of [-1, 1], every observation a dict of arrays."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class GuestError(Exception):
    """What a guest cannot do, in one line."""


def action_width(space: spaces.Space[Any]) -> int:
    """How many numbers an action is as a vector; a discrete action is one number per choice, the largest is chosen."""
    if isinstance(space, spaces.Box):
        return int(np.prod(space.shape))
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return int(space.nvec.sum())
    if isinstance(space, spaces.MultiBinary):
        return int(np.prod(space.shape))
    raise GuestError(f"actions {space} cannot be driven with sticks; allowed: Box, Discrete, MultiDiscrete, MultiBinary")


def choice_counts(space: spaces.Space[Any]) -> list[int]:
    """How many choices each discrete part has; empty for a Box."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec]
    return []


def to_action(vector: Floats, space: spaces.Space[Any]) -> Any:
    """The environment's own action for a vector (A,) in [-1, 1]."""
    if isinstance(space, spaces.Box):
        return _to_box(np.clip(vector, -1.0, 1.0), space)
    if isinstance(space, spaces.Discrete):
        return int(space.start) + int(np.argmax(vector))
    if isinstance(space, spaces.MultiDiscrete):
        parts = np.split(vector, np.cumsum(space.nvec)[:-1])
        return (np.array([np.argmax(part) for part in parts]) + space.start).astype(space.dtype)
    return (np.asarray(vector).reshape(space.shape or ()) > 0).astype(np.int8)


def first_choices(space: spaces.Space[Any]) -> list[int]:
    """Which number the first choice of each discrete part is."""
    if isinstance(space, spaces.Discrete):
        return [int(space.start)]
    return [int(n) for n in space.start] if isinstance(space, spaces.MultiDiscrete) else []


def action_range(space: spaces.Space[Any]) -> tuple[list[float], list[float]]:
    """What −1 and 1 stand for, in each number; of spaces whose numbers choose, nothing."""
    if isinstance(space, spaces.MultiBinary):
        return [0.0] * action_width(space), [1.0] * action_width(space)
    if not isinstance(space, spaces.Box):
        return [], []
    low, high = _bounds(space)
    return low.reshape(-1).tolist(), high.reshape(-1).tolist()


def _bounds(space: spaces.Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finite bounds are ±1; where there are none the number is taken as it is."""
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    bounded = np.isfinite(low) & np.isfinite(high)
    return np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)


def _to_box(vector: Floats, space: spaces.Box) -> Any:
    values = vector.reshape(space.shape).astype(np.float64)
    low, high = _bounds(space)
    if np.all(low == -1.0) and np.all(high == 1.0):
        return vector.reshape(space.shape).astype(space.dtype)  # to the bit
    return (low + (values + 1.0) / 2.0 * (high - low)).astype(space.dtype)


def to_obs(value: Any, space: spaces.Space[Any], name: str = "") -> dict[str, NDArray[Any]]:
    """An observation as arrays: vectors float32 (n,), pictures uint8 (H, W, 3); parts of a Dict under their own names."""
    if isinstance(space, spaces.Dict):
        named = {key: to_obs(value[key], part, f"{name}_{key}" if name else str(key)) for key, part in space.spaces.items()}
        return {key: array for part in named.values() for key, array in part.items()}
    if isinstance(space, spaces.Tuple):
        named = {str(i): to_obs(value[i], part, f"{name}_{i}" if name else str(i)) for i, part in enumerate(space.spaces)}
        return {key: array for part in named.values() for key, array in part.items()}
    if is_picture(space):
        return {name or "image": np.array(value, np.uint8)}
    return {name or "state": np.asarray(spaces.flatten(space, value), np.float32).reshape(-1)}


def is_picture(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def flat(value: Any, space: spaces.Space[Any]) -> NDArray[np.float64]:
    """The whole observation as float64 (n,), without loss: what stands for the state where no simulator gives one."""
    return np.asarray(spaces.flatten(space, value), np.float64).reshape(-1)
