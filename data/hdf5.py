"""HDF5 that may be damaged or made to harm: only what lies in the file itself is followed, and only as much as it can hold."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

# What h5py raises for wrong bytes: trees that are not trees, groups without members, sizes beyond all memory.
DAMAGE = (AttributeError, LookupError, MemoryError, OSError, OverflowError, RuntimeError, TypeError, ValueError)
MOST_DEFLATED = 1032  # zlib's best ratio; a dataset that claims more was not written by us


def in_memory(path: Path | None = None) -> h5py.File:
    """A new file, or that at `path`, to be changed in memory: `image_of` are its bytes.

    HDF5 itself never writes to a disk here: on one that refuses it would print, and lose its composure.
    """
    return h5py.File(path or "memory", "w" if path is None else "r+", driver="core", backing_store=False, locking=False)


def image_of(file: h5py.File) -> bytes:
    file.flush()
    return bytes(file.id.get_file_image())


def item(file: h5py.File, path: str) -> h5py.Group | h5py.Dataset:
    """What lies at `path` in this very file; raises what `DAMAGE` lists. A link that leads out of it could lead anywhere."""
    found: Any = file
    for name in path.split("/"):
        if not isinstance(found, h5py.Group) or not isinstance(found.get(name, getlink=True), h5py.HardLink):
            raise KeyError(f"{path} is not in it")
        found = found[name]
    return found


def names(file: h5py.File, path: str) -> list[str]:
    """What a group holds, in order; nothing when there is no such group."""
    try:
        group = item(file, path)
    except KeyError:
        return []
    return sorted(group) if isinstance(group, h5py.Group) else []


def read_array(file: h5py.File, path: str) -> NDArray[np.generic]:
    """A dataset's values; raises what `DAMAGE` lists for what is no plain dataset of numbers in this file."""
    dataset = item(file, path)
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise TypeError(f"{path} is no plain dataset")
    if dataset.nbytes > MOST_DEFLATED * max(1, dataset.id.get_storage_size()):
        raise ValueError(f"{path} claims {dataset.nbytes} bytes")
    array = np.asarray(dataset[()])
    if array.dtype.hasobject:
        raise TypeError(f"{path} holds no numbers")
    return array
