"""robomimic: its HDF5 files, robosuite's and MimicGen's, which are the same, and our own sessions and packed files."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data.episode import Array, Episode
from data.errors import UserError
from data.exchange.files import in_order, listed, looking, open_hdf5, reading, text_of
from data.exchange.foreign import FIELDS, BadEpisodeError, Collection, Foreign, as_observation
from data.exchange.ours import our_file, our_group
from data.hdf5 import DAMAGE, item, names, read_array
from data.schema import Outcome

FORMAT = "robomimic"
DEMO = re.compile(r"demo_[0-9]+")
MASKS = ("train", "valid")
OURS = ("schema_version", "outcome", "env_id")  # attributes that only an episode of ours has


@contextlib.contextmanager
def open_robomimic(path: Path) -> Iterator[Collection]:
    """Open `data/demo_<int>`; raises UserError for a file that has none."""
    with open_hdf5(path, FORMAT) as file:
        with looking(path, FORMAT):
            demos = sorted((name for name in _members(file) if DEMO.fullmatch(name)), key=in_order)
            if not demos:
                raise UserError(f"{path} has no data/demo_0, data/demo_1, … but {listed(file)}; is it --from minari or d4rl?")
            env_id, kwargs = _env_of(file["data"])
            masks = {name: _mask(file, name) for name in MASKS}
        rate = kwargs.get("control_freq") if kwargs else None
        hz = float(rate) if isinstance(rate, int | float) and rate > 0 else None
        yield Collection(FORMAT, tuple(demos), lambda name: _read(path, file, name), env_id, kwargs, hz, masks)


def _members(file: h5py.File) -> list[str]:
    """Also links: `session.hdf5` is made of them."""
    return list(file["data"]) if isinstance(file.get("data"), h5py.Group) else []


def _env_of(data: h5py.Group) -> tuple[str, dict[str, Any] | None]:
    """(name, arguments) of the environment; robosuite's own recordings have them in `env` and `env_info`."""
    if "env_args" not in data.attrs:
        info = json.loads(text_of(data, "env_info") or "null")
        return text_of(data, "env"), info if isinstance(info, dict) else None
    args = json.loads(text_of(data, "env_args"))
    return str(args.get("env_name") or ""), dict(args.get("env_kwargs") or {})


def _mask(file: h5py.File, name: str) -> tuple[str, ...]:
    """The demonstrations of a filter key; none where it is missing or no list of names."""
    with contextlib.suppress(*DAMAGE):
        return tuple(demo.decode() for demo in read_array(file, f"mask/{name}").tolist())
    return ()


def _read(path: Path, file: h5py.File, name: str) -> Foreign | Episode:
    with reading(name):
        link = file["data"].get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            return our_file(name, _linked(path, link))
        group = item(file, f"data/{name}")
        if all(attribute in group.attrs for attribute in OURS):
            return our_group(name, group)
        return _foreign(name, group)


def _linked(path: Path, link: h5py.ExternalLink) -> Path:
    """The episode file of `session.hdf5`; a link that leads out of its folder could lead anywhere."""
    folder = path.parent.resolve()
    target: Path = (folder / link.filename).resolve()
    if not target.is_relative_to(folder) or link.path != "/":
        raise ValueError(f"it is a link to {link.filename}, which is not an episode of its session")
    return target


def _foreign(name: str, group: h5py.Group) -> Foreign:
    keys = names(group, "obs")
    found = {member: read_array(group, member) for member in group if member in FIELDS}
    if "actions" not in found:
        raise BadEpisodeError(f"{name} has no actions; it has {listed(group)}")
    obs = {key: as_observation(read_array(group, f"obs/{key}"), flat=False) for key in keys}
    success = group.attrs.get("success")
    return Foreign(
        obs=obs,
        actions=found["actions"],
        rewards=found.get("rewards"),
        final_obs=_final_obs(group, obs),
        columns=found,
        outcome=None if success is None else Outcome.SUCCESS if success else Outcome.FAILURE,
        model_xml=text_of(group, "model_file"),
        about={"ep_meta": text_of(group, "ep_meta")} if "ep_meta" in group.attrs else {},
    )


def _final_obs(group: h5py.Group, obs: Mapping[str, Array]) -> dict[str, Array] | None:
    """The last row of each of `next_obs`, where that has all the keys."""
    if not set(obs) <= set(names(group, "next_obs")):
        return None
    last = {key: as_observation(read_array(group, f"next_obs/{key}"), flat=False)[-1:] for key in obs}
    return {key: np.asarray(rows[0]) for key, rows in last.items()} if all(len(rows) for rows in last.values()) else None
