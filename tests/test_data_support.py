"""What the tests of `data` share: ticks made by hand, for what a scripted recording never holds."""

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from data.episode import Episode, Step, build_episode
from data.schema import EpisodeMeta, Outcome, Phase, Source

META = EpisodeMeta(
    env_id="PandaLift-v0",
    env_kwargs={"cameras": ["front"], "image_size": 16},
    seed=41,
    outcome=Outcome.FAILURE,
    operator="gamepad: Pad",
    task="pick up the red cube",
    behaviour_mode="left",
    found_mode="over-left",
    control_hz=20.0,
    late_ticks=3,
    max_lateness_s=0.004,
    clock="simulated",
    parent=2,
    branch_step=17,
    dagger_round=1,
    model_xml="<mujoco model='°'/>",
    settings={"mapping": {"expo": 1.6}},
    versions={"mujoco": "4.0.0"},
    created="2026-11-23T02:04:41+00:00",
    idle_start=3,
    idle_end=1,
    uid="8f3a",
    recovered=True,
    origin="yesterday#4",
)


def tick(t: int = 0, source: Source = Source.HUMAN, **values: Any) -> Step:
    defaults: dict[str, Any] = {
        "obs": {"object": np.full(4, t, np.float32), "front_image": np.full((16, 16, 3), t, np.uint8)},
        "sim_state": np.full(5, t, np.float64),
        "state": np.full(3, t, np.float64),
        "action": np.full(7, 0.1, np.float32),
        "reward": 0.0,
        "source": source,
        "phase": Phase.POLICY if source is Source.POLICY else Phase.HUMAN,
        "stick": np.zeros(21, np.float32),
        "time_s": 100.0 + 0.05 * t,
    }
    return Step(**(defaults | values))


def made_episode(*steps: Step, meta: EpisodeMeta = META) -> Episode:
    ticks = list(steps) or [tick(t) for t in range(3)]
    return build_episode(ticks, ticks[-1].obs, np.full(5, len(ticks), np.float64), meta)


def film_frames(path: Path, width: int, height: int) -> np.ndarray:
    """A film's frames (N, height, width, 3)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
