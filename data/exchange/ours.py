"""Ours: an episode of ours that lies in another tool's file, verified as an episode file is, in the present schema."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from data.episode import Array, Episode
from data.episode_file import CURE, read_episode
from data.errors import DamagedError, UserError
from data.exchange.foreign import BadEpisodeError
from data.migrate import STEPS
from data.schema import SCHEMA_VERSION


def our_file(name: str, path: Path) -> Episode:
    """The episode in a file of ours, every array compared with its digest.

    Raises BadEpisodeError for one that is not what was written, which is called `name` there.
    """
    try:
        return current(read_episode(path))
    except DamagedError as error:
        why = str(error).removesuffix(f"; {CURE}").removeprefix(f"{path} is damaged ")
        raise BadEpisodeError(f"{name} is damaged {why}".replace(str(path), name)) from error
    except UserError as error:  # of a newer schema
        raise UserError(str(error).replace(str(path), name)) from error


def our_episode(name: str, attrs: Mapping[str, Any], arrays: Mapping[str, Array]) -> Episode:
    """As `our_file`, of attributes and datasets (by their paths in the file) that another tool has kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.hdf5"
        with h5py.File(path, "w") as file:
            file.attrs.update(attrs)
            for where, array in arrays.items():
                file[where] = array
        return our_file(name, path)


def our_group(name: str, group: h5py.Group) -> Episode:
    """As `our_file`, of a group that has all of an episode file in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.hdf5"
        with h5py.File(path, "w") as file:
            file.attrs.update(group.attrs)
            for member in group:
                group.copy(member, file)
        return our_file(name, path)


def current(episode: Episode) -> Episode:
    """An episode as the present schema has it."""
    for version in range(episode.meta.schema_version, SCHEMA_VERSION):
        episode = STEPS[version](episode)
    return episode
