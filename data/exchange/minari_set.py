"""Minari set: a session as a Minari data set, `FOLDER/data/` with the main file and its metadata."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data import __version__
from data.catalog import Row
from data.episode import Array, Episode
from data.episode_file import write_array
from data.errors import UserError
from data.exchange.env_spec import spec_of
from data.exchange.exporting import Order, Progress, Target, check_folder, new_folder
from data.exchange.foreign import UNKNOWN_SEED
from data.exchange.minari import MAIN_NAME, METADATA_NAME, is_picture
from data.exchange.minari_layout import OURS, arrays_of, attributes, is_flat
from data.exchange.spaces import Space, boxes_in
from data.masks import read_masks
from data.selection import counted

ROOT = "MINARI_DATASETS_PATH"
DATASET_ID = re.compile(r"(?:[-\w][-\w/]*[-\w]+/)?[-\w]+-v[0-9]+")
VERSION, RAW_PICTURES_SINCE = "0.5.0", "0.5.4"  # an older Minari takes every picture for a JPEG


def dataset_id(order: Order) -> str:
    """The name by which `minari.load_dataset` finds it: what was asked for, else its place in Minari's folder, else the folder's.

    Raises UserError for what is no such name, and for another one than its place there says.
    """
    out, root = order.out.resolve(), Path(os.environ.get(ROOT) or Path.home() / ".minari" / "datasets").resolve()
    place = out.relative_to(root).as_posix() if root in out.parents else ""
    name = order.name or place or _with_version(re.sub(r"[^-\w]+", "-", out.name))
    option = "--name" if order.name else "--out"
    if not DATASET_ID.fullmatch(name):
        raise UserError(
            f"{option} {name!r} is not a name for Minari; give one such as lift-v0 or panda/lift-v0: letters, digits, a version"
        )
    if place and name != place:
        raise UserError(f"--name {name}: Minari would look for it at {root / name}; give that as --out, or --name {place}")
    return name


def _with_version(name: str) -> str:
    return name if re.search(r"-v[0-9]+$", name) else f"{name}-v0"


def _write(order: Order, advance: Progress) -> dict[str, Any]:
    """One episode in memory at a time. Raises DamagedError for one that is not what was written, UserError where they differ."""
    name = dataset_id(order)
    first: tuple[Space, Space] | None = None
    with new_folder(order.out) as folder:
        (folder / "data").mkdir()
        with _new_file(folder / "data" / MAIN_NAME) as file:
            for index, row in enumerate(order.rows):
                episode = order.session.read(row.number)
                spaces = _spaces(episode)
                first = first or spaces
                if spaces != first:
                    raise UserError(
                        f"episode {row.number} has other observations or actions than episode {order.rows[0].number}, and a Minari data "
                        "set is of one kind; choose with --episodes"
                    )
                _add(file.create_group(f"episode_{index}"), index, episode, order.session.episode_path(row.number))
                advance(index + 1, f"episode {row.number}")
        metadata = _metadata(order, name, *spaces, flat=is_flat(episode))
        size = (folder / "data" / MAIN_NAME).stat().st_size
        (folder / "data" / METADATA_NAME).write_text(json.dumps(metadata | {"dataset_size": round(size / 1e6, 1)}), encoding="utf-8")
    return {"id": name}


def _check(order: Order) -> None:
    check_folder(order, f"data/{METADATA_NAME}")
    dataset_id(order)


MINARI = Target(_check, _write)
"""`data export --to minari`."""


@contextmanager
def _new_file(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file; a full disk, of which HDF5 says a RuntimeError when it closes, becomes an OSError."""
    try:
        with h5py.File(path, "w") as file:
            yield file
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _add(group: h5py.Group, index: int, episode: Episode, path: Path) -> None:
    """An episode and the attributes of its file, which is at `path`."""
    for where, array in arrays_of(episode).items():
        write_array(group, where, array)
    with h5py.File(path, "r", locking=False) as source:
        group.attrs.update(attributes(source.attrs))
    group.attrs.update({"id": index, "total_steps": len(episode)})
    if episode.meta.seed != UNKNOWN_SEED:
        group.attrs["seed"] = episode.meta.seed


def _spaces(episode: Episode) -> tuple[Space, Space]:
    """(of the observations, of the actions)."""
    boxes = {key: _box(column) for key, column in sorted(episode.obs.items())}
    width = episode.steps["actions"].shape[1:]
    seen = next(iter(boxes.values())) if is_flat(episode) else {"type": "Dict", "subspaces": boxes}
    return seen, _bounded("float32", width, -1.0, 1.0)


def _box(column: Array) -> Space:
    """Pictures from 0 to 255, other whole numbers as far as their type goes, anything else without bounds."""
    kind, shape = np.dtype(column.dtype), column.shape[1:]
    if kind.kind in "iu":
        limits = np.iinfo(kind.name)
        return _bounded(str(kind), shape, int(limits.min), int(limits.max))
    return _bounded(str(kind), shape, *((False, True) if kind.kind == "b" else (-np.inf, np.inf)))


def _bounded(dtype: str, shape: Sequence[int], low: float, high: float) -> Space:
    bounds = {side: np.full(shape, value, object).tolist() for side, value in (("low", low), ("high", high))}
    return {"type": "Box", "dtype": dtype, "shape": list(shape), **bounds}


def _metadata(order: Order, name: str, observations: Space, actions: Space, *, flat: bool) -> dict[str, Any]:
    first, numbers = order.rows[0], [row.number for row in order.rows]
    spec = spec_of(first.env_id, first.env_kwargs, flat=flat)
    coded = any(is_picture(box) for box in boxes_in(observations))
    masks = {mask: sorted(set(held) & set(numbers)) for mask, held in read_masks(order.session.path).named().items()}
    return {
        "total_episodes": len(numbers),
        "total_steps": sum(row.steps for row in order.rows),
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps(observations),
        "action_space": json.dumps(actions),
        **({"env_spec": spec, "requirements": _requirements(order)} if spec else {}),
        "dataset_id": name,
        "minari_version": RAW_PICTURES_SINCE if coded else VERSION,
        "author": sorted({row.operator for row in order.rows}),
        "algorithm_name": "DAgger" if any(row.dagger_round >= 0 for row in order.rows) else "demonstration",
        "description": _description(order.rows),
        OURS: {"version": __version__, "numbers": numbers, "masks": masks},
    }


def _requirements(order: Order) -> list[str]:
    """What `recover_environment` needs: this package, and the simulator that recorded."""
    mujoco = order.session.read(order.rows[0].number, keys=()).meta.versions.get("mujoco", "")
    return ["gamepad-dagger", *([f"mujoco=={mujoco}"] if mujoco else [])]


def _description(rows: Sequence[Row]) -> str:
    outcomes: Mapping[str, int] = {str(row.outcome): sum(other.outcome == row.outcome for other in rows) for row in rows}
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return (
        f"{counted(len(rows))} of {rows[0].env_id} ({said}), recorded with gamepad-dagger. Actions are what was executed, in [-1, 1]. "
        "infos has, for each observation, who drove, labels, what the policy proposed, the gate's doubt and exact simulator states."
    )
