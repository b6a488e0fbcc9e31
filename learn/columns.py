"""Columns: what was found out about an episode's steps, in a small HDF5 file of its own beside the episodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.episode import Array
from data.errors import DamagedError, UserError
from data.files import replace_file
from data.hdf5 import DAMAGE, image_of, in_memory, read_array


def write_columns(path: Path, columns: Mapping[str, Array]) -> None:
    """Write the file, the whole or nothing; raises UserError when the disk refuses."""
    try:
        path.parent.mkdir(exist_ok=True)
        with in_memory() as file:
            for name, values in columns.items():
                file.create_dataset(name, data=values)
            replace_file(path, image_of(file))
    except OSError as error:
        raise UserError(f"{path} could not be written ({error}); free some space and give the same command again") from error


def read_columns(path: Path, names: Sequence[str], cure: str) -> dict[str, Any]:
    """The arrays of these names; raises DamagedError, which ends in what to do, where they cannot be read."""
    try:
        with in_memory(path) as file:
            return {name: read_array(file, name) for name in names}
    except DAMAGE as error:
        raise DamagedError(f"{path} cannot be read ({' '.join(str(error).split())}); {cure}") from error
