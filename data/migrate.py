"""Migrate: an episode of an older schema as the present one would have kept it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.checksum import digest_of
from data.episode import Episode
from data.episode_file import read_episode, write_episode
from data.errors import DamagedError
from data.schema import SCHEMA_VERSION, Source


def migrate_file(path: Path, problems: Callable[[Path], list[str]]) -> bool:
    """Rewrite an older episode file in the present schema, in its place; whether there was anything to do.

    Every step, observation and set-aside part stays as it was. Raises DamagedError for what is not sound: a checksum
    must not be put under damage.
    """
    episode = read_episode(path)
    if episode.meta.schema_version == SCHEMA_VERSION:
        return False
    wrong = problems(path)
    if wrong:
        raise DamagedError(f"{path} is damaged ({'; '.join(wrong)}); python -m data check SESSION sets damaged episodes aside")
    for version in range(episode.meta.schema_version, SCHEMA_VERSION):
        episode = STEPS[version](episode)
    write_episode(path, episode)
    return True


def _to_2(episode: Episode) -> Episode:
    """Lateness, control mode and heading: `data.schema` says what they are where nobody measured them."""
    return replace(episode, meta=replace(episode.meta, schema_version=2))


def _to_3(episode: Episode) -> Episode:
    """Whose hands were at rest follows from the actions; a name of its own from the contents. Checksums are the writer's."""
    steps = {**episode.steps, "at_rest": hands_at_rest(episode).astype(np.uint8)}
    return replace(episode, steps=steps, meta=replace(episode.meta, schema_version=3, uid=uid_from_content(episode)))


def _to_4(episode: Episode) -> Episode:
    """What no environment said stays unsaid."""
    return replace(episode, meta=replace(episode.meta, schema_version=4))


def hands_at_rest(episode: Episode) -> NDArray[np.bool_]:
    """(T,) where a demonstrator drove and neither moved the arm nor the gripper's command."""
    actions = np.asarray(episode.steps["actions"])
    gripped = np.abs(np.diff(actions[:, -1], prepend=actions[:1, -1])) > 1e-3
    return np.asarray((episode.steps["source"] != Source.POLICY) & ~gripped & ~np.any(actions[:, :-1], axis=1))


def uid_from_content(episode: Episode) -> str:
    """The same name for the same recording, for episodes from before they had one."""
    return digest_of(np.frombuffer("".join(digest_of(episode.steps[k]) for k in ("sim_state", "actions", "time_s")).encode(), np.uint8))


STEPS: dict[int, Callable[[Episode], Episode]] = {1: _to_2, 2: _to_3, 3: _to_4}
