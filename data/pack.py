"""Pack: a session, or a part of it, as one portable file in robomimic's layout."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from data import __version__
from data.catalog import Row
from data.episode import Episode
from data.episode_file import read_episode
from data.errors import UserError
from data.exchange.exporting import Target
from data.files import put_in_place, temporary_name
from data.index import env_args
from data.masks import read_masks
from data.schema import SCHEMA_VERSION, STEP_FIELDS
from data.session import Session

SUFFIX = ".hdf5"


def check_out(session: Session, out: Path, overwrite: bool) -> None:
    """Refuse a name at which there cannot, or must not, be a new file."""
    if out.suffix != SUFFIX:
        raise UserError(f"--out {out} does not end in {SUFFIX}; give a file name such as {out.with_suffix(SUFFIX)}")
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it or give another name")
    if session.contains(out):
        raise UserError(f"--out {out} is inside the session; give a name outside of {session.path}")
    if out.exists() and not overwrite:
        raise UserError(f"--out {out} exists; give another name, or --overwrite to replace it")


def check_one_env(rows: Sequence[Row]) -> None:
    """Refuse to put two environments into one file: it has room to name only one."""
    kinds = {(row.env_id, json.dumps(dict(row.env_kwargs), sort_keys=True)): row.number for row in rows}
    if len(kinds) > 1:
        held = ", ".join(f"{name} {arguments} (episode {number})" for (name, arguments), number in kinds.items())
        raise UserError(f"one file holds one env with one set of arguments, these are {held}; choose with --episodes")


def pack(session: Session, rows: Sequence[Row], out: Path, advance: Callable[[int, str], None]) -> dict[str, int]:
    """Write `rows` (one or more) of the session to `out`, whole or not at all; the length of each mask.

    Each episode is a group `data/demo_<number>` with all that its file holds, checked against its digests; one is in
    memory at a time. Raises DamagedError for an episode that does not hold what was written into it.
    """
    masks = _masks(session, rows)
    partial = temporary_name(out)
    try:
        with h5py.File(partial, "w") as file:
            file.attrs.update(_about(session, rows))
            data = file.create_group("data")
            data.attrs["total"] = sum(row.steps for row in rows)
            data.attrs["env_args"] = env_args(rows[0])
            for done, row in enumerate(rows, 1):
                _copy(session.episode_path(row.number), data.create_group(f"demo_{row.number}"))
                advance(done, f"episode {row.number}")
            for name, mask in masks.items():
                file.create_dataset(f"mask/{name}", data=np.array([f"demo_{number}" for number in mask], "S16"))
        put_in_place(partial, out)
    except (OSError, RuntimeError) as error:  # HDF5 says either when the disk is full
        raise UserError(f"--out {out} could not be written ({error}); free some space or give another name") from error
    finally:
        partial.unlink(missing_ok=True)
    return {name: len(mask) for name, mask in masks.items()}


ROBOMIMIC = Target(
    check=lambda order: check_out(order.session, order.out, order.overwrite),
    write=lambda order, advance: {"masks": pack(order.session, order.rows, order.out, advance)},
)
"""`data export --to robomimic`."""


def _about(session: Session, rows: Sequence[Row]) -> dict[str, object]:
    """The root's attributes: what this file is and what it was made from."""
    name = session.path.resolve().name
    sources = {row.origin.rpartition("#")[0] or name for row in rows}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "created_by": f"gamepad-dagger {__version__}",
        "schema_version": SCHEMA_VERSION,
        "session": name,
        "sources": json.dumps(sorted(sources)),
    }


def _masks(session: Session, rows: Sequence[Row]) -> dict[str, list[int]]:
    """The index's masks, of the packed episodes."""
    packed = {row.number for row in rows}
    split: Mapping[str, Sequence[int]] = read_masks(session.path).named()
    return {
        "success": [row.number for row in rows if row.success],
        "usable": [row.number for row in rows if row.usable],
        **{name: sorted(packed & set(mask)) for name, mask in split.items()},
    }


def _copy(path: Path, group: h5py.Group) -> None:
    """All of an episode file into a group, chunks and compression as they are."""
    episode = read_episode(path)
    with h5py.File(path, "r", locking=False) as source:
        group.attrs.update(source.attrs)
        for name in ("obs", "final_obs"):
            group.create_group(name)
        for name in _names(episode):
            source.copy(name, group, name)


def _names(episode: Episode) -> Iterator[str]:
    """Every dataset of the episode's file: those that were verified, and no others."""
    kept = [f.name for f in STEP_FIELDS if f.since <= episode.meta.schema_version]
    yield from kept
    yield from (f"obs/{key}" for key in episode.obs)
    yield from (f"final_obs/{key}" for key in episode.final_obs)
    for end, part in episode.idle.items():
        yield from (f"idle/{end}/{name}" for name in kept)
        yield from (f"idle/{end}/obs/{key}" for key in part.obs)
