"""The frames a policy learns from: a session's usable steps, held once in flat arrays."""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
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
from learn.weights import BEFORE_STEPS, Kind, Kinds, Weighting, is_shown, kinds_of

# robomimic's default low-dimensional observations (robomimic/config/base_config.py, observation.modalities.obs.low_dim)
ROBOMIMIC_KEYS = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object")
OBJECT_KEY = "object"  # what a policy that sees is not told

RAM_SHARE = 0.5  # of the free memory that pictures may fill before they go to a file

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """N steps of a session: `obs` (N, D) is the keys' values side by side, `target` (N, A) what to do there.

    `images` (N, H, W, 3) uint8 by key. `episode` (N,) is the number of the episode file each row came from; `follows` (N,)
    says whether the next row is what the target led to, `kinds` (N,) what each is to learn from (None: all demonstrations).
    `fingerprint` identifies the data; `held_out` are the episodes that `data split` keeps for validation (empty: it has not
    been asked); `modes` counts the successes of each behaviour mode.
    """

    obs: Floats
    target: Floats
    episode: Ints
    follows: NDArray[np.bool_]
    obs_keys: tuple[str, ...]
    obs_dims: tuple[int, ...]
    env_id: str
    env_kwargs: Mapping[str, Any]
    fingerprint: str
    held_out: tuple[int, ...] = ()
    images: Mapping[str, Pixels] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    kinds: Kinds | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """(N,) whether a demonstrator said what to do there."""
        return np.ones(len(self), np.bool_) if self.kinds is None else is_shown(self.kinds)

    @property
    def image_shapes(self) -> tuple[tuple[int, int, int], ...]:
        return tuple((image.shape[1], image.shape[2], image.shape[3]) for image in self.images.values())

    def only(self, rows: Ints) -> "Frames":
        """These rows, in order, as if nothing else had been shown; a run breaks where rows between two of them are left out."""
        digest = hashlib.sha256(self.fingerprint.encode() + np.ascontiguousarray(rows, np.int64).tobytes())
        return replace(
            self,
            obs=self.obs[rows],
            target=self.target[rows],
            episode=self.episode[rows],
            follows=self.follows[rows] & np.append(np.diff(rows) == 1, False),
            images={key: image[rows] for key, image in self.images.items()},
            kinds=None if self.kinds is None else self.kinds[rows],
            fingerprint=digest.hexdigest(),
        )

    def run_ends(self) -> Ints:
        """(N,) the last row of each row's run: as far as a window may reach."""
        ends = np.flatnonzero(~self.follows)
        return ends[np.searchsorted(ends, np.arange(len(self)))].astype(np.int64)


def load_frames(
    session: Session,
    obs_keys: tuple[str, ...] | None = None,
    *,
    include_failures: bool = False,
    sees: bool = False,
    scratch: Path | None = None,
    weighting: Weighting = "uniform",
) -> Frames:
    """Read every usable step of `session` once.

    A step's target is its label where it has one, else the executed action where a demonstrator chose it. Failed
    episodes give only their labels, unless `include_failures`; so do, always, those that were cut short. A `weighting`
    other than uniform also learns from what the policy did in successes. `obs_keys` None takes `default_keys`; with `sees`
    the pictures of all cameras, and of the rest what is no object's place. Pictures are held once, in memory, or in a file
    in the folder `scratch` where they would fill more than half of what is free.
    Raises UserError when nothing is usable, a key is unknown, or episodes do not belong together.
    """
    rows = [row for row in session.rows() if row.teaches]
    if not rows:
        record = f"python -m teleop record --session {session.path}"
        raise UserError(f"{session.path} has no finished episode to learn from; record some: {record}")
    _check_one_env(session, rows)
    first = session.read(rows[0].number)
    image_keys = _choose_images(session, first, obs_keys) if sees else ()
    keys = _choose_keys(session, first, obs_keys, image_keys)
    parts = list(_usable_parts(session, rows, keys, include_failures, weighting))
    if not any(is_shown(part.kinds).any() for part in parts):
        raise UserError(
            f"{session.path} has no step to learn from: {len(rows)} episodes, none a success and no step labelled; "
            "record successes or give --include-failures"
        )
    obs_dims, _ = _check_one_shape(session, parts)
    target = np.concatenate([part.target for part in parts])
    obs = np.concatenate([np.concatenate(part.obs, axis=1) if keys else np.empty((len(part.target), 0), np.float32) for part in parts])
    digest = _digest(session, parts, (*keys, *image_keys), weighting)
    images = _read_images(session, parts, image_keys, scratch, digest)
    return Frames(
        obs=obs,
        target=target,
        episode=np.concatenate([np.full(len(part.target), part.number, np.int64) for part in parts]),
        follows=np.concatenate([part.follows for part in parts]),
        obs_keys=keys,
        obs_dims=obs_dims,
        env_id=rows[0].env_id,
        env_kwargs=dict(rows[0].env_kwargs),
        fingerprint=digest.hexdigest(),
        held_out=read_masks(session.path).valid,
        images=images,
        modes=Counter(row.found_mode or row.behaviour_mode for row in rows if row.success),
        kinds=np.concatenate([part.kinds for part in parts]),
    )


def check_learnable(frames: Frames, valid_fraction: float) -> None:
    """Refuse frames from which nothing can be learned, or of which nothing can be held out as it was asked for."""
    if len(frames) > 1 and np.ptp(frames.target, axis=0).max() == 0.0:
        raise UserError(f"all {len(frames)} actions are the same, there is nothing to learn; record some that move the arm")
    if len(frames) > 1 and not frames.images and np.ptp(frames.obs, axis=0).max() == 0.0:
        raise UserError(f"all {len(frames)} observations are the same, there is nothing to learn from; give other --obs-keys")
    if valid_fraction > 0.0 and len(set(frames.episode[frames.shown].tolist())) == 1:
        raise UserError(
            "there is one episode, of which nothing can be held out; record more, or give --valid-fraction 0 to learn from it alone"
        )


def split_episodes(frames: Frames, valid_fraction: float, seed: int) -> tuple[Ints, Ints]:
    """Indices of the training rows and of the validation rows; an episode is never on both sides.

    Held out is what `data split` has kept for validation, episodes that came later are all training; without a split a
    share is drawn: at least one episode when there are two or more and `valid_fraction` > 0. A single episode is all
    training and the validation rows are empty: the first round of a sitting starts from one demonstration. Validated is on
    what demonstrators showed only, so that it is the same for every weighting.
    """
    if frames.held_out and valid_fraction > 0.0:
        return _split_at(frames, np.array(frames.held_out))
    numbers = np.unique(frames.episode[frames.shown])
    wanted = max(1, round(valid_fraction * len(numbers))) if valid_fraction > 0.0 else 0
    held_out = np.random.default_rng(seed).permutation(numbers)[: min(wanted, len(numbers) - 1)]
    return _split_at(frames, held_out)


def _split_at(frames: Frames, held_out: Ints) -> tuple[Ints, Ints]:
    is_valid = np.isin(frames.episode, held_out)
    if is_valid[frames.shown].all():
        raise UserError("the split holds out every episode there is to learn from; split again: python -m data split SESSION")
    return np.flatnonzero(~is_valid).astype(np.int64), np.flatnonzero(is_valid & frames.shown).astype(np.int64)


def default_keys(obs: Mapping[str, NDArray[np.generic]]) -> tuple[str, ...]:
    """Robomimic's four low-dimensional keys when all are there, else every low-dimensional key, sorted."""
    usable = low_dim_keys(obs)
    return ROBOMIMIC_KEYS if set(ROBOMIMIC_KEYS) <= set(usable) else usable


def low_dim_keys(obs: Mapping[str, NDArray[np.generic]]) -> tuple[str, ...]:
    """Keys of an episode's observations (T, n) that are floating-point vectors, sorted."""
    return tuple(sorted(k for k, v in obs.items() if v.ndim == 2 and np.issubdtype(v.dtype, np.floating)))


def image_keys(obs: Mapping[str, NDArray[np.generic]]) -> tuple[str, ...]:
    """Keys of an episode's observations (T, H, W, 3) that are pictures, sorted."""
    return tuple(sorted(k for k, v in obs.items() if v.ndim == 4 and v.shape[-1] == 3 and v.dtype == np.uint8))


def target_of(episode: Episode, *, include_failures: bool = False) -> tuple[Floats, NDArray[np.bool_]]:
    """What to do at each step (T, A), and which of the steps (T,) may be learned from."""
    steps = episode.steps
    labels = np.asarray(steps["labels"], np.float32)
    labelled = np.asarray(~np.isnan(labels).any(axis=1))
    demonstrated = np.asarray(steps["source"]) != Source.POLICY
    if not (episode.meta.success or (include_failures and episode.meta.outcome.usable)):
        demonstrated = np.zeros_like(demonstrated)
    target = np.where(labelled[:, None], labels, np.asarray(steps["actions"], np.float32))
    return target, labelled | demonstrated


@dataclass(frozen=True)
class _Part:
    """One episode's share: `obs` holds one (n, d) array per key; `rows` (n,) are the steps of the episode that are used."""

    number: int
    obs: tuple[Floats, ...]
    target: Floats
    rows: Ints
    follows: NDArray[np.bool_]
    kinds: Kinds


def _usable_parts(
    session: Session, rows: list[Row], keys: tuple[str, ...], include_failures: bool, weighting: Weighting
) -> Iterator[_Part]:
    for number in [row.number for row in rows]:
        episode = session.read(number, keys)
        if wrong := problems(episode):
            raise UserError(f"episode {number} is damaged ({'; '.join(wrong)}); python -m data check {session.path} sets it aside")
        target, usable = target_of(episode, include_failures=include_failures)
        kinds = kinds_of(episode)
        if weighting != "uniform" and episode.meta.success:
            usable |= ~is_shown(kinds)
        if not usable.any():
            continue
        _check_keys(session, number, episode, keys)
        at = np.flatnonzero(usable).astype(np.int64)
        obs = tuple(np.asarray(episode.obs[k], np.float32)[usable] for k in keys)
        follows = _follows(episode, target, at)
        if weighting == "sirius":  # never drawn, so never the end of a window either
            follows &= np.append(kinds[at[1:]] != Kind.BEFORE, False)
        yield _Part(number, obs, target[usable], at, follows, kinds[usable])


def _follows(episode: Episode, target: Floats, at: Ints) -> NDArray[np.bool_]:
    """Whether the next used step is the next of the episode, and what led to it was the target itself."""
    executed = np.asarray(episode.steps["actions"], np.float32)[at]
    went_so = (executed == target[at]).all(axis=1)
    return np.asarray(np.append(np.diff(at) == 1, False) & went_so)


def _choose_images(session: Session, episode: Episode, obs_keys: tuple[str, ...] | None) -> tuple[str, ...]:
    seen = image_keys(episode.obs)
    if not seen:
        raise UserError(f"{session.path} has no camera pictures to learn from; record with --cameras front wrist, or train bc, moe or flow")
    return seen if obs_keys is None else tuple(key for key in seen if key in obs_keys) or seen


def _choose_keys(session: Session, episode: Episode, obs_keys: tuple[str, ...] | None, seen: tuple[str, ...]) -> tuple[str, ...]:
    usable = low_dim_keys(episode.obs)
    if obs_keys is None:
        keys = tuple(key for key in default_keys(episode.obs) if not (seen and key == OBJECT_KEY))
        if not keys and not seen:
            raise UserError(f"{session.path} has no low-dimensional observations; it has: {one_of(episode.obs)}")
        return keys
    asked = tuple(key for key in obs_keys if key not in seen)
    unknown = [key for key in asked if key not in usable]
    if unknown or not (asked or seen):
        raise UserError(f"--obs-keys {' '.join(unknown)}: no such low-dimensional key in {session.path}; it has: {one_of(usable)}")
    return asked


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


def _read_images(
    session: Session, parts: Sequence[_Part], keys: tuple[str, ...], scratch: Path | None, digest: "hashlib._Hash"
) -> dict[str, Pixels]:
    """Each key's pictures (N, H, W, 3), read episode by episode into their place."""
    if not keys:
        return {}
    count, at = sum(len(part.rows) for part in parts), 0
    held: dict[str, Pixels] = {}
    for part in parts:
        obs = session.read(part.number, keys).obs
        for key in keys:
            if key not in obs:
                raise UserError(
                    f"episode {part.number} of {session.path} has no {key} as the first one has; record with the same --cameras"
                )
            pictures = obs[key]
            if key not in held:
                bytes_each = int(np.prod(pictures.shape[1:], dtype=np.int64))
                held[key] = _room((count, *pictures.shape[1:]), count * bytes_each * len(keys), scratch)
            if pictures.shape[1:] != held[key].shape[1:]:
                raise UserError(
                    f"{session.path} mixes sizes of {key}: episode {part.number} has {pictures.shape[1:]}, others {held[key].shape[1:]}"
                )
            held[key][at : at + len(part.rows)] = pictures[part.rows]
            digest.update(held[key][at : at + len(part.rows)].data)
        at += len(part.rows)
    return held


def _room(shape: tuple[int, ...], in_all: int, scratch: Path | None) -> Pixels:
    """An array in memory; in a file that goes with the process where `in_all` bytes are much of the free memory."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    if scratch is None or not free or in_all < RAM_SHARE * free:
        return np.empty(shape, np.uint8)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _digest(session: Session, parts: list[_Part], keys: tuple[str, ...], weighting: Weighting) -> "hashlib._Hash":
    """sha256 over the used files' names and sizes, the keys, the weighting where steps do not all count the same, and every
    observation and target that is learned from.
    """
    paths = {int(path.stem): path for path in session.episode_paths()}
    digest = hashlib.sha256(repr(keys).encode())
    if weighting != "uniform":
        digest.update(f"{weighting} {BEFORE_STEPS}\n".encode())
    for part in parts:
        path = paths[part.number]
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        for array in (*part.obs, part.target):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest
