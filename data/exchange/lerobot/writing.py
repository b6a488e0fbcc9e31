"""Writing: a session as a data set of LeRobot's, one episode in memory at a time."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.catalog import Row
from data.check import problems
from data.episode import Array, Episode
from data.errors import UserError
from data.exchange.exporting import Order, Progress, Target, check_folder, new_folder
from data.exchange.lerobot import films, statistics
from data.exchange.lerobot.aside import AsideWriter
from data.exchange.lerobot.films import Film
from data.exchange.lerobot.folder import EPISODES, INFO, STATS, TASKS
from data.exchange.lerobot.names import ACTION, DONE, INTERVENTION, REWARD, SUCCESS, VERSION, Layout, features_of, layout_of, robot_of
from data.exchange.lerobot.needs import check_packages
from data.exchange.lerobot.pictures import png_of
from data.exchange.lerobot.places import CHUNK, DATA_MB, MB, VIDEO_MB, Place, Places
from data.exchange.lerobot.tables import Series, column_of, table_of
from data.exchange.ours import current
from data.masks import read_masks

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
AT_ONCE = 10  # episodes in a row group of meta/episodes, as LeRobot writes them

logger = logging.getLogger(__name__)


def check(order: Order) -> None:
    """Refuse what cannot be exported, before anything is written."""
    check_packages()
    check_folder(order, INFO)


def write(order: Order, advance: Progress) -> Mapping[str, Any]:
    """Write the data set; gives the masks of the session as LeRobot's episode numbers."""
    masks = read_masks(order.session.path)
    with new_folder(order.out) as folder, contextlib.ExitStack() as stack:
        writer: _Writer | None = None
        for done, row in enumerate(order.rows, 1):
            episode = current(order.session.read(row.number))
            if writer is None:
                first = row
                aside = AsideWriter(folder, layout_of(episode), masks)
                stack.callback(aside.abandon)
                writer = _Writer(folder, layout_of(episode), aside, episode, are_films=order.pictures == "video")
                stack.callback(writer.abandon)
            writer.check_alike(first, row, episode)
            writer.add(row.number, episode)
            advance(done, f"episode {row.number}")
            del episode  # before the next is read
        assert writer is not None  # an order has one or more rows
        writer.close()
    at = {row.number: index for index, row in enumerate(order.rows)}
    return {"fps": writer.fps, "masks": {name: sorted(at[n] for n in mask if n in at) for name, mask in masks.named().items()}}


LEROBOT = Target(check, write)
"""`data export --to lerobot`."""


class _Writer:
    """A data set that grows by episodes; all of them are like the first."""

    def __init__(self, folder: Path, layout: Layout, aside: AsideWriter, first: Episode, *, are_films: bool) -> None:
        self._folder, self._layout, self._aside = folder, layout, aside
        self._hz, self.fps = first.meta.control_hz, _fps(first.meta.control_hz)
        self._robot = robot_of(first.meta.env_id, first.meta.env_kwargs)
        said = {name: films.about(layout.cameras[key], self.fps) for name, key in layout.pictures.items()} if are_films else None
        self._features = features_of(layout, said)
        self._films = {name: self._film(name, layout.cameras[key]) for name, key in layout.pictures.items()} if are_films else {}
        self._data, self._meta = (Series(folder / name, DATA_MB * MB) for name in ("data", EPISODES))
        self._tasks: dict[str, int] = {}
        self._waiting: list[dict[str, Any]] = []
        self._stats: dict[str, statistics.Figures] = {}
        self._episodes = self._frames = 0

    def check_alike(self, first: Row, row: Row, episode: Episode) -> None:
        """Refuse an episode that is not sound, and one that has other columns, or another rate, than the first."""
        if wrong := problems(episode):
            raise UserError(f"episode {row.number} is not sound ({'; '.join(wrong)}); python -m data check SESSION sets such aside")
        found = layout_of(episode)
        cure = "a data set is of one kind: choose with --episodes"
        if episode.meta.control_hz != self._hz:
            raise UserError(f"episode {first.number} is at {self._hz:g} Hz, episode {row.number} at {episode.meta.control_hz:g}; {cure}")
        if found != self._layout:
            raise UserError(f"episode {row.number} is not like episode {first.number} ({_difference(self._layout, found)}); {cure}")

    def add(self, number: int, episode: Episode) -> None:
        task = episode.meta.task or episode.meta.env_id
        task_index = self._tasks.setdefault(task, len(self._tasks))
        columns = self._columns(episode, task_index)
        figures = {name: statistics.of_column(column) for name, column in columns.items()}
        figures |= {name: statistics.of_pictures(episode.obs[key]) for name, key in self._layout.pictures.items()}
        figures = {name: figures[name] for name in self._features}
        stretches = {name: self._filmed(name, episode) for name in self._films}
        place = self._add_frames(columns, episode)
        self._aside.add(number, self._episodes, self._frames, episode, task)
        self._waiting.append(
            {
                "episode_index": self._episodes,
                "tasks": [task],
                "length": len(episode),
                "data/chunk_index": place.chunk,
                "data/file_index": place.file,
                "dataset_from_index": self._frames,
                "dataset_to_index": self._frames + len(episode),
                **{key: value for name, stretch in stretches.items() for key, value in _where(name, stretch).items()},
                **{f"stats/{name}/{key}": value for name, one in statistics.plain(figures).items() for key, value in one.items()},
            }
        )
        self._stats = statistics.together(self._stats, figures) if self._stats else figures
        self._episodes, self._frames = self._episodes + 1, self._frames + len(episode)
        if len(self._waiting) == AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what is still to be written; the data set is whole then."""
        self._flush()
        for part in self._parts():
            part.close()
        self._aside.close()
        _write_tasks(self._folder / TASKS, self._tasks)
        _write_json(self._folder / STATS, statistics.plain(self._stats))
        _write_json(self._folder / INFO, self._info())

    def abandon(self) -> None:
        for part in self._parts():
            part.abandon()

    def _parts(self) -> Iterator[Series | Film]:
        yield from (self._data, self._meta)
        yield from self._films.values()

    def _film(self, name: str, size: tuple[int, int]) -> Film:
        return Film(lambda place: self._folder / f"videos/{name}/{place}.mp4", self.fps, size, Places(VIDEO_MB * MB))

    def _filmed(self, name: str, episode: Episode) -> films.Stretch:
        key = self._layout.pictures[name]
        return self._films[name].add(episode.obs[key])

    def _columns(self, episode: Episode, task_index: int) -> dict[str, Array]:
        """LeRobot's columns of numbers, (T,) or (T, n)."""
        count, steps = len(episode), episode.steps
        frame, done = np.arange(count), steps["dones"].astype(bool)
        vectors = {name: np.concatenate([episode.obs[key] for key in keys], axis=1) for name, keys in self._layout.vectors.items()}
        return {
            ACTION: steps["actions"],
            **vectors,
            REWARD: steps["rewards"],
            DONE: done,
            SUCCESS: done & episode.meta.success,
            INTERVENTION: steps["interventions"].astype(bool),
            "timestamp": (frame / self.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(count, self._episodes),
            "index": self._frames + frame,
            "task_index": np.full(count, task_index),
        }

    def _add_frames(self, columns: Mapping[str, Array], episode: Episode) -> Place:
        import pyarrow as pa

        place = self._data.place(len(episode))
        table = {}
        for name, feature in self._features.items():
            if feature["dtype"] == "image":
                table[name] = _embedded(episode.obs[self._layout.pictures[name]])
            elif feature["dtype"] != "video":
                table[name] = column_of(columns[name], flat=True)
        self._data.add(pa.table(table, metadata={"huggingface": json.dumps(_huggingface(self._features))}))
        return place

    def _flush(self) -> None:
        """Write what is known of the last episodes."""
        if not self._waiting:
            return
        place = self._meta.place(len(self._waiting))
        here = {"meta/episodes/chunk_index": place.chunk, "meta/episodes/file_index": place.file}
        self._meta.add(table_of([{**row, **here} for row in self._waiting]))
        self._waiting = []

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION,
            "fps": self.fps,
            "features": self._features,
            "total_episodes": self._episodes,
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if self._films else None,
            "robot_type": self._robot,
            "splits": {"train": f"0:{self._episodes}"},  # the only one that LeRobot knows; the session's own lies aside
        }


def _fps(hz: float) -> int:
    """LeRobot's rate is a whole number; the times that were measured lie aside."""
    fps = max(1, round(hz))
    if fps != hz:
        logger.warning("%g steps a second are written as %d fps: LeRobot has whole numbers only", hz, fps)
    return fps


def _difference(one: Layout, other: Layout) -> str:
    left, right = ({"action": (part.width,), **part.state, **part.environment, **part.cameras} for part in (one, other))
    key = next((key for key in (*left, *right) if left.get(key) != right.get(key)), "the order of its keys")
    return f"{key}: {left.get(key, 'none')} and {right.get(key, 'none')}"


def _where(name: str, stretch: films.Stretch) -> dict[str, Any]:
    return {
        f"videos/{name}/chunk_index": stretch.place.chunk,
        f"videos/{name}/file_index": stretch.place.file,
        f"videos/{name}/from_timestamp": stretch.start_s,
        f"videos/{name}/to_timestamp": stretch.end_s,
    }


def _embedded(pictures: Array) -> Any:
    import pyarrow as pa

    data = pa.array(list(png_of(pictures)), pa.binary())
    paths = pa.array([f"frame-{i:06d}.png" for i in range(len(pictures))])
    return pa.StructArray.from_arrays([data, paths], ["bytes", "path"])


def _huggingface(features: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What Hugging Face's viewer looks for in a file to know which column is a picture."""

    def kind(feature: Mapping[str, Any]) -> dict[str, Any]:
        value, length = {"dtype": feature["dtype"], "_type": "Value"}, feature["shape"][0]
        return {"_type": "Image"} if feature["dtype"] == "image" else value if length == 1 else _list_of(value, length)

    return {"info": {"features": {name: kind(feature) for name, feature in features.items() if feature["dtype"] != "video"}}}


def _list_of(value: Mapping[str, Any], length: int) -> dict[str, Any]:
    return {"feature": dict(value), "length": length, "_type": "Sequence"}


def _write_tasks(path: Path, tasks: Mapping[str, int]) -> None:
    """A pandas frame whose index is called `task`, which LeRobot looks texts up in."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [{"name": k, "field_name": k, "pandas_type": p, "numpy_type": n, "metadata": None} for k, (p, n) in kinds.items()]
    note = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    pq.write_table(
        pa.table(
            {"task_index": pa.array(tasks.values(), pa.int64()), "task": pa.array(tasks, pa.string())},
            metadata={"pandas": json.dumps(note)},
        ),
        path,
    )


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=4, allow_nan=False) + "\n", encoding="utf-8")
