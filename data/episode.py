"""One episode: steps gathered in memory, one immutable HDF5 file on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.files import put_in_place
from data.schema import SCHEMA_VERSION, STEP_FIELDS, EpisodeMeta, Field, Phase, Source

Array = NDArray[np.generic]
# What h5py raises for wrong bytes in a file, besides OSError: groups without members, trees that are not trees, None.
DAMAGE = (KeyError, OSError, RuntimeError, TypeError)


@dataclass(frozen=True)
class Step:
    """One control tick. `obs` and the states are those *before* `action`; see `data.schema` for units.

    `idle`: the operator's hands were at rest; what stands at the episode's ends of these is trimmed.
    """

    obs: Mapping[str, Array]
    sim_state: Array
    state: Array
    action: Array
    reward: float
    source: Source
    phase: Phase
    stick: Array
    time_s: float
    label: Array | None = None
    policy_action: Array | None = None
    gate_score: float = float("nan")
    decision_latency_s: float = float("nan")
    lateness_s: float = 0.0
    control_mode: int = 0
    heading_deg: float = 180.0
    idle: bool = False


@dataclass(frozen=True)
class Part:
    """Trimmed-off idle steps, one row each. At the start: rows as in the episode. At the end: `sim_state` and `obs` are
    those *after* each step, so that start + episode + end is the whole recording again.
    """

    steps: Mapping[str, Array]
    obs: Mapping[str, Array]


@dataclass(frozen=True)
class Episode:
    """A finished episode: `steps[name]` has one row per step, `obs[key]` likewise, `final_obs[key]` one row.

    `idle` holds what was trimmed: the keys "start" and "end", where there is something.
    """

    meta: EpisodeMeta
    steps: Mapping[str, Array]
    obs: Mapping[str, Array]
    final_obs: Mapping[str, Array]
    idle: Mapping[str, Part] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps["actions"])


def build_episode(steps: Sequence[Step], final_obs: Mapping[str, Array], final_sim_state: Array, meta: EpisodeMeta) -> Episode:
    """Stack ticks into the columns of `data.schema.STEP_FIELDS`. At least one step is needed."""
    if not steps:
        raise ValueError("an episode needs at least one step")
    nothing = np.full_like(steps[0].action, np.nan, dtype=np.float32)
    user = np.array([s.source is not Source.POLICY for s in steps])
    proposed = np.array([s.policy_action is not None for s in steps])
    columns = {
        "actions": np.stack([s.action for s in steps]),
        "rewards": np.array([s.reward for s in steps]),
        "dones": np.arange(len(steps)) == len(steps) - 1,
        "states": np.stack([s.state for s in steps]),
        "sim_state": np.stack([*(s.sim_state for s in steps), final_sim_state]),
        "labels": np.stack([nothing if s.label is None else s.label for s in steps]),
        "policy_actions": np.stack([nothing if s.policy_action is None else s.policy_action for s in steps]),
        "source": np.array([s.source for s in steps]),
        "phase": np.array([s.phase for s in steps]),
        "interventions": user & proposed,
        "policy_acting": ~user,
        "user_acting": user,
        "gate_scores": np.array([s.gate_score for s in steps]),
        "stick": np.stack([s.stick for s in steps]),
        "time_s": np.array([s.time_s for s in steps]) - steps[0].time_s,
        "decision_latency_s": np.array([s.decision_latency_s for s in steps]),
        "lateness_s": np.array([s.lateness_s for s in steps]),
        "control_mode": np.array([s.control_mode for s in steps]),
        "heading_deg": np.array([s.heading_deg for s in steps]),
    }
    return Episode(
        meta=meta,
        steps={f.name: columns[f.name].astype(f.dtype) for f in STEP_FIELDS},
        obs={key: np.stack([np.asarray(s.obs[key]) for s in steps]) for key in steps[0].obs},
        final_obs={key: np.asarray(value) for key, value in final_obs.items()},
    )


def write_episode(path: Path, episode: Episode) -> None:
    """Write one episode file: complete and fsynced under a temporary name, then renamed into place."""
    partial = path.with_suffix(".tmp")
    with h5py.File(partial, "w") as file:
        file.attrs["num_samples"] = len(episode)
        file.attrs["model_file"] = episode.meta.model_xml
        for name, value in episode.meta.to_attrs().items():
            if name == "model_xml":
                continue
            file.attrs[name] = value
        for name, column in episode.steps.items():
            file.create_dataset(name, data=column)
        for group, arrays in (("obs", episode.obs), ("final_obs", episode.final_obs)):
            for key, array in arrays.items():
                _write_observation(file.require_group(group), key, array)
        for end, part in episode.idle.items():
            for name, column in part.steps.items():
                file.create_dataset(f"idle/{end}/{name}", data=column)
            for key, array in part.obs.items():
                _write_observation(file.require_group(f"idle/{end}/obs"), key, array)
    put_in_place(partial, path)


def _write_observation(group: h5py.Group, key: str, array: Array) -> None:
    """Images are stored losslessly in one chunk per frame, so that a random window reads only its frames."""
    if array.dtype == np.uint8 and array.ndim == 4:
        group.create_dataset(key, data=array, chunks=(1, *array.shape[1:]), compression="gzip", compression_opts=1)
    else:
        group.create_dataset(key, data=array)


def read_meta(path: Path) -> EpisodeMeta:
    """Only the attributes of an episode file."""
    with _open(path) as file:
        return _meta(path, file)


def read_end_state(path: Path) -> NDArray[np.float64]:
    """(S,) the simulator state an episode ended in."""
    with _open(path) as file:
        try:
            state: NDArray[np.float64] = file["sim_state"][-1]
        except DAMAGE as error:
            raise _damaged(path, error) from error
    return state


def count_labels(path: Path) -> int:
    """How many steps of an episode file carry a demonstrator's answer."""
    with _open(path) as file:
        try:
            return int(np.count_nonzero(~np.isnan(file["labels"][:, 0])))
        except DAMAGE as error:
            raise _damaged(path, error) from error


def count_steps(path: Path) -> int:
    """How many steps an episode file has."""
    with _open(path) as file:
        try:
            return int(file.attrs["num_samples"])
        except DAMAGE as error:
            raise _damaged(path, error) from error


def read_episode(path: Path, keys: tuple[str, ...] | None = None) -> Episode:
    """The whole episode; `keys` limits which observations are read."""
    with _open(path) as file:
        meta = _meta(path, file)
        try:
            steps = {f.name: _column(file, f, meta.schema_version) for f in STEP_FIELDS}
            obs = {k: d[()] for k, d in file["obs"].items() if keys is None or k in keys}
            final_obs = {k: d[()] for k, d in file["final_obs"].items() if keys is None or k in keys}
            idle = {end: _part(group, keys) for end, group in file["idle"].items()} if "idle" in file else {}
        except DAMAGE as error:
            raise _damaged(path, error) from error
    return Episode(meta=meta, steps=steps, obs=obs, final_obs=final_obs, idle=idle)


def _column(file: h5py.File, field: Field, version: int) -> Array:
    if field.since > version:
        return np.full(len(file["actions"]), field.absent, dtype=field.dtype)
    column: Array = file[field.name][()]
    return column


def _part(group: h5py.Group, keys: tuple[str, ...] | None) -> Part:
    steps = {f.name: group[f.name][()] for f in STEP_FIELDS}
    return Part(steps, {k: d[()] for k, d in group["obs"].items() if keys is None or k in keys})


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise UserError(f"{path} cannot be read as an episode ({error}); move it out of its session to go on without it") from error


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged ({error}); move it out of its session to go on without it")


def _meta(path: Path, file: h5py.File) -> EpisodeMeta:
    try:
        attrs = {k: file.attrs[k] for k in file.attrs}
        attrs["model_xml"] = attrs.pop("model_file")
        meta = EpisodeMeta.from_attrs(attrs)
    except (*DAMAGE, ValueError) as error:
        raise UserError(f"{path} is not one of our episodes (attribute {error}); import it or move it away") from error
    if meta.schema_version > SCHEMA_VERSION:
        raise UserError(f"{path} has schema version {meta.schema_version}, this version reads up to {SCHEMA_VERSION}; update this package")
    return meta
