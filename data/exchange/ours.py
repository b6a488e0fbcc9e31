"""Ours: an episode of ours that lies in another tool's file, as the episode file it was, so that it is verified as one."""

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


def our_episode(name: str, attrs: Mapping[str, Any], arrays: Mapping[str, Array]) -> Episode:
    """The episode of these attributes and datasets (by their paths in the file) as the present schema keeps it.

    Every array is compared with its digest. Raises BadEpisodeError for one that is not what was written.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episode.hdf5"
        with h5py.File(path, "w") as file:
            file.attrs.update(attrs)
            for where, array in arrays.items():
                file[where] = array
        try:
            episode = read_episode(path)
        except DamagedError as error:
            why = str(error).removesuffix(f"; {CURE}").removeprefix(f"{path} is damaged ")
            raise BadEpisodeError(f"{name} is damaged {why}".replace(str(path), name)) from error
        except UserError as error:  # of a newer schema
            raise UserError(str(error).replace(str(path), name)) from error
    for version in range(episode.meta.schema_version, SCHEMA_VERSION):
        episode = STEPS[version](episode)
    return episode
