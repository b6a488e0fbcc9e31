"""Aside: what LeRobot's columns do not hold of our episodes, in `meta/gamepad_dagger/`, so that they come back whole.

`frames.parquet` has a row a frame and a row group an episode, in LeRobot's order; `rest.parquet` the arrays that have no row a
frame (what was seen at the end, the simulator's last state, idle ends); `episodes.parquet` the attributes, and the digest of
every array of an episode. An episode is ours again only where all of them fit what LeRobot's columns hold by now.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.checksum import digest_of
from data.episode import Array, Episode, Part
from data.exchange.lerobot.folder import inside
from data.exchange.lerobot.names import Layout
from data.exchange.lerobot.tables import Sheet, Table, array_of, column_of, table_of
from data.exchange.ours import current
from data.masks import Masks
from data.schema import STEP_FIELDS, EpisodeMeta

FOLDER = "meta/gamepad_dagger"
ABOUT, FRAMES, REST, EPISODES = "about.json", "frames.parquet", "rest.parquet", "episodes.parquet"
FORMAT = 1
LAST_STATE = "sim_state/last"
KEPT = ("number", "length", "env_id", "control_hz", "task", "attributes", "digests")
AT_ONCE = 50  # rows about episodes in a row group
KINDS = "fiub"
LOSSY = "lossy_pictures"  # in an episode's settings: the codec that its pictures went through, by key


# -- writing -------------------------------------------------------------------------------------------------------


class AsideWriter:
    """Keeps episode after episode; `close` writes the rest."""

    def __init__(self, folder: Path, layout: Layout, masks: Masks) -> None:
        self._folder, self._layout, self._masks = folder / FOLDER, layout, masks
        self._frames, self._rest, self._episodes = (Sheet(self._folder / name, "zstd") for name in (FRAMES, REST, EPISODES))
        self._columns: dict[str, tuple[str, tuple[int, ...]]] | None = None
        self._waiting: list[dict[str, Any]] = []
        self._numbers: set[int] = set()

    def add(self, number: int, index: int, first_frame: int, episode: Episode, task: str) -> None:
        """Episode `number` of the session as the data set's `index`, `task` as LeRobot is told it."""
        arrays = dict(arrays_of(episode))
        digests = {name: digest_of(array) for name, array in arrays.items()}
        rows = _rows(arrays, len(episode), self._layout)
        if self._columns is None:
            self._columns = {name: (column.dtype.str, column.shape[1:]) for name, column in rows.items()}
        fits = {name: rows[name] for name, spec in self._columns.items() if _spec(rows.get(name)) == spec}
        who = {"episode_index": index, "uid": episode.meta.uid}
        self._frames.add(_frames_table(who, first_frame, len(episode), self._columns, fits))
        left = {name: array for name, array in arrays.items() if name not in fits and not self._layout.holds(name)}
        if "sim_state" in fits:
            left = {k: v for k, v in left.items() if k != "sim_state"} | {LAST_STATE: arrays["sim_state"][-1:]}
        self._rest.add(_rest_table(who, left))
        self._waiting.append({**who, **_facts(episode, number, task), "digests": json.dumps(digests)})
        self._numbers.add(number)
        if len(self._waiting) == AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        for sheet in (self._frames, self._rest, self._episodes):
            sheet.close()
        named = {name: sorted(self._numbers & set(mask)) for name, mask in self._masks.named().items()}
        columns = {name: {"dtype": dtype, "shape": list(shape)} for name, (dtype, shape) in (self._columns or {}).items()}
        values = {"format": FORMAT, "columns": columns, "keys": self._layout.pictures, "masks": named}
        (self._folder / ABOUT).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    def abandon(self) -> None:
        for sheet in (self._frames, self._rest, self._episodes):
            sheet.abandon()

    def _flush(self) -> None:
        if self._waiting:
            self._episodes.add(table_of(self._waiting))
            self._waiting = []


def arrays_of(episode: Episode) -> Iterator[tuple[str, Array]]:
    """Every array of an episode by the name that it has in an episode file."""
    yield from episode.steps.items()
    yield from ((f"obs/{key}", array) for key, array in episode.obs.items())
    yield from ((f"final_obs/{key}", np.asarray(array)) for key, array in episode.final_obs.items())
    for end, part in episode.idle.items():
        yield from ((f"idle/{end}/{name}", array) for name, array in part.steps.items())
        yield from ((f"idle/{end}/obs/{key}", array) for key, array in part.obs.items())


def _rows(arrays: Mapping[str, Array], count: int, layout: Layout) -> dict[str, Array]:
    """The arrays that have a row a frame, of numbers that parquet knows, and that LeRobot's columns do not hold."""
    columns = {name: array for name, array in arrays.items() if name.startswith("obs/") or "/" not in name}
    mine = {name: array[:count] for name, array in columns.items() if not layout.holds(name) and array.size}
    return {name: rows for name, rows in mine.items() if rows.dtype.kind in KINDS and rows.dtype != np.float16}


def _spec(column: Array | None) -> tuple[str, tuple[int, ...]] | None:
    return None if column is None else (column.dtype.str, column.shape[1:])


def _frames_table(
    who: Mapping[str, Any], first: int, count: int, columns: Mapping[str, tuple[str, tuple[int, ...]]], rows: Mapping[str, Array]
) -> Any:
    """Columns that this episode has otherwise than the first one are zeros here, and lie in the rest."""
    import pyarrow as pa

    table = {"index": pa.array(np.arange(first, first + count)), "frame_index": pa.array(np.arange(count))}
    table |= {name: pa.array([value] * count) for name, value in who.items()}
    for name, (dtype, shape) in columns.items():
        table[name] = column_of(rows.get(name, np.zeros((count, *shape), dtype)))
    return pa.table(table)


def _rest_table(who: Mapping[str, Any], arrays: Mapping[str, Array]) -> Any:
    import pyarrow as pa

    names = {"episode_index": pa.int64(), "uid": pa.string(), "name": pa.string(), "dtype": pa.string()}
    schema = pa.schema([*names.items(), ("shape", pa.list_(pa.int64())), ("data", pa.large_binary())])
    rows = [
        {**who, "name": name, "dtype": array.dtype.str, "shape": list(array.shape), "data": np.ascontiguousarray(array).tobytes()}
        for name, array in arrays.items()
    ]
    return table_of(rows, schema)


def _facts(episode: Episode, number: int, task: str) -> dict[str, Any]:
    """What one may want to know of an episode without reading it, and all its attributes."""
    meta = episode.meta
    attrs = meta.to_attrs()
    model = attrs.pop("model_xml")
    shown = {name: attrs[name] for name in ("outcome", "seed", "behaviour_mode", "found_mode", "operator", "env_id")}
    return {
        "number": number,
        "length": len(episode),
        **shown,
        "control_hz": float(meta.control_hz),
        "task": task,
        "attributes": json.dumps(attrs),
        "model_xml": model,
    }


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What is known of an episode: its `number` in its session, the `task` that LeRobot was told."""

    number: int
    length: int
    env_id: str
    env_kwargs: Mapping[str, Any]
    control_hz: float
    task: str
    attributes: Mapping[str, Any]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Aside:
    """An open side folder; `episodes` by their index in the data set, `keys` has our key of each camera's feature."""

    frames: Table
    rest: Table
    models: Table
    columns: Mapping[str, tuple[str, tuple[int, ...]]]
    keys: Mapping[str, str]
    masks: Mapping[str, tuple[int, ...]]
    episodes: Mapping[int, Kept]

    def kept(self, index: int) -> Kept | None:
        """What it says of the data set's episode `index`; None where it knows none."""
        return self.episodes.get(index)

    def episode(self, index: int, held: Mapping[str, Array], lossy: Mapping[str, str], task: str) -> Episode:
        """Episode `index`, with the arrays `held` by LeRobot's columns; `lossy` has the codec of each key that was a film.

        Raises ValueError or LookupError where they are not those that it was made of.
        """
        kept = self.episodes[index]
        found = {**held, **self._frames(index, kept.length), **self._rest(index)}
        if LAST_STATE in found:
            found["sim_state"] = np.concatenate([found["sim_state"], found.pop(LAST_STATE)])
        for name, digest in kept.digests.items():
            if name.removeprefix("obs/") not in lossy and digest_of(found[name]) != digest:
                raise ValueError(f"{name} is another one")
        episode = current(_assembled(self._meta(index), {name: found[name] for name in kept.digests}))
        settings = {**episode.meta.settings, **({LOSSY: dict(lossy)} if lossy else {})}
        told = episode.meta.task if task == kept.task else task
        return replace(episode, meta=replace(episode.meta, settings=settings, task=told))

    def _meta(self, index: int) -> EpisodeMeta:
        models = self.models.read(["model_xml"], [index // AT_ONCE]).column("model_xml")
        return EpisodeMeta.from_attrs({**self.episodes[index].attributes, "model_xml": models[index % AT_ONCE].as_py()})

    def _frames(self, index: int, length: int) -> dict[str, Array]:
        table = self.frames.read(list(self.columns), [index])
        found = {name: array_of(table.column(name)) for name in self.columns}
        return {name: found[name].astype(dtype).reshape(length, *shape) for name, (dtype, shape) in self.columns.items()}

    def _rest(self, index: int) -> dict[str, Array]:
        rows = self.rest.read(["name", "dtype", "shape", "data"], [index]).to_pylist()
        return {row["name"]: _array(row["data"], np.dtype(row["dtype"])).reshape(row["shape"]) for row in rows}


def _array(data: bytes, dtype: np.dtype[Any]) -> Array:
    if dtype.kind not in KINDS:
        raise ValueError(f"{dtype} is no number")
    found: Array = np.frombuffer(data, dtype)
    return found


@contextlib.contextmanager
def open_aside(root: Path) -> Iterator[Aside | None]:
    """The side folder of a data set; None where there is none that this version reads. Raises what DAMAGE lists for a damaged one."""
    about = json.loads(inside(root, f"{FOLDER}/{ABOUT}").read_text(encoding="utf-8")) if (root / FOLDER).is_dir() else {}
    if about.get("format") != FORMAT:
        yield None
        return
    with contextlib.ExitStack() as stack:
        frames, rest, episodes = (
            stack.enter_context(contextlib.closing(Table(inside(root, f"{FOLDER}/{name}")))) for name in (FRAMES, REST, EPISODES)
        )
        kept = {int(row["episode_index"]): _kept(row) for row in episodes.read(["episode_index", *KEPT]).to_pylist()}
        columns = {str(name): (str(np.dtype(spec["dtype"]).str), tuple(map(int, spec["shape"]))) for name, spec in about["columns"].items()}
        masks = {str(name): tuple(map(int, numbers)) for name, numbers in about["masks"].items()}
        keys = {str(feature): str(key) for feature, key in about["keys"].items()}
        yield Aside(frames, rest, episodes, columns, keys, masks, kept)


def _kept(row: Mapping[str, Any]) -> Kept:
    attributes, digests = (dict(json.loads(row[name])) for name in ("attributes", "digests"))
    kwargs = dict(json.loads(attributes["env_kwargs"]))
    return Kept(
        int(row["number"]), int(row["length"]), str(row["env_id"]), kwargs, float(row["control_hz"]), str(row["task"]), attributes, digests
    )


def _assembled(meta: EpisodeMeta, arrays: Mapping[str, Array]) -> Episode:
    def group(prefix: str) -> dict[str, Array]:
        inside = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        return {name: array for name, array in inside.items() if "/" not in name}

    ends = sorted({name.split("/")[1] for name in arrays if name.startswith("idle/")})
    return Episode(
        meta=meta,
        steps={f.name: arrays[f.name] for f in STEP_FIELDS if f.name in arrays},
        obs=group("obs/"),
        final_obs=group("final_obs/"),
        idle={end: Part(group(f"idle/{end}/"), group(f"idle/{end}/obs/")) for end in ends},
    )
