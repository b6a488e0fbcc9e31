"""The frames a policy learns from: a session's usable steps, held once in flat arrays."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.catalog import Row
from data.check import problems
from data.episode import Episode
from data.errors import UserError, one_of
from data.masks import read_masks
from data.schema import Source
from data.session import Session

# robomimic's default low-dimensional observations (robomimic/config/base_config.py, observation.modalities.obs.low_dim)
ROBOMIMIC_KEYS = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object")

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """N steps of a session: `obs` (N, D) is the keys' values side by side, `target` (N, A) what to do there.

    `episode` (N,) is the number of the episode file each row came from; `fingerprint` identifies the data; `held_out` are
    the episodes that `data split` keeps for validation (empty: it has not been asked).
    """

    obs: Floats
    target: Floats
    episode: Ints
    obs_keys: tuple[str, ...]
    obs_dims: tuple[int, ...]
    env_id: str
    env_kwargs: Mapping[str, Any]
    fingerprint: str
    held_out: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.target)


def load_frames(session: Session, obs_keys: tuple[str, ...] | None = None, *, include_failures: bool = False) -> Frames:
    """Read every usable step of `session` once.

    A step's target is its label where it has one, else the executed action where a demonstrator chose it. Failed
    episodes give only their labels, unless `include_failures`. `obs_keys` None takes `default_keys`.
    Raises UserError when nothing is usable, a key is unknown, or episodes do not belong together.
    """
    rows = [row for row in session.rows() if row.usable]
    if not rows:
        record = f"python -m teleop record --session {session.path}"
        raise UserError(f"{session.path} has no finished episode to learn from; record some: {record}")
    _check_one_env(session, rows)
    keys = _choose_keys(session, session.read(rows[0].number), obs_keys)
    parts = list(_usable_parts(session, rows, keys, include_failures))
    if not parts:
        raise UserError(
            f"{session.path} has no step to learn from: {len(rows)} episodes, none a success and no step labelled; "
            "record successes or give --include-failures"
        )
    obs_dims, _ = _check_one_shape(session, parts)
    target = np.concatenate([part.target for part in parts])
    obs = np.concatenate([np.concatenate(part.obs, axis=1) for part in parts])
    return Frames(
        obs=obs,
        target=target,
        episode=np.concatenate([np.full(len(part.target), part.number, np.int64) for part in parts]),
        obs_keys=keys,
        obs_dims=obs_dims,
        env_id=rows[0].env_id,
        env_kwargs=dict(rows[0].env_kwargs),
        fingerprint=_fingerprint(session, parts, keys),
        held_out=read_masks(session.path).valid,
    )


def split_episodes(frames: Frames, valid_fraction: float, seed: int) -> tuple[Ints, Ints]:
    """Indices of the training rows and of the validation rows; an episode is never on both sides.

    Held out is what `data split` has kept for validation, episodes that came later are all training; without a split a
    share is drawn: at least one episode when there are two or more and `valid_fraction` > 0. A single episode is all
    training and the validation rows are empty: the first round of a sitting starts from one demonstration.
    """
    if frames.held_out and valid_fraction > 0.0:
        return _split_at(frames, np.array(frames.held_out))
    numbers = np.unique(frames.episode)
    wanted = max(1, round(valid_fraction * len(numbers))) if valid_fraction > 0.0 else 0
    held_out = np.random.default_rng(seed).permutation(numbers)[: min(wanted, len(numbers) - 1)]
    return _split_at(frames, held_out)


def _split_at(frames: Frames, held_out: Ints) -> tuple[Ints, Ints]:
    is_valid = np.isin(frames.episode, held_out)
    if is_valid.all():
        raise UserError("the split holds out every episode there is to learn from; split again: python -m data split SESSION")
    return np.flatnonzero(~is_valid).astype(np.int64), np.flatnonzero(is_valid).astype(np.int64)


def default_keys(obs: Mapping[str, NDArray[np.generic]]) -> tuple[str, ...]:
    """Robomimic's four low-dimensional keys when all are there, else every low-dimensional key, sorted."""
    usable = low_dim_keys(obs)
    return ROBOMIMIC_KEYS if set(ROBOMIMIC_KEYS) <= set(usable) else usable


def low_dim_keys(obs: Mapping[str, NDArray[np.generic]]) -> tuple[str, ...]:
    """Keys of an episode's observations (T, n) that are floating-point vectors, sorted."""
    return tuple(sorted(k for k, v in obs.items() if v.ndim == 2 and np.issubdtype(v.dtype, np.floating)))


def target_of(episode: Episode, *, include_failures: bool = False) -> tuple[Floats, NDArray[np.bool_]]:
    """What to do at each step (T, A), and which of the steps (T,) may be learned from."""
    steps = episode.steps
    labels = np.asarray(steps["labels"], np.float32)
    labelled = np.asarray(~np.isnan(labels).any(axis=1))
    demonstrated = np.asarray(steps["source"]) != Source.POLICY
    if not (episode.meta.success or include_failures):
        demonstrated = np.zeros_like(demonstrated)
    target = np.where(labelled[:, None], labels, np.asarray(steps["actions"], np.float32))
    return target, labelled | demonstrated


@dataclass(frozen=True)
class _Part:
    """One episode's share: `obs` holds one (n, d) array per key."""

    number: int
    obs: tuple[Floats, ...]
    target: Floats


def _usable_parts(session: Session, rows: list[Row], keys: tuple[str, ...], include_failures: bool) -> Iterator[_Part]:
    for number in [row.number for row in rows]:
        episode = session.read(number, keys)
        if wrong := problems(episode):
            raise UserError(f"episode {number} is damaged ({'; '.join(wrong)}); python -m data check {session.path} sets it aside")
        target, usable = target_of(episode, include_failures=include_failures)
        if not usable.any():
            continue
        _check_keys(session, number, episode, keys)
        yield _Part(number, tuple(np.asarray(episode.obs[k], np.float32)[usable] for k in keys), target[usable])


def _choose_keys(session: Session, episode: Episode, obs_keys: tuple[str, ...] | None) -> tuple[str, ...]:
    if obs_keys is None:
        keys = default_keys(episode.obs)
        if not keys:
            raise UserError(f"{session.path} has no low-dimensional observations; it has: {one_of(episode.obs)}")
        return keys
    usable = low_dim_keys(episode.obs)
    unknown = [key for key in obs_keys if key not in usable]
    if unknown or not obs_keys:
        raise UserError(f"--obs-keys {' '.join(unknown)}: no such low-dimensional key in {session.path}; it has: {one_of(usable)}")
    return obs_keys


def _check_keys(session: Session, number: int, episode: Episode, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in low_dim_keys(episode.obs)]
    if missing:
        raise UserError(
            f"episode {number} of {session.path} has no low-dimensional {one_of(missing)} as the first one has; "
            "give --obs-keys that all episodes have"
        )


def _check_one_env(session: Session, rows: list[Row]) -> None:
    env_ids = {row.env_id for row in rows}
    if len(env_ids) > 1:
        raise UserError(f"{session.path} mixes environments ({one_of(env_ids)}); split it, a policy is trained for one")


def _check_one_shape(session: Session, parts: list[_Part]) -> tuple[tuple[int, ...], int]:
    """(width per key, action width), the same in all parts."""
    shapes = [(tuple(o.shape[1] for o in part.obs), part.target.shape[1]) for part in parts]
    for part, shape in zip(parts, shapes, strict=True):
        if shape != shapes[0]:
            raise UserError(
                f"{session.path} mixes widths: episode {parts[0].number} has observations {shapes[0][0]} and actions {shapes[0][1]}, "
                f"episode {part.number} {shape[0]} and {shape[1]}; split it, a policy is trained for one"
            )
    return shapes[0]


def _fingerprint(session: Session, parts: list[_Part], keys: tuple[str, ...]) -> str:
    """sha256 over the used files' names and sizes, the keys, and every observation and target that is learned from."""
    paths = {int(path.stem): path for path in session.episode_paths()}
    digest = hashlib.sha256(repr(keys).encode())
    for part in parts:
        path = paths[part.number]
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        for array in (*part.obs, part.target):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
