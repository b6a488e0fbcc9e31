"""Spaces: Gymnasium's, as Minari writes them down, and the vectors that `teleop record` would have kept of their values.

Every action is a vector in [-1, 1]: a Box's finite bounds are ±1, a discrete action is one number per choice, 1 for the chosen
one and -1 for the others. Every observation is a vector of floats or a picture; the parts of a Dict have its keys, joined by _.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array
from data.exchange.foreign import STATE, as_observation, as_rows
from data.exchange.units import ActionRange

Space = Mapping[str, Any]
Read = Callable[[str], Array]
ALLOWED = "Box, Discrete, MultiDiscrete and MultiBinary"


def actions_from(values: Array, space: Space) -> NDArray[np.float64]:
    """Actions (T, …) of a space as (T, A), in [-1, 1] where the space is bounded; raises ValueError for other spaces."""
    kind, flat = space.get("type"), as_rows(values).astype(np.float64)
    if kind == "Box":
        return range_of_box(space, flat.shape[1]).to_unit(flat)
    if kind in ("Discrete", "MultiDiscrete"):
        return 2.0 * _one_hot(flat, space) - 1.0
    if kind == "MultiBinary":
        return np.where(flat > 0, 1.0, -1.0)
    raise ValueError(f"actions of a space {kind}; allowed: {ALLOWED}")


def observations_from(read: Read, path: str, space: Space, name: str = "") -> dict[str, Array]:
    """The arrays (T, …) of an observation at `path`, by our names; texts are left out."""
    kind = space.get("type")
    parts = {"Dict": _dict_parts, "Tuple": _tuple_parts}.get(str(kind))
    if parts is not None:
        found: dict[str, Array] = {}
        for key, member, part in parts(space):
            found |= observations_from(read, f"{path}/{member}", part, f"{name}_{key}" if name else key)
        return found
    if kind == "Text":
        return {}
    values = read(path)
    if kind in ("Discrete", "MultiDiscrete"):
        return {name or STATE: _one_hot(as_rows(values), space).astype(np.float32)}
    column = as_observation(values)
    return {name or ("image" if column.ndim == 4 else STATE): column}


def boxes_in(space: Space) -> Iterator[Space]:
    """The Boxes that a space is made of."""
    parts = {"Dict": _dict_parts, "Tuple": _tuple_parts}.get(str(space.get("type")))
    if parts is not None:
        for _, _, part in parts(space):
            yield from boxes_in(part)
    elif space.get("type") == "Box":
        yield space


def _dict_parts(space: Space) -> list[tuple[str, str, Space]]:
    return [(str(key), str(key), part) for key, part in space["subspaces"].items()]


def _tuple_parts(space: Space) -> list[tuple[str, str, Space]]:
    return [(str(i), f"_index_{i}", part) for i, part in enumerate(space["subspaces"])]


def range_of_box(space: Space, width: int | None = None) -> ActionRange:
    """What -1 and 1 stand for in a Box of `width` numbers (None: as many as it has bounds), as `teleop.envs.guest.spaces` has it: a
    number without two finite bounds is taken as it is.
    """
    low, high = (np.asarray(space[side], np.float64).reshape(-1) for side in ("low", "high"))
    if width is not None:
        low, high = np.broadcast_to(low, width), np.broadcast_to(high, width)
    bounded = np.isfinite(low) & np.isfinite(high) & (high > low)
    return ActionRange(np.where(bounded, low, -1.0), np.where(bounded, high, 1.0), "the set's action space")


def _one_hot(values: Array, space: Space) -> NDArray[np.float64]:
    """(T, K) choices as (T, sum of their counts) of 0 and 1; raises ValueError for a choice that there is not."""
    counts = np.asarray(space["n"] if space["type"] == "Discrete" else space["nvec"]).reshape(-1).astype(int)
    start = np.broadcast_to(np.asarray(space.get("start", 0)).reshape(-1), counts.shape)
    chosen = values.astype(np.int64) - start
    if chosen.shape[1:] != counts.shape or np.any((chosen < 0) | (chosen >= counts)):
        raise ValueError(f"choices that {space['type']} {space.get('n', space.get('nvec'))} does not have")
    return np.concatenate([np.eye(count)[chosen[:, k]] for k, count in enumerate(counts)], axis=1)
