"""Windows for training, as ready as the network's first layer wants them: ours, numpy's own gathering, robomimic, LeRobot."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from bench.row import FLOOR, Row, Thing
from bench.stage import Stage
from bench.turns import Side, seconds_of
from data.cores import core_count
from learn.dataset import Frames, load_frames
from learn.policies import PolicyConfig
from learn.policies.config import PolicyKind
from learn.windows import Windows

ROUNDS, BATCH, BATCHES, FEW, EPOCH = 5, 64, 40, 4, 12
CHUNK = 8
ONE = Thing("windows", "windows of two cameras, state, one action", "a second", "more")
CHUNKED = Thing("windows", f"windows of two cameras, state, {CHUNK} actions", "a second", "more")
STATES = Thing("windows", "windows of state and one action", "a second", "more", headline=False)
KEPT = "its SequenceDataset with hdf5_cache_mode all and its DataLoader, on the same session.hdf5"
READ = "the same with hdf5_cache_mode low_dim, its advice for pictures: they are read from the file"
DECODED = "its DataLoader with a process a core, which decodes the films of our export (H.264) for every window"


def rows(stage: Stage) -> list[Row]:
    states = load_frames(stage.session)
    seen = widths_of(stage.seen)
    pictures = list(stage.seen.images)
    single = [
        Side(FLOOR, "numpy's indexing", floor(stage.seen, 1)),
        _robomimic(stage, "robomimic, all in memory", seen, pictures, "all", KEPT),
        _robomimic(stage, "robomimic, pictures from the file", seen, pictures, "low_dim", READ),
    ]
    workers = core_count()
    chunked = [Side(FLOOR, "numpy's indexing", floor(stage.seen, CHUNK))]
    if "LeRobot" in stage.peers:
        asked = {"root": str(stage.films), "chunk": CHUNK, "batch": BATCH, "batches": EPOCH, "workers": workers}
        chunked.append(Side("LeRobot", "LeRobot", stage.asks("LeRobot", "windows", **asked), DECODED))
    low = [
        Side(FLOOR, "numpy's indexing", floor(states, 1)),
        _robomimic(stage, "robomimic, all in memory", widths_of(states), [], "all", KEPT),
    ]
    keeps_none = {"robosuite": "it trains nothing"}
    chunks = "its windows hold the pictures of all their steps; see the row of one action"
    return [
        *stage.compare(ONE, ours(stage.seen, "visual", 1), single, ROUNDS, LeRobot="see the row of 8 actions", **keeps_none),
        *stage.compare(CHUNKED, ours(stage.seen, "visual", CHUNK), chunked, ROUNDS, robomimic=chunks, **keeps_none),
        *stage.compare(STATES, ours(states, "bc", 1), low, ROUNDS, LeRobot="see the row of 8 actions", **keeps_none),
    ]


def widths_of(frames: Frames) -> dict[str, int]:
    return dict(zip(frames.obs_keys, frames.obs_dims, strict=True))


def _robomimic(stage: Stage, name: str, widths: dict[str, int], rgb: list[str], cache: str, note: str) -> Side:
    batches = FEW if rgb and cache != "all" else BATCHES
    asked = {"data": str(stage.session.path / "session.hdf5"), "widths": widths, "rgb": rgb, "cache": cache}
    return Side("robomimic", name, stage.asks("robomimic", "windows", batch=BATCH, batches=batches, **asked), note)


def ours(frames: Frames, kind: PolicyKind, chunk: int) -> Callable[[], float]:
    """Windows a second; pictures as (B, 3, H, W) float, as the encoder makes them of bytes."""
    return partial(windows_a_second, frames, kind, chunk, ready=True)


def windows_a_second(frames: Frames, kind: PolicyKind, chunk: int, *, ready: bool) -> float:
    shapes = {"image_keys": tuple(frames.images), "image_shapes": frames.image_shapes}
    config = PolicyConfig(frames.obs_keys, frames.obs_dims, frames.target.shape[1], kind=kind, chunk=chunk, **shapes)
    windows, draw = Windows(frames, config, "cpu"), torch.Generator().manual_seed(0)

    def gather() -> None:
        for _ in range(BATCHES):
            batch = windows.batch(torch.randint(len(frames), (1, BATCH), generator=draw))
            if ready:
                for image in batch.seen.images.values():
                    as_floats(image[0])

    return BATCH * BATCHES / seconds_of(gather)


def as_floats(image: torch.Tensor) -> torch.Tensor:
    return image.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last).div(127.5).sub(1.0)


def floor(frames: Frames, chunk: int) -> Callable[[], float]:
    """The same rows by numpy's indexing, and the same pictures as floats."""
    last, rng = frames.run_ends(), np.random.default_rng(0)

    def gather() -> None:
        for _ in range(BATCHES):
            rows = rng.integers(len(frames), size=BATCH)
            every = np.minimum(rows[:, None] + np.arange(chunk), last[rows][:, None])
            torch.from_numpy(frames.obs[rows]), torch.from_numpy(frames.target[every])
            for image in frames.images.values():
                as_floats(torch.from_numpy(image[rows]))

    return lambda: BATCH * BATCHES / seconds_of(gather)
