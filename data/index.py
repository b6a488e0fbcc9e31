"""Index: `session.hdf5`, robomimic's view of a session. Derived from the episode files, replaced whole, never the truth."""

import contextlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from data.catalog import Row
from data.files import replace_file
from data.hdf5 import DAMAGE, image_of, in_memory, names, read_array

INDEX_NAME = "session.hdf5"
OURS = ("usable", "success")  # masks that follow from the episodes; others are kept
CONTENT = "content"


def is_current(path: Path, rows: Iterable[Row], masks: Mapping[str, Sequence[int]]) -> bool:
    """Whether the index lists exactly these episodes, under these masks."""
    with contextlib.suppress(*DAMAGE), h5py.File(path, "r", locking=False) as index:
        rows = list(rows)
        listed = set(names(index, "data")) == {f"demo_{row.number}" for row in rows}
        return listed and int(index.attrs[CONTENT]) == _content(rows, masks) and {*OURS, *masks} <= set(names(index, "mask"))
    return False


def write_index(path: Path, rows: Iterable[Row], masks: Mapping[str, Sequence[int]]) -> None:
    """Write the index anew; masks that others have put into the old one are kept, of the episodes still there."""
    rows = list(rows)
    numbers = {row.number for row in rows}
    named = {**_foreign_masks(path, numbers), **{name: [n for n in mask if n in numbers] for name, mask in masks.items()}}
    with in_memory() as index:
        index.create_group("data").attrs["total"] = 0
        for name in OURS:
            index.create_dataset(f"mask/{name}", shape=(0,), maxshape=(None,), dtype="S16", chunks=(1024,))
        for row in rows:
            _list(index, row)
        for name, mask in named.items():
            index.create_dataset(f"mask/{name}", data=np.array([f"demo_{n}" for n in sorted(mask)], "S16"))
        index.attrs[CONTENT] = _content(rows, masks)
        replace_file(path, image_of(index), durable=False)


def extend_index(path: Path, row: Row) -> None:
    """One more episode, in a copy: a crash leaves the old index whole, and nobody who reads it is disturbed.

    Raises what `DAMAGE` lists when there is no index that can be gone on with.
    """
    with in_memory(path) as index:
        _list(index, row)
        index.attrs[CONTENT] = (int(index.attrs[CONTENT]) + _weight(row)) % 2**48
        replace_file(path, image_of(index), durable=False)


def env_args(row: Row) -> str:
    """robomimic's JSON that says how to make the environment; type 2 is its EnvType.GYM_TYPE."""
    return json.dumps({"env_name": row.env_id, "type": 2, "env_kwargs": dict(row.env_kwargs), "env_version": row.teleop})


def _list(index: h5py.File, row: Row) -> None:
    data, name = index["data"], f"demo_{row.number}"
    data[name] = h5py.ExternalLink(f"episodes/{row.number:06d}.hdf5", "/")
    data.attrs["total"] = int(data.attrs["total"]) + row.steps
    data.attrs["env_args"] = env_args(row)
    if row.usable:
        _push(index["mask/usable"], name)
    if row.success:
        _push(index["mask/success"], name)


def _push(mask: h5py.Dataset, name: str) -> None:
    mask.resize((mask.shape[0] + 1,))
    mask[-1] = np.bytes_(name)


def _content(rows: Iterable[Row], masks: Mapping[str, Sequence[int]]) -> int:
    """A sum that grows with every row, so that one more episode does not mean looking at all."""
    return (sum(map(_weight, rows)) + zlib.crc32(json.dumps({k: sorted(v) for k, v in masks.items()}, sort_keys=True).encode())) % 2**48


def _weight(row: Row) -> int:
    return zlib.crc32(f"{row.number} {row.outcome} {row.steps} {row.env_id}".encode())


def _foreign_masks(path: Path, numbers: set[int]) -> dict[str, list[int]]:
    """Masks that are neither ours nor `split`'s, robomimic's own scripts' say."""
    masks: dict[str, list[int]] = {}
    with contextlib.suppress(*DAMAGE), h5py.File(path, "r", locking=False) as index:
        for name in names(index, "mask"):
            if name not in (*OURS, "train", "valid"):
                listed = [int(demo.decode().removeprefix("demo_")) for demo in read_array(index, f"mask/{name}").tolist()]
                masks[name] = [number for number in listed if number in numbers]
    return masks
