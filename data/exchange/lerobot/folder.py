"""Folder: what a data set's meta/ says, as anybody may have written it: no file outside of the folder is ever named."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.episode import Array
from data.errors import UserError
from data.exchange.files import kind_of, listed, looking, other_formats
from data.exchange.lerobot.names import ACTION
from data.exchange.lerobot.tables import Table

FORMAT = "lerobot"
INFO, STATS, TASKS, EPISODES = "meta/info.json", "meta/stats.json", "meta/tasks.parquet", "meta/episodes"
CONVERTER = "python -m lerobot.scripts.convert_dataset_v21_to_v30"
SPOT = re.compile(r"\{(chunk_index|file_index|video_key)(?::0?([0-9]{1,2})d)?\}")
MOST_INFO = 2**24  # bytes of a JSON file that describes arrays
CURE = "get a whole copy of it"


@dataclass(frozen=True)
class Feature:
    """An entry of `features`. `names` are empty where there is not one a number; `about` is its `info`."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_depth(self) -> bool:
        return bool(self.about.get("is_depth_map") or self.about.get("video.is_depth_map"))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a picture; raises ValueError for what is none."""
        if len(self.shape) != 3:
            raise ValueError(f"pictures of shape {list(self.shape)}; allowed: height, width and channels")
        is_named = self.names[:1] in (("channel",), ("channels",), ("c",))
        first_is_channel = is_named or (not self.names and self.shape[0] in (1, 3) and self.shape[2] not in (1, 3))
        height, width = self.shape[1:] if first_is_channel else self.shape[:2]
        return height, width


@dataclass(frozen=True)
class Info:
    """`meta/info.json`."""

    fps: float
    features: Mapping[str, Feature]
    episodes: int
    data_path: str
    video_path: str
    robot: str


@dataclass(frozen=True)
class Folder:
    """A data set's folder: its info, a row of meta/episodes about each episode, and the texts of its tasks by their numbers."""

    path: Path
    info: Info
    rows: Sequence[Mapping[str, Any]]
    tasks: Mapping[int, str]

    def data_file(self, index: int) -> Path:
        row = self.rows[index]
        return inside(self.path, filled(self.info.data_path, row["data/chunk_index"], row["data/file_index"]))

    def film(self, index: int, feature: str) -> Path:
        row = self.rows[index]
        chunk, file = (_number(row, f"videos/{feature}/{part}_index") for part in ("chunk", "file"))
        return inside(self.path, filled(self.info.video_path, chunk, file, feature))


def read_folder(path: Path) -> Folder:
    """Read meta/; raises UserError for what is no data set of version 3."""
    if not path.is_dir():
        raise UserError(f"{path} is {kind_of(path)}, --from {FORMAT} reads a data set's folder; {other_formats(path)}")
    if not (path / INFO).is_file():
        raise UserError(f"{path} has no {INFO}; give the folder of a LeRobot data set, the one with meta/ in it")
    with looking(path / INFO, FORMAT):
        info = _info(path, _json(inside(path, INFO)))
    with looking(path / EPISODES, FORMAT):
        rows = _episodes(path, info)
    with looking(path / TASKS, FORMAT):
        return Folder(path, info, rows, _tasks(path))


def action_range(path: Path) -> tuple[Array, Array] | None:
    """(A,) each: the least and the largest of the actions, as meta/stats.json says; None where it says nothing that can be."""
    try:
        figures = _json(inside(path, STATS))[ACTION]
        low, high = ([float(value) for value in figures[name]] for name in ("min", "max"))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    is_range = len(low) == len(high) and bool(np.isfinite([*low, *high]).all()) and bool(np.less_equal(low, high).all())
    return (np.array(low), np.array(high)) if is_range else None


def inside(root: Path, name: str) -> Path:
    """A file of the data set; raises ValueError for one that lies elsewhere, or that a link takes elsewhere.

    Hugging Face's cache keeps a snapshot's files beside it, in `blobs`: these belong to it.
    """
    where = root.resolve()
    places = [where, *([where.parent.parent / "blobs"] if where.parent.name == "snapshots" else [])]
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} leads out of the data set")
    target = (where / path).resolve()
    if not any(target.is_relative_to(place) for place in places):
        raise ValueError(f"{name} is a link that leads out of the data set")
    if not target.is_file():
        raise FileNotFoundError(f"there is no {name}; {CURE}")
    return target


def filled(template: str, chunk: int, file: int, key: str = "") -> str:
    """data_path or video_path with its three words filled in, and no others: nothing in braces is looked up in anything."""

    def word(match: re.Match[str]) -> str:
        name, width = match[1], match[2]
        if name == "video_key":
            return key if width is None else match[0]
        return f"{chunk if name == 'chunk_index' else file:0{int(width or 1)}d}"

    left = SPOT.sub("", template)
    if "{" in left or "}" in left or not template:
        raise ValueError(f"a path {template!r}; allowed: chunk_index, file_index and video_key in braces")
    return SPOT.sub(word, template)


def _json(path: Path) -> Any:
    if path.stat().st_size > MOST_INFO:
        raise ValueError(f"{path.name} is larger than {MOST_INFO} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deep") from error


def _info(path: Path, values: Any) -> Info:
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    version = str(values.get("codebase_version") or "of no version")
    if version.startswith(("v1", "v2")):
        raise UserError(
            f"{path} is a data set of version {version}; convert it first with LeRobot's own {CONVERTER}, which makes v3.0 of it"
        )
    if not re.fullmatch(r"v3\.[0-9]+", version):
        raise UserError(f"{path} is a data set of codebase_version {version!r}; allowed: v3.0")
    fps, features = values.get("fps"), values.get("features")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 1e6:
        raise ValueError(f"fps is {fps!r}")
    if not isinstance(features, dict):
        raise ValueError("there are no features in it")
    if ACTION not in features:
        raise UserError(f"{path} has no feature {ACTION}, but {listed(features)}; there is nothing to imitate in it")
    return Info(
        fps=float(fps),
        features={name: _feature(name, value) for name, value in features.items()},
        episodes=int(values["total_episodes"]),
        data_path=str(values.get("data_path") or ""),
        video_path=str(values.get("video_path") or ""),
        robot=str(values.get("robot_type") or ""),
    )


def _feature(name: str, value: Any) -> Feature:
    if not isinstance(value, dict) or not isinstance(value.get("dtype"), str) or not isinstance(value.get("shape"), list):
        raise ValueError(f"feature {name} has no dtype or no shape")
    shape = value["shape"]
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 < size < 2**31 for size in shape):
        raise ValueError(f"feature {name} has the shape {shape}")
    about: dict[str, Any] = next((value[word] for word in ("info", "video_info") if isinstance(value.get(word), dict)), {})
    return Feature(value["dtype"], tuple(shape), _names(value.get("names")), about)


def _names(value: Any) -> tuple[str, ...]:
    """A list of texts, or the lists in a mapping, one after the other."""
    parts = list(value.values()) if isinstance(value, dict) else [value]
    lists = [part for part in parts if isinstance(part, list)]
    return tuple(str(name) for part in lists for name in part) if len(lists) == len(parts) else ()


def _episodes(path: Path, info: Info) -> list[Mapping[str, Any]]:
    """The rows of meta/episodes, in order, without the statistics."""
    names = sorted(file.relative_to(path).as_posix() for file in (path / EPISODES).glob("*/*.parquet"))
    rows: list[Mapping[str, Any]] = []
    for name in names:
        table = Table(inside(path, name))
        try:
            rows += table.read([column for column in table.names if not column.startswith("stats/")]).to_pylist()
        finally:
            table.close()
    if len(rows) != info.episodes:
        raise ValueError(f"{INFO} says {info.episodes} episodes, there are {len(rows)} here; {CURE}")
    if not rows:
        raise UserError(f"{path} has no episodes")
    for index, row in enumerate(rows):
        if _number(row, "episode_index") != index:
            raise ValueError(f"row {index} is about episode {row['episode_index']}")
        for word in ("length", "data/chunk_index", "data/file_index"):
            _number(row, word)
    return rows


def _number(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**48:
        raise ValueError(f"{name} is {value!r}")
    return value


def _tasks(path: Path) -> dict[int, str]:
    """The texts by `task_index`; their column is called `task`, or nothing where an older pandas wrote it. Empty without a file."""
    if not (path / TASKS).exists():
        return {}
    table = Table(inside(path, TASKS))
    try:
        name = next((name for name in ("task", "__index_level_0__") if name in table.names), "")
        if not name or "task_index" not in table.names:
            raise ValueError("it has no columns task and task_index")
        rows = table.read([name, "task_index"]).to_pylist()
    finally:
        table.close()
    return {int(row["task_index"]): str(row[name]) for row in rows}
