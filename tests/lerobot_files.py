"""LeRobot data sets as others write them, made by hand for tests: any features, codecs and ways to lie on disk."""

import io
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FPS = 10
LENGTHS = (4, 6)
SIZE = (48, 64)
COUNTERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
Column = NDArray[Any]


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A soft ground with the number's bits as bright blocks, which survive any codec."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    found = np.stack([x * 120 // width, y * 120 // height, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    for bit in range(6):
        found[8:24, 8 * bit : 8 * bit + 8] = 250 if number >> bit & 1 else 5
    return found


def number_of(shown: Column) -> int:
    """Which picture this is."""
    return sum(1 << bit for bit in range(6) if shown[12:20, 8 * bit + 2 : 8 * bit + 6].mean() > 128)


def numbers(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, shape).astype(np.float32)


def feature(dtype: str, *shape: int, names: Any = None, **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "names": names, **more}


def lists(values: Column) -> pa.Array:
    """(T, …) as lists of lists, however deep."""
    return pa.array(values.tolist()) if values.ndim > 1 else pa.array(values)


def pictures_as(kind: str, count: int) -> pa.Array:
    """Pictures 0, 1, … as structs of bytes and path."""
    return pa.array([{"bytes": coded(picture(i), kind), "path": f"{i}.{kind}"} for i in range(count)])


def coded(shown: NDArray[np.uint8], kind: str) -> bytes:
    """One picture as a png or jpeg file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(shown).save(file, kind, quality=95)
    return file.getvalue()


def film(path: Path, shown: Sequence[int], codec: str = "libx264", *, fps: int = FPS, size: tuple[int, int] = SIZE) -> Path:
    """An MP4 of these pictures, with frames that need later ones where the codec has such."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={"g": "4", "crf": "20"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for i, number in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def data_set(
    path: Path,
    features: dict[str, dict[str, Any]] | None = None,
    columns: dict[str, pa.Array] | None = None,
    *,
    lengths: Sequence[int] = LENGTHS,
    films: dict[str, dict[str, Any]] | None = None,
    info: dict[str, Any] | None = None,
    tasks: Sequence[str] = ("stack the cups",),
) -> Path:
    """A data set of all episodes in one file; `films` gives keys of meta/episodes, a list each, for cameras that are filmed."""
    count = sum(lengths)
    plain = {"action": feature("float32", 3), "observation.state": feature("float32", 5)}
    declared = plain | (features or {}) | {name: feature(dtype, 1) for name, dtype in COUNTERS.items()}
    frames = np.concatenate([np.arange(length) for length in lengths])
    table = {
        "action": lists(numbers(count, 3)),
        "observation.state": lists(numbers(count, 5, seed=1)),
        **(columns or {}),
        "timestamp": pa.array((frames / FPS).astype(np.float32)),
        "frame_index": pa.array(frames),
        "episode_index": pa.array(np.repeat(np.arange(len(lengths)), lengths)),
        "index": pa.array(np.arange(count)),
        "task_index": pa.array(np.repeat(np.arange(len(lengths)) % len(tasks), lengths)),
    }
    ends = np.cumsum(lengths)
    rows = {
        "episode_index": list(range(len(lengths))),
        "tasks": [[tasks[i % len(tasks)]] for i in range(len(lengths))],
        "length": list(lengths),
        "data/chunk_index": [0] * len(lengths),
        "data/file_index": [0] * len(lengths),
        "dataset_from_index": (ends - lengths).tolist(),
        "dataset_to_index": ends.tolist(),
    }
    for key, places in (films or {}).items():
        rows |= {f"videos/{key}/{name}": values for name, values in places.items()}
    values = {
        "codebase_version": "v3.0",
        "robot_type": "so101",
        "total_episodes": len(lengths),
        "total_frames": count,
        "total_tasks": len(tasks),
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": declared,
    }
    for name in ("data/chunk-000", "meta/episodes/chunk-000"):
        (path / name).mkdir(parents=True)
    pq.write_table(pa.table(table), path / "data/chunk-000/file-000.parquet")
    pq.write_table(pa.table(rows), path / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": list(range(len(tasks))), "__index_level_0__": list(tasks)}), path / "meta/tasks.parquet")
    (path / "meta/info.json").write_text(json.dumps(values | (info or {})))
    return path


def change_info(path: Path, **changes: Any) -> None:
    file = path / "meta" / "info.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def change_table(file: Path, changes: dict[str, Any]) -> None:
    """Other columns in a parquet file; None: without that column."""
    table = pq.read_table(file)
    for name, values in changes.items():
        at = table.column_names.index(name)
        table = table.remove_column(at) if values is None else table.set_column(at, name, pa.array(values))
    pq.write_table(table, file)


DATA, EPISODES = "data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"
