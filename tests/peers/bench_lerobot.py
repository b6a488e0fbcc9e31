"""LeRobot's side of `make bench`: its loop of recording, its data set as writer and as loader, its ACT.

Run by the Python of an environment with `pip install "lerobot[dataset]==0.6.1"`.
"""

import bench_server  # isort: skip

import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import av
import datasets
import lerobot
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import concatenate_video_files
from lerobot.policies.act import ACTConfig, ACTPolicy, make_act_pre_post_processors
from lerobot.scripts.lerobot_record import record_loop
from lerobot.teleoperators import Teleoperator

HZ = 20
CAMERAS = ("front", "wrist")
WIDTHS = {"action": 7, "observation.state": 9, "observation.environment_state": 10}
THREADS = 4 * len(CAMERAS)  # as `lerobot-record` has it
DOWN, BACK = np.arange(84)[:, None, None], np.arange(84)[None, :, None]


def new(pictures: str | None) -> LeRobotDataset:
    """An empty data set of PandaLift's shape; `pictures`: "video" (its rule), "streaming" (coded meanwhile), "image" or none."""
    vectors = {name: {"dtype": "float32", "shape": (n,), "names": [f"{name}.{i}" for i in range(n)]} for name, n in WIDTHS.items()}
    kept = {"dtype": "image" if pictures == "image" else "video", "shape": (84, 84, 3), "names": ["height", "width", "channels"]}
    images = {f"observation.images.{camera}": kept for camera in CAMERAS} if pictures else {}
    options = {"streaming_encoding": True} if pictures == "streaming" else {"image_writer_threads": THREADS if pictures else 0}
    return LeRobotDataset.create("bench/made", HZ, vectors | images, root=Path(tempfile.mkdtemp(dir=".")) / "set", **options)


def picture(t: int) -> np.ndarray:
    """A soft ground over which a square wanders."""
    made = np.broadcast_to(np.concatenate([DOWN * 2 + BACK * 0, DOWN * 0 + BACK * 2, DOWN + BACK], axis=2), (84, 84, 3)).astype(np.uint8)
    made[30:45, t % 60 : t % 60 + 15] = 255
    return made


def vectors(t: int) -> dict[str, np.ndarray]:
    return {name: np.sin(np.arange(n, dtype=np.float32) + t / 10).astype(np.float32) for name, n in WIDTHS.items()}


def frame(t: int, recorded: dict[str, np.ndarray] | None) -> dict[str, Any]:
    """`recorded`: our pictures of an episode, (T, 84, 84, 3) by camera; None: without."""
    images = {f"observation.images.{camera}": recorded[camera][t % len(recorded[camera])] for camera in recorded or ()}
    return {**vectors(t), **images, "task": "lift the cube"}


_open: dict[str, Any] = {}


def pictures_of(episode: str) -> dict[str, np.ndarray]:
    with np.load(episode) as file:
        return {camera: file[camera] for camera in CAMERAS}


# -- recording ---------------------------------------------------------------------------------------------------------


class Stand:
    """A robot that takes as long over a tick as our environment does: half of it to see, half of it to move."""

    name = "stand"

    def __init__(self, work_s: float) -> None:
        self.work_s, self.began = work_s, list[float]()

    def get_observation(self) -> dict[str, Any]:
        self.began.append(time.perf_counter())
        spin(self.work_s / 2)
        t = len(self.began)
        named = {f"{name}.{i}": value for name, vector in vectors(t).items() for i, value in enumerate(vector)}
        return {**named, **{camera: picture(t) for camera in CAMERAS}}

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        spin(self.work_s / 2)
        return action


class Hands(Teleoperator):
    """Named joints, as its robots have them."""

    name = "hands"
    action_features: ClassVar = {}
    feedback_features: ClassVar = {}
    is_connected = is_calibrated = True

    def __init__(self) -> None: ...

    def get_action(self) -> dict[str, float]:
        return {f"action.{i}": 0.1 for i in range(WIDTHS["action"])}

    def connect(self, calibrate: bool = True) -> None: ...
    def calibrate(self) -> None: ...
    def configure(self) -> None: ...
    def send_feedback(self, feedback: dict[str, Any]) -> None: ...
    def disconnect(self) -> None: ...


def spin(seconds: float) -> None:
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        pass


def loop(ticks: int, work_s: float) -> list[float]:
    """When each tick of its `record_loop` began, in s; it writes the pictures beside, as `lerobot-record` does."""
    robot, dataset = Stand(work_s), new("video")
    events = {"exit_early": False}
    first, both = (lambda pair: pair[0]), (lambda obs: obs)
    seconds = (ticks + 1) / HZ
    record_loop(robot, events, HZ, first, first, both, dataset=dataset, teleop=Hands(), control_time_s=seconds, single_task="lift")
    dataset.clear_episode_buffer()
    dataset.writer.stop_image_writer()
    return robot.began[:ticks]


def add(frames: int, period_s: float, episode: str) -> float:
    """Median milliseconds of add_frame with two pictures, one every `period_s`."""
    recorded = pictures_of(episode)
    if "add" not in _open:
        _open["add"] = new("video")
    dataset, times = _open["add"], []
    due_s = time.perf_counter()
    for t in range(frames):
        made = frame(t, recorded)
        due_s += period_s
        time.sleep(max(0.0, due_s - time.perf_counter()))
        times.append(bench_server.seconds_of(lambda made=made: dataset.add_frame(made)))
    dataset.clear_episode_buffer()
    return 1e3 * float(np.median(times))


def commit(number: int, steps: int, pictures: str | None, episode: str) -> float:
    """Milliseconds of save_episode for episode `number` and those after it; an episode's pictures are written, or coded, before.

    Without pictures all before it are saved, too. With films ten are, and the films are made as long as those of all before it, by
    LeRobot's own concatenation: what grows is the film that it copies for every episode.
    """
    key, recorded = f"{number} {pictures}", pictures_of(episode) if pictures else None
    if key not in _open:
        dataset = _open[key] = new(pictures)
        for _ in range(number - 1 if pictures is None else min(9, number - 1)):
            save(dataset, steps if pictures else 2, recorded)
        if pictures in ("video", "streaming"):
            lengthen(dataset, (number - 1) / 9)
    return 1e3 * save(_open[key], steps, recorded)


def save(dataset: LeRobotDataset, steps: int, recorded: dict[str, np.ndarray] | None) -> float:
    coder = dataset.writer._streaming_encoder
    for t in range(steps):
        dataset.add_frame(frame(t, recorded))
        while coder is not None and any(queue.qsize() for queue in coder._frame_queues.values()):
            time.sleep(0.001)  # driving leaves it the time
    if dataset.writer.image_writer is not None:
        dataset.writer.image_writer.wait_until_done()
    return bench_server.seconds_of(dataset.save_episode)


def lengthen(dataset: LeRobotDataset, times: float) -> None:
    for key in dataset.meta.video_keys:
        latest = dataset.meta.latest_episode
        where = {"chunk_index": latest[f"videos/{key}/chunk_index"][0], "file_index": latest[f"videos/{key}/file_index"][0]}
        film = dataset.root / dataset.meta.video_path.format(video_key=key, **where)
        copies = round(times)
        if copies > 1:
            concatenate_video_files([film] * copies, film)
            latest[f"videos/{key}/to_timestamp"] = [copies * latest[f"videos/{key}/to_timestamp"][0]]


# -- SIGKILL -----------------------------------------------------------------------------------------------------------


def record(tell: bench_server.Tell, folder: str, steps: int, episodes: int = 1000) -> LeRobotDataset:
    """Episodes without pictures, at 20 Hz, as `lerobot-record` keeps them: save_episode after each, finalize at the end of the session."""
    vectors_only = {name: {"dtype": "float32", "shape": (n,), "names": None} for name, n in WIDTHS.items()}
    dataset = LeRobotDataset.create("bench/killed", HZ, vectors_only, root=f"{folder}/set")
    due_s = time.perf_counter()
    for episode in range(episodes):
        for t in range(steps):
            dataset.add_frame(frame(t, None))
            tell(episode=episode, step=t)
            due_s += 1 / HZ
            time.sleep(max(0.0, due_s - time.perf_counter()))
        dataset.save_episode()
        tell(kept=episode)
    return dataset


def left(folder: str) -> dict[int, int]:
    """How many steps of each episode LeRobot itself reads."""
    try:
        dataset = LeRobotDataset("bench/killed", root=f"{folder}/set")
        numbers = [int(dataset[i]["episode_index"]) for i in range(len(dataset))]
    except Exception:  # noqa: BLE001 (whatever it is: nothing is read)
        return {}
    return {number: numbers.count(number) for number in set(numbers)}


def kill(steps: int, after_s: list[float]) -> dict[str, Any]:
    folders = [tempfile.mkdtemp(dir=".") for _ in after_s]
    found = bench_server.killed(lambda tell, folder: record(tell, folder, steps), left, folders, after_s)
    whole = tempfile.mkdtemp(dir=".")
    record(lambda **_: None, whole, 3, episodes=2).finalize()
    if left(whole) != {0: 3, 1: 3}:
        raise RuntimeError("a data set that nobody killed is not read either")
    return found | {"why": f"{sum(map(is_torn, folders))} of {len(folders)} data files end without the footer that finalize writes"}


def is_torn(folder: str) -> bool:
    try:
        for path in Path(folder).rglob("data/**/*.parquet"):
            pq.read_metadata(path)
    except pa.ArrowInvalid:
        return True
    return False


# -- learning ----------------------------------------------------------------------------------------------------------


def windows(root: str, chunk: int, batch: int, batches: int, workers: int) -> float:
    """Windows a second from its DataLoader: two pictures, the state, a chunk of actions. The workers are there already and idle again."""
    key = f"windows {root}"
    if key not in _open:
        dataset = LeRobotDataset("bench/read", root=root, delta_timestamps={"action": [i / HZ for i in range(chunk)]})
        sampler = torch.utils.data.RandomSampler(dataset, num_samples=batch * batches)
        _open[key] = torch.utils.data.DataLoader(
            dataset, batch_size=batch, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
        )
        for _ in _open[key]:
            pass
    return batch * batches / bench_server.seconds_of(lambda: list(_open[key]))


def look(times: int, chunk: int, width: int, layers: int) -> float:
    """Median milliseconds of ACT's select_action with a look each, normalisation included, on one thread; no pictures."""
    key = f"look {chunk} {width} {layers}"
    if key not in _open:
        _open[key] = act(chunk, width, layers)
    policy, before, after = _open[key]
    spent = []
    for t in range(times):
        obs = {name: torch.from_numpy(value)[None] for name, value in vectors(t).items() if name != "action"}
        spent.append(bench_server.seconds_of(lambda obs=obs: after(policy.select_action(before(obs)))[0].numpy()))
    return 1e3 * float(np.median(spent))


def parameters(chunk: int, width: int, layers: int) -> int:
    return sum(p.numel() for p in act(chunk, width, layers)[0].parameters())


def act(chunk: int, width: int, layers: int) -> tuple[Any, Any, Any]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    kinds = {"observation.state": FeatureType.STATE, "observation.environment_state": FeatureType.ENV}
    config = ACTConfig(
        input_features={name: PolicyFeature(kind, (WIDTHS[name],)) for name, kind in kinds.items()},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (WIDTHS["action"],))},
        chunk_size=chunk,
        n_action_steps=1,
        temporal_ensemble_coeff=0.01,
        dim_model=width,
        n_heads=4,
        dim_feedforward=2 * width,
        n_encoder_layers=1,
        n_decoder_layers=layers,
        n_vae_encoder_layers=layers,
        latent_dim=16,
        device="cpu",
        pretrained_backbone_weights=None,
        normalization_mapping=dict.fromkeys(("STATE", "ENV", "ACTION"), NormalizationMode.MEAN_STD),
    )
    stats = {name: {"mean": np.zeros(n, np.float32), "std": np.ones(n, np.float32)} for name, n in WIDTHS.items()}
    policy = ACTPolicy(config).eval()
    return policy, *make_act_pre_post_processors(config, dataset_stats=stats)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    av.logging.set_level(av.logging.PANIC)
    os.environ.setdefault("SVT_LOG", "1")
    commands = {"loop": loop, "add": add, "commit": commit, "kill": kill, "windows": windows, "look": look, "parameters": parameters}
    bench_server.serve(commands, {"lerobot": lerobot.__version__, "torch": torch.__version__, "av": av.__version__})
