"""Check: whether an episode still is what was recorded, and could have been recorded."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.episode import Array, Episode
from data.episode_file import read_episode
from data.errors import DamagedError
from data.schema import SCHEMA_VERSION, STEP_FIELDS, EpisodeMeta, Phase, Source

MAY_BE_NAN = {"labels", "policy_actions", "gate_scores", "decision_latency_s", "lateness_s"}
WITHIN_ONE = ("actions", "labels", "policy_actions")
FLAGS = ("dones", "interventions", "policy_acting", "user_acting", "at_rest")
CONTROL_MODES = 4


def problems(episode: Episode) -> list[str]:
    """What is wrong with an episode's values, those that were read; empty for a sound one."""
    return list(_problems(episode))


def problems_of(path: Path) -> list[str]:
    """What is wrong with an episode file; empty for a sound one.

    Its bytes (checksums, where its schema has them), its attributes, the shapes and types of `data.schema`, finite
    values, actions in [-1, 1], time that only goes on, and values that the loop can write. Raises UserError for an
    episode that may be sound but is of a newer schema.
    """
    try:
        episode = read_episode(path)
    except DamagedError as error:
        return [str(error)]
    return problems(episode)


def _problems(episode: Episode) -> Iterator[str]:
    wrong_shapes = [*_shape_problems(episode), *_observation_problems(episode)]
    yield from wrong_shapes
    if not wrong_shapes:
        yield from _value_problems(episode)
        yield from _meta_problems(episode.meta)


def _shape_problems(episode: Episode) -> Iterator[str]:
    """Against the field table: axes of one name are of one length, T is that of the actions."""
    lengths: dict[str, int] = {"T": len(episode)}
    lengths["T+1"] = lengths["T"] + 1
    for field in STEP_FIELDS:
        column = episode.steps[field.name]
        if column.dtype != field.dtype:
            yield f"{field.name} is {column.dtype}, not {field.dtype}"
        if column.ndim != len(field.shape):
            yield f"{field.name} has {column.ndim} axes, not {len(field.shape)}"
            continue
        for axis, length in zip(field.shape, column.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                yield f"{field.name} has {length} in its axis {axis}, not {lengths[axis]}"
    if lengths["T"] == 0:
        yield "it has no steps"


def _observation_problems(episode: Episode) -> Iterator[str]:
    if set(episode.obs) != set(episode.final_obs):
        yield "obs and final_obs have other keys"
    for key, column in episode.obs.items():
        last = episode.final_obs.get(key)
        if column.ndim == 0 or len(column) != len(episode):
            yield f"obs/{key} has {column.shape[0] if column.ndim else 0} steps, not {len(episode)}"
        elif last is not None and (last.shape, last.dtype) != (column.shape[1:], column.dtype):
            yield f"final_obs/{key} is {last.dtype} {last.shape}, not as obs/{key}"


def _value_problems(episode: Episode) -> Iterator[str]:
    groups: dict[str, Mapping[str, Array]] = {"": episode.steps, "obs/": episode.obs, "final_obs/": episode.final_obs}
    for group, columns in groups.items():
        for name, column in columns.items():
            if name not in MAY_BE_NAN and np.issubdtype(column.dtype, np.floating) and not np.isfinite(_floats(column)).all():
                yield f"{group}{name} has {np.count_nonzero(~np.isfinite(_floats(column)))} values that are not finite"
    for name in WITHIN_ONE:
        worst = np.abs(_floats(episode.steps[name])).max(initial=0.0, where=~np.isnan(_floats(episode.steps[name])))
        if worst > 1.0:
            yield f"{name} go up to {worst:.3g}; allowed: -1 … 1"
    time_s = _floats(episode.steps["time_s"])
    if time_s[0] != 0.0 or np.any(np.diff(time_s) <= 0.0):
        yield "time_s does not begin at 0 or does not go on at every step"
    for name, is_allowed in _ALLOWED.items():
        if not np.all(is_allowed(episode.steps[name])):
            yield f"{name} has values that mean nothing"
    if np.any(episode.steps["dones"][:-1]) or not episode.steps["dones"][-1]:
        yield "dones marks another step than the last"


def _meta_problems(meta: EpisodeMeta) -> Iterator[str]:
    if not 0.0 < meta.control_hz < np.inf:
        yield f"control_hz is {meta.control_hz}"
    if not 1 <= meta.schema_version <= SCHEMA_VERSION:
        yield f"schema_version is {meta.schema_version}; allowed: 1 … {SCHEMA_VERSION}"


def _floats(column: Array) -> NDArray[np.float64]:
    return np.asarray(column, np.float64)


_ALLOWED: dict[str, Callable[[Array], NDArray[np.bool_]]] = {
    "source": lambda column: np.isin(column, [int(source) for source in Source]),
    "phase": lambda column: np.isin(column, [int(phase) for phase in Phase]),
    "control_mode": lambda column: np.isin(column, range(CONTROL_MODES)),
    **{name: (lambda column: np.isin(column, (0, 1))) for name in FLAGS},
}
