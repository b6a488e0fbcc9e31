"""make bench: what things cost here, each as a ratio to a floor measured in the same run.

Floors are what nobody could go below: MuJoCo's own steps, h5py's own write, torch's own training loop. Absolute times
are the machine's; the ratios are ours.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import mujoco
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from data.cli import run_command
from data.session import Session
from learn.train import TrainConfig, train
from teleop.clock import RealClock
from teleop.commands import COMMANDS
from teleop.envs import make_plant
from teleop.envs.arm import CONTROL_HZ

ROUNDS = 5
LOOP_TICKS = 200
TRAIN_STEPS = 400


@dataclass(frozen=True)
class Row:
    """One measured thing and its floor, both in milliseconds (medians over alternating rounds)."""

    what: str
    ours_ms: float
    floor: str
    floor_ms: float

    @property
    def ratio(self) -> float:
        return self.ours_ms / self.floor_ms


def paired(ours: Callable[[], object], floor: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of each, taken in turns so that a slower moment hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, kept in zip((ours, floor), times, strict=True):
            start = time.perf_counter()
            call()
            kept.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times[0])), float(np.median(times[1]))


def step_rows() -> list[Row]:
    """One control step, with and without two cameras, over the bare physics steps inside it."""
    plain, plain_arm = make_plant("PandaLift-v0", {"max_episode_steps": 100_000})
    seeing, _ = make_plant("PandaLift-v0", {"cameras": ("front", "wrist"), "max_episode_steps": 100_000})
    rng = np.random.default_rng(0)
    actions = rng.uniform(-0.3, 0.3, (50, 7)).astype(np.float32)
    substeps = round(1 / (CONTROL_HZ * plain_arm.model.opt.timestep))
    data = mujoco.MjData(plain_arm.model)

    def bare() -> None:
        for _ in actions:
            mujoco.mj_step(plain_arm.model, data, substeps)

    rows = []
    for name, env in (("step", plain), ("step + two 84×84 cameras", seeing)):
        env.reset(seed=0)
        ours, floor = paired(lambda env=env: [env.step(a) for a in actions], bare)
        rows.append(Row(name, ours / len(actions), f"{substeps} mj_step", floor / len(actions)))
    return rows


def lateness_row() -> Row:
    """How late ticks begin while the env steps and draws two cameras; the floor is an empty loop on the same clock."""
    env, _ = make_plant("PandaLift-v0", {"cameras": ("front", "wrist"), "max_episode_steps": 100_000})
    env.reset(seed=0)
    action = np.zeros(7, np.float32)

    def p99_ms(work: Callable[[], object]) -> float:
        clock = RealClock(1 / CONTROL_HZ)
        late = []
        for _ in range(LOOP_TICKS):
            late.append(clock.wait())
            work()
        return 1e3 * float(np.percentile(late, 99))

    return Row("tick lateness, 99th percentile", p99_ms(lambda: env.step(action)), "empty loop", p99_ms(lambda: None))


def commit_rows(folder: Path) -> list[Row]:
    """Keeping one more episode in a small and in a larger session, over h5py writing and fsyncing the same bytes."""
    run_command(
        "teleop", COMMANDS, ["record", "--device", "scripted", "--headless", "--episodes", "1", "--session", str(folder / "source")]
    )
    episode = Session.open(folder / "source").read(0)
    session = Session.create(folder / "session")

    def plain_write() -> None:
        with h5py.File(folder / "plain.hdf5", "w") as file:
            for name, column in (*episode.steps.items(), *episode.obs.items()):
                file.create_dataset(name, data=column)
        with (folder / "plain.hdf5").open("rb+") as raw:
            os.fsync(raw.fileno())

    rows = []
    for size in (10, 200):
        while len(session) < size:
            session.append(episode)
        ours, floor = paired(lambda: session.append(episode), plain_write)
        rows.append(Row(f"commit of episode {size}", ours, "h5py write + fsync", floor))
    return rows


def training_row(folder: Path) -> Row:
    """A training step over a plain torch step of the same network and batch."""
    session = Session.open(folder / "session")
    network = torch.nn.Sequential(
        torch.nn.Linear(19, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU(), torch.nn.Linear(256, 7), torch.nn.Tanh()
    )
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    x, y = torch.randn(256, 19), torch.rand(256, 7)

    def plain() -> None:
        torch.set_num_threads(1)
        for _ in range(TRAIN_STEPS):
            loss = torch.nn.functional.mse_loss(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    ours, floor = paired(lambda: train(session, TrainConfig(steps=TRAIN_STEPS), folder / "model"), plain)
    return Row("training step (with loading and saving)", ours / TRAIN_STEPS, "plain torch step", floor / TRAIN_STEPS)


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*step_rows(), lateness_row(), *commit_rows(folder), training_row(folder)]
    table = Table("what", "ms", "floor", "floor ms", "ratio")
    for row in rows:
        table.add_row(row.what, f"{row.ours_ms:.3f}", row.floor, f"{row.floor_ms:.3f}", f"{row.ratio:.2f}")
    Console(width=110).print(table)
    print(json.dumps({row.what: {"ms": row.ours_ms, "floor_ms": row.floor_ms, "ratio": row.ratio} for row in rows}))


if __name__ == "__main__":
    main()
