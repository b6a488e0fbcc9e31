"""Motion: a session's episodes as states that follow each other, with the actions between them or, where asked, never looked at."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.catalog import Row
from data.episode import Array, Episode
from data.errors import UserError, one_of
from data.masks import read_masks
from data.schema import EpisodeMeta
from data.session import Session
from learn.dataset import Floats, Frames, low_dim_keys
from learn.weights import LABELLED_BY


@dataclass(frozen=True)
class Recording:
    """An episode without its actions: `states[key]` (T+1, n) is the observation before each of T steps and at the end.

    `sim_state` (T+1, S) likewise, with S = 0 where nobody kept it; `steps` are the other columns that say nothing of the actions.
    """

    meta: EpisodeMeta
    states: Mapping[str, Floats]
    sim_state: NDArray[np.float64]
    steps: Mapping[str, Array]
    obs: Mapping[str, Array]
    final_obs: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.sim_state) - 1

    def flat(self, keys: tuple[str, ...]) -> Floats:
        """(T+1, D) the keys' values side by side."""
        return np.concatenate([self.states[key] for key in keys], axis=1)


SAYS_NOTHING = ("rewards", "dones", "states", "sim_state", "time_s", "lateness_s")  # of the actions; all other columns may


def hide_actions(episode: Episode) -> Recording:
    """What is left of an episode when nobody looks at its actions, sticks, labels and proposals."""
    keys = low_dim_keys(episode.obs)
    states = {k: np.concatenate([episode.obs[k], np.asarray(episode.final_obs[k])[None]]).astype(np.float32) for k in keys}
    steps = {name: episode.steps[name] for name in SAYS_NOTHING}
    sim_state = np.asarray(episode.steps["sim_state"], np.float64)
    return Recording(episode.meta, states, sim_state, steps, episode.obs, episode.final_obs)


def load_motion(session: Session, obs_keys: tuple[str, ...] = (), *, actions: bool = True) -> Frames:
    """Every usable episode of `session`, failures too: T+1 rows each, the last is where its last step led (`follows` False).

    A row's target (A,) is the executed action, whoever chose it, NaN in the last row; without `actions` it is of width 0 and
    no action is looked at. `obs_keys` empty takes every low-dimensional key. Raises UserError where nothing is usable,
    keys are missing, values are not finite or episodes do not belong together.
    """
    rows = _usable_rows(session)
    parts: list[tuple[int, Floats, Floats]] = []
    keys, dims = obs_keys or low_dim_keys(session.read(rows[0].number).obs), ()  # type: tuple[str, ...], tuple[int, ...]
    for row in rows:
        episode = session.read(row.number, keys)  # no pictures
        recording = hide_actions(episode)
        _check_keys(session, row.number, recording, keys)
        here = tuple(recording.states[key].shape[1] for key in keys)
        dims = dims or here
        target = _executed(session, row.number, episode) if actions else np.empty((len(recording), 0), np.float32)
        if here != dims or (parts and target.shape[1] != parts[0][2].shape[1]):
            raise UserError(
                f"{session.path} mixes widths: episode {row.number} has observations {here} and actions {target.shape[1]}, the first "
                f"one others; split it, a model is trained for one"
            )
        states = recording.flat(keys)
        _check_finite(session, row.number, states)
        parts.append((row.number, states, np.concatenate([target, np.full((1, target.shape[1]), np.nan, np.float32)])))
    return _frames(session, rows[0], keys, dims, parts)


def recordings(session: Session, numbers: list[int]) -> Iterator[tuple[int, Recording]]:
    """The episodes of these numbers, with their actions hidden; finite states only."""
    for number in numbers:
        recording = hide_actions(session.read(number))
        _check_keys(session, number, recording, tuple(recording.states))
        _check_finite(session, number, recording.flat(tuple(recording.states)), recording.sim_state)
        yield number, recording


def _usable_rows(session: Session) -> list[Row]:
    rows = [row for row in session.rows() if row.usable]
    if not rows:
        record = f"python -m teleop record --session {session.path}"
        raise UserError(f"{session.path} has no finished episode to learn from; record some: {record}")
    ids = {row.env_id for row in rows}
    if len(ids) > 1:
        raise UserError(f"{session.path} mixes environments ({one_of(ids)}); split it, dynamics are learned of one")
    return rows


def _executed(session: Session, number: int, episode: Episode) -> Floats:
    if LABELLED_BY in episode.meta.settings:
        raise UserError(
            f"{session.path} has no actions of its own, its labels were inferred; train on the session that the model came from"
        )
    actions = np.asarray(episode.steps["actions"], np.float32)
    _check_finite(session, number, actions)
    return actions


def _check_keys(session: Session, number: int, recording: Recording, keys: tuple[str, ...]) -> None:
    if not recording.states:
        raise UserError(f"episode {number} of {session.path} has no low-dimensional observations; it has: {one_of(recording.obs)}")
    missing = [key for key in keys if key not in recording.states]
    if missing:
        raise UserError(
            f"episode {number} of {session.path} has no low-dimensional {one_of(missing)}; it has: {one_of(recording.states)}; "
            "give other --obs-keys"
        )


def _check_finite(session: Session, number: int, *arrays: NDArray[np.floating[Any]]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise UserError(
            f"episode {number} is damaged (it has values that are not finite); python -m data check {session.path} sets it aside"
        )


def _frames(session: Session, row: Row, keys: tuple[str, ...], dims: tuple[int, ...], parts: list[tuple[int, Floats, Floats]]) -> Frames:
    digest = hashlib.sha256(repr((keys, dims)).encode())
    for _, states, target in parts:
        digest.update(np.ascontiguousarray(states).tobytes() + np.ascontiguousarray(target).tobytes())
    return Frames(
        obs=np.concatenate([states for _, states, _ in parts]),
        target=np.concatenate([target for _, _, target in parts]),
        episode=np.concatenate([np.full(len(states), number, np.int64) for number, states, _ in parts]),
        follows=np.concatenate([np.arange(len(states)) < len(states) - 1 for _, states, _ in parts]),
        obs_keys=keys,
        obs_dims=dims,
        env_id=row.env_id,
        env_kwargs=dict(row.env_kwargs),
        fingerprint=digest.hexdigest(),
        held_out=read_masks(session.path).valid,
    )
