"""robosuite's side of `make bench`: its Lift with the Panda, its DataCollectionWrapper, its loop of collecting demonstrations.

Run by the Python of an environment with `pip install robosuite==1.5.2 mujoco==3.3.7 h5py`: robosuite 1.5.2 does not check
joints as MuJoCo 3.17 and later name them.
"""

import bench_server  # isort: skip

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import mujoco
import numpy as np
import robosuite
from robosuite.controllers import load_composite_controller_config
from robosuite.scripts.collect_human_demonstrations import collect_human_trajectory, gather_demonstrations_as_hdf5
from robosuite.utils.binding_utils import MjRenderContext
from robosuite.wrappers import DataCollectionWrapper

HZ = 20
CAMERAS = ["agentview", "robot0_eye_in_hand"]
LONGEST = 10**6
_set_up = MjRenderContext._set_mujoco_context_and_buffers


def lift(cameras: bool = False, **options: Any) -> Any:
    """Lift with OSC_POSE at 20 Hz, as its script makes it but without a window."""
    return robosuite.make(
        "Lift",
        robots="Panda",
        controller_configs=load_composite_controller_config(controller=None, robot="Panda"),
        has_renderer=False,
        has_offscreen_renderer=cameras,
        use_camera_obs=cameras,
        camera_names=CAMERAS,
        camera_heights=84,
        camera_widths=84,
        control_freq=HZ,
        horizon=LONGEST,
        ignore_done=True,
        reward_shaping=True,
        **options,
    )


def warm() -> None:
    """Let numba compile what robosuite uses, once and in another process: where it compiled, Mesa draws noise afterwards."""
    words = [sys.executable, "-W", "ignore", __file__, "--warm"]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def action(env: Any, k: int) -> np.ndarray:
    moved = np.zeros(env.action_dim)
    moved[:2] = 0.5 * np.sin(k / 10), 0.4 * np.cos(k / 13)
    return moved


class Plain(MjRenderContext):
    """robosuite's drawing without shadows and without smoothed edges."""

    def _set_mujoco_context_and_buffers(self) -> None:
        quality = self.model._model.vis.quality
        quality.shadowsize, quality.offsamples = 0, 0
        _set_up(self)
        self.scn.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False


_recorded: dict[str, Any] = {}


def step(ticks: int, cameras: bool, plain: bool = False) -> float:
    """Milliseconds of a step that DataCollectionWrapper records, with the cameras drawn: as they come, or as plainly as can be."""
    key = f"{cameras} {plain}"
    if key not in _recorded:
        shapes = {"render_collision_mesh": True, "render_visual_mesh": False} if plain else {}
        MjRenderContext._set_mujoco_context_and_buffers = Plain._set_mujoco_context_and_buffers if plain else _set_up
        with quiet():
            env = DataCollectionWrapper(lift(cameras, **shapes), tempfile.mkdtemp(dir="."))
            env.reset()
        if cameras:
            check_pictures(env)
        _recorded[key] = env
    env = _recorded[key]
    with quiet():
        return 1e3 / ticks * bench_server.seconds_of(lambda: [env.step(action(env, k)) for k in range(ticks)])


def check_pictures(env: Any) -> None:
    """Two pictures of an arm at rest are alike; noise is not."""
    one, other = (env.step(np.zeros(env.action_dim))[0]["agentview_image"].astype(float) for _ in range(2))
    if np.abs(one - other).mean() > 10.0 or one.std() < 5.0:
        raise RuntimeError("its pictures are noise")


class Hands:
    """A device that does what `tick(k)` allows for k = 0, 1, …, and ends the episode where that is False."""

    active_robot = 0

    def __init__(self, tick: Callable[[int], bool]) -> None:
        self.tick, self.k = tick, -1

    def start_control(self) -> None: ...

    def input2action(self, **_: Any) -> dict[str, np.ndarray] | None:
        self.k += 1
        if not self.tick(self.k):
            return None
        moved = np.array([0.5 * np.sin(self.k / 10), 0.4 * np.cos(self.k / 13), 0.0, 0.0, 0.0, 0.0])
        return {"right_delta": moved, "right_abs": moved, "right_gripper": np.array([-1.0])}


class Unseen(DataCollectionWrapper):
    """Without a window; closing it writes, as robosuite's does, and keeps the simulation.

    Every other step is a success: what has none is not kept, and ten in a row would end the episode.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(lift(), folder)
        self.t = 0
        self.env._check_success = lambda: self.t % 2 == 1

    def render(self) -> None: ...

    def close(self) -> None:
        if self.has_interaction:
            self._flush()
            self.has_interaction = False


def collect(env: Unseen, tick: Callable[[int], bool]) -> None:
    collect_human_trajectory(env, Hands(tick), "right", HZ, "target")


def loop(ticks: int) -> list[float]:
    """When each tick of its own loop began, in s: it steps, records and sleeps what is left of 50 ms."""
    began: list[float] = []

    def tick(k: int) -> bool:
        began.append(time.perf_counter())
        return k < ticks

    with quiet():
        if "loop" not in _recorded:
            _recorded["loop"] = Unseen(tempfile.mkdtemp(dir="."))
        collect(_recorded["loop"], tick)
    return began[:ticks]


def gather(episodes: int, steps: int) -> float:
    """Milliseconds of what its script does after each episode: all of them, so many, into demo.hdf5."""
    raw, out = Path(f"raw-{episodes}"), Path(f"out-{episodes}")
    with quiet():
        if not raw.exists():
            collect(Unseen(str(raw)), lambda k: k < steps)
            (one,) = raw.iterdir()
            for k in range(1, episodes):
                shutil.copytree(one, raw / f"{one.name}_{k}")
            out.mkdir()
        seconds = bench_server.seconds_of(lambda: gather_demonstrations_as_hdf5(str(raw), str(out), "{}"))
    with h5py.File(out / "demo.hdf5") as made:
        assert len(made["data"]) == episodes
    return 1e3 * seconds


def record(tell: bench_server.Tell, folder: str, steps: int) -> None:
    """Its script's loop: an episode, then all of them into demo.hdf5."""
    raw, out = f"{folder}/raw", f"{folder}/out"
    Path(out).mkdir(parents=True)
    env = Unseen(raw)
    for episode in range(1000):

        def tick(k: int, episode: int = episode) -> bool:
            if k:
                tell(episode=episode, step=k - 1)
            return k < steps

        collect(env, tick)
        gather_demonstrations_as_hdf5(raw, out, "{}")
        tell(kept=episode)


def left(folder: str) -> dict[int, int]:
    """How many steps of each episode its raw files have: more than what demo.hdf5 may have lost, were it being written."""
    there = {}
    for episode, raw in enumerate(sorted(Path(folder, "raw").iterdir())):
        there[episode] = sum(actions_in(path) for path in raw.glob("state_*.npz"))
    return there


def actions_in(path: Path) -> int:
    try:
        return len(np.load(path, allow_pickle=True)["action_infos"])
    except (OSError, ValueError, zipfile.BadZipFile):
        return 0  # cut short


def kill(steps: int, after_s: list[float]) -> dict[str, Any]:
    folders = [tempfile.mkdtemp(dir=".") for _ in after_s]
    with quiet():
        return bench_server.killed(lambda tell, folder: record(tell, folder, steps), left, folders, after_s)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    if sys.argv[1:] == ["--warm"]:
        env = DataCollectionWrapper(lift(), tempfile.mkdtemp())
        env.reset()
        env.step(action(env, 0))
    else:
        warm()
        commands = {"step": step, "loop": loop, "gather": gather, "kill": kill}
        bench_server.serve(commands, {"robosuite": robosuite.__version__, "mujoco": mujoco.__version__})
