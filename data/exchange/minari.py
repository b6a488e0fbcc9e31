"""Minari: a data set's folder, or the HDF5 file in it; metadata.json beside the file says what the numbers mean.

Episodes that `data export` put there come back as they were.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data.episode import Array, Episode
from data.errors import UserError
from data.exchange.env_spec import env_in
from data.exchange.files import in_order, kind_of, listed, looking, open_hdf5, other_formats, reading
from data.exchange.foreign import BadEpisodeError, Collection, Foreign, as_rows, flags
from data.exchange.minari_layout import OURS, env_of, episode_in, is_ours
from data.exchange.spaces import Space, actions_from, boxes_in, observations_from, range_of_box
from data.hdf5 import item, names, read_array
from data.schema import Outcome

FORMAT = "minari"
DEMO_PREFIX = "demo_"  # as a packed file names them
MAIN_NAME, METADATA_NAME = "main_data.hdf5", "metadata.json"
EPISODE = re.compile(r"episode_[0-9]+")
SUCCESS_WORDS = ("success", "is_success", "task_success")  # as `teleop record` looks for them


@dataclass(frozen=True)
class _Metadata:
    """`action_space`, `observation_space`: None without metadata; then they follow from the arrays.

    `numbers`: those that the first episodes had in the session they were exported from, `masks` which of them were in which.
    """

    env_id: str = ""
    env_kwargs: Mapping[str, Any] | None = None
    action_space: Space | None = None
    observation_space: Space | None = None
    numbers: tuple[int, ...] = ()
    masks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@contextlib.contextmanager
def open_minari(path: Path) -> Iterator[Collection]:
    """Open a data set; raises UserError for what is none, and for one of another storage or with coded pictures."""
    main = _main_file(path)
    metadata = _read_metadata(main.parent / METADATA_NAME)
    with open_hdf5(main, FORMAT) as file:
        with looking(main, FORMAT):
            episodes = sorted((name for name in file if EPISODE.fullmatch(name)), key=in_order)
        if not episodes:
            raise UserError(f"{main} has no episode_0, episode_1, … but {listed(file)}; is it --from robomimic or d4rl?")
        with looking(main, FORMAT):
            first = item(file, episodes[0])
            env_id, kwargs = env_of(first) if is_ours(first) else (metadata.env_id, metadata.env_kwargs)
        groups = _named(episodes, metadata.numbers)
        masks = {mask: tuple(_demo(number) for number in numbers) for mask, numbers in metadata.masks.items()}
        note = _unit_note(metadata.action_space)

        def read(name: str) -> Foreign | Episode:
            return _read(file, name, groups[name], metadata)

        yield Collection(FORMAT, tuple(groups), read, env_id, kwargs, masks=masks, unit_note=note)


def _unit_note(space: Space | None) -> str:
    """What becomes of the actions of a set that says what they are; "" where nothing does."""
    if space is None:
        return ""
    if space.get("type") != "Box":
        counts = space.get("n", space.get("nvec", ""))
        return f"actions of {space.get('type')} {counts} became a number for each choice (the set's action space)"
    told = range_of_box(space)
    return "" if told.is_unit else str(told)


def _named(episodes: Sequence[str], numbers: Sequence[int]) -> dict[str, str]:
    """The group of each demonstration: those of ours have the name by which branches and masks know them."""
    return {_demo(numbers[i]) if i < len(numbers) else group: group for i, group in enumerate(episodes)}


def _demo(number: int) -> str:
    return f"{DEMO_PREFIX}{number}"


def _main_file(path: Path) -> Path:
    """PATH may be the data set's folder, the `data` folder in it, or the file itself."""
    if not path.is_dir():
        return path
    for folder in (path / "data", path):
        if (folder / MAIN_NAME).is_file():
            return folder / MAIN_NAME
        if (folder / METADATA_NAME).is_file():
            raise UserError(f"{path} is a Minari data set without {MAIN_NAME} (arrow storage?); store it with data_format='hdf5'")
    raise UserError(f"{path} is {kind_of(path)} without data/{MAIN_NAME}; give a Minari data set's folder; {other_formats(path)}")


def _read_metadata(path: Path) -> _Metadata:
    if not path.is_file():
        return _Metadata()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        spec = _decoded(values.get("env_spec"))
        env_id, kwargs = env_in(spec) if spec else ("", None)
        spaces = [_decoded(values.get(name)) for name in ("action_space", "observation_space")]
        if values.get("jpeg_encoding") and any(is_picture(box) for box in boxes_in(spaces[1] or {})):
            raise UserError(f"{path} says that its pictures are JPEG-coded, which is not read here; store them with jpeg_encoding=False")
        numbers, masks = _ours(values.get(OURS) or {})
        return _Metadata(env_id, kwargs, spaces[0], spaces[1], numbers, masks)
    except (ValueError, TypeError, AttributeError, LookupError, OSError) as error:
        raise UserError(f"{path} is not a Minari data set's ({error}); get a whole copy of the data set") from error


def _ours(values: Mapping[str, Any]) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """(numbers, masks) as `data export` has written them; raises ValueError where a number stands there twice."""
    numbers = tuple(int(number) for number in values.get("numbers", ()))
    masks = {str(mask): tuple(int(number) for number in held) for mask, held in values.get("masks", {}).items()}
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{OURS} names an episode twice")
    return numbers, masks


def is_picture(box: Space) -> bool:
    """Whether Minari takes an observation for a picture, to be coded where it codes any (`is_image_space`)."""
    shape = tuple(box["shape"])
    in_bytes = box["dtype"] == "uint8" and np.all(np.equal(box["low"], 0)) and np.all(np.equal(box["high"], 255))
    return bool(in_bytes and len(shape) in (2, 3) and min(shape[:2]) >= 32)


def _decoded(value: Any) -> Any:
    """Minari keeps spaces and specs as JSON in JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _read(file: h5py.File, name: str, group_name: str, metadata: _Metadata) -> Foreign | Episode:
    with reading(name):
        group = item(file, group_name)
        if is_ours(group):
            return episode_in(name, group)
        space = metadata.observation_space or _space_of(group, "observations")
        seen = observations_from(lambda path: read_array(group, path), "observations", space)
        actions = _actions(name, read_array(group, "actions"), metadata.action_space)
        for key, column in seen.items():
            if len(column) != len(actions) + 1:
                raise BadEpisodeError(
                    f"{name} has {len(actions)} actions and {len(column)} of observation {key}; Minari keeps one more of these"
                )
        return Foreign(
            obs={key: column[:-1] for key, column in seen.items()},
            actions=actions,
            rewards=read_array(group, "rewards") if "rewards" in group else None,
            final_obs={key: np.asarray(column[-1]) for key, column in seen.items()},
            outcome=_outcome(group),
            seed=_seed(group),
        )


def _space_of(group: h5py.Group, path: str) -> Space:
    """What there is, where no metadata say it: groups are Dicts, or Tuples, datasets Boxes, or Texts."""
    found = item(group, path)
    if isinstance(found, h5py.Dataset):
        return {"type": "Text" if found.dtype.hasobject else "Box"}
    parts = {member: _space_of(group, f"{path}/{member}") for member in sorted(found, key=in_order)}
    if parts and all(member.startswith("_index_") for member in parts):
        return {"type": "Tuple", "subspaces": list(parts.values())}
    return {"type": "Dict", "subspaces": parts}


def _actions(name: str, values: Array, space: Space | None) -> Array:
    if space is not None:
        return actions_from(values, space)
    if values.dtype.kind != "f":
        raise BadEpisodeError(
            f"{name} has actions that are choices ({values.dtype}); {METADATA_NAME} must lie beside the file to say of what"
        )
    return as_rows(values)


def _outcome(group: h5py.Group) -> Outcome | None:
    """Whether any step's info says success; None where none says anything."""
    for word in SUCCESS_WORDS:
        if word in names(group, "infos"):
            return Outcome.SUCCESS if flags(read_array(group, f"infos/{word}")).any() else Outcome.FAILURE
    return None


def _seed(group: h5py.Group) -> int | None:
    seed = group.attrs.get("seed")
    return int(seed) if isinstance(seed, int | np.integer) and seed >= 0 else None
