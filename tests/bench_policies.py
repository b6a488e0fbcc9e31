"""make bench-policies: what training and acting cost here, beside what they may.

Ratios to plain torch taken in turns, so that a slower moment hits both; milliseconds and windows a second are this machine's.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from marks import Mark, show

from data.cli import run_command
from data.session import Session
from learn.checkpoint import load_policy
from learn.commands import COMMANDS as LEARN
from learn.dataset import load_frames
from learn.distributed import Team
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.policies import Policy, PolicyConfig, build_policy
from learn.train import TrainConfig, _Training
from learn.windows import Windows
from teleop.commands import COMMANDS as TELEOP

ROUNDS, STEPS, CHUNKS, BATCHES, TRAININGS = 7, 300, 200, 100, 5
WIDE = {"obs_keys": ("a", "b", "c", "object"), "obs_dims": (3, 4, 2, 18), "action_dim": 7}


def medians_s(*calls: Callable[[], object]) -> list[float]:
    """Median seconds of each, taken in turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, kept in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return [float(np.median(each)) for each in times]


def record(folder: Path, episodes: int, *words: str) -> Session:
    arguments = ["record", "--env", "PandaLift-v0", "--session", str(folder), "--device", "scripted", "--headless"]
    run_command("teleop", TELEOP, [*arguments, "--episodes", str(episodes), *words])
    return Session.open(folder)


def training_ratio(session: Session, folder: Path) -> float:
    """Our training step, with batches gathered by index and an average of the weights, over plain torch on ready batches."""
    config = TrainConfig(steps=10 * ROUNDS * STEPS, valid_fraction=0.0)
    frames = load_frames(session)
    fit = _Training(frames, config, folder, Team(), None).fit
    policy: Policy = fit.policy
    sizes = (policy.encoder.width, *policy.config.hidden, policy.config.action_dim)
    layers = [layer for a, b in pairwise(sizes) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers[:-1], torch.nn.Tanh())
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    ready = [fit._minibatch() for _ in range(STEPS)]
    pairs = [(policy.encoder(b.seen)[0], policy.action_range.to_unit(b.target)[0, :, 0]) for b in ready]

    def plain() -> None:
        for x, y in pairs:
            loss = torch.nn.functional.mse_loss(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def ours() -> None:
        for _ in range(STEPS):
            fit.advance()

    a, b = medians_s(ours, plain)
    return a / b


def usual_training_ratio(session: Session, folder: Path) -> float:
    """The median of several: where memory happens to lie makes one network a tenth faster or slower than another."""
    return float(np.median([training_ratio(session, folder / str(k)) for k in range(TRAININGS)]))


def windows_a_second(session: Session) -> float:
    """Windows of two cameras, state and a chunk of actions, in minibatches of 64."""
    frames = load_frames(session, sees=True)
    config = PolicyConfig(
        frames.obs_keys, frames.obs_dims, 7, kind="visual", chunk=8, image_keys=tuple(frames.images), image_shapes=frames.image_shapes
    )
    windows, draw = Windows(frames, config, "cpu"), torch.Generator().manual_seed(0)

    def gather() -> None:
        for _ in range(BATCHES):
            windows.batch(torch.randint(len(frames), (1, 64), generator=draw))

    (seconds,) = medians_s(gather)
    return 64 * BATCHES / seconds


def peak_over_raw(session: Path) -> float:
    """Peak memory that loading adds to a fresh process, over the pictures' own bytes."""
    said = subprocess.run([sys.executable, __file__, "--load", str(session)], capture_output=True, text=True, check=True).stdout
    return float(json.loads(said.splitlines()[-1]))


def load(path: str) -> None:
    before = high_water_kb()
    frames = load_frames(Session.open(path), sees=True)
    raw = sum(image.nbytes for image in frames.images.values())
    print(json.dumps((high_water_kb() - before) * 1024 / raw))


def high_water_kb() -> int:
    """The most memory this process has held; unlike getrusage's, nothing of the one that started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def chunk_ms(kind: str, chunk: int) -> float:
    """Median milliseconds for one chunk, on one core."""
    hidden = (256, 256) if kind == "moe" else (128, 128, 128)
    policy = build_policy(PolicyConfig(**WIDE, kind=kind, chunk=chunk, execute=1, hidden=hidden)).eval()
    rng = np.random.default_rng(0)
    obs = {key: rng.normal(size=width).astype(np.float32) for key, width in zip(WIDE["obs_keys"], WIDE["obs_dims"], strict=True)}
    times = []
    for _ in range(CHUNKS):
        start = time.perf_counter()
        policy.act(obs)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def held_out_success(folder: Path) -> float:
    """Success rate of a trained policy on 100 starts that neither demonstrations nor the choice of the checkpoint had."""
    return evaluate(load_policy(folder).policy, "PandaLift-v0", {}, 100, FIRST_EVALUATION_SEED).success_rate


def seconds_to_95(session: Session, folder: Path) -> float:
    """Wall-clock of `learn train` as a user gives it, until a checkpoint succeeds in 95 % of 20 rollouts."""
    start = time.perf_counter()
    words = ["train", str(session.path), "--policy", "bc", "--out", str(folder), "--target-success", "0.95", "--checks", "10"]
    run_command("learn", LEARN, words)
    seconds = time.perf_counter() - start
    summary = json.loads((folder / "policy.json").read_text(encoding="utf-8"))["summary"]
    reached = summary["checks"][-1]["successes"] >= 0.95 * summary["checks"][-1]["episodes"]
    return seconds if reached else float("inf")


def main() -> int:
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        plain, seeing = record(folder / "plain", 50), record(folder / "seeing", 50, "--cameras", "front", "wrist")
        marks = [
            Mark("bc training step over plain torch on ready batches", usual_training_ratio(plain, folder / "a"), 1.25),
            Mark("windows with two pictures a second", windows_a_second(seeing), 10_000, at_least=True),
            Mark("peak memory of loading over the pictures' bytes", peak_over_raw(seeing.path), 1.3),
            Mark("moe, ms a chunk on one core", chunk_ms("moe", 8), 1.0),
            Mark("flow, ms a chunk on one core", chunk_ms("flow", 8), 20.0),
            Mark("seconds from 50 demonstrations to 95 % on PandaLift", seconds_to_95(plain, folder / "b"), 180.0),
            Mark("its success in 100 held-out episodes", held_out_success(folder / "b"), 0.95, at_least=True),
        ]
    return show(marks, "policies")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(sys.argv[2])
    else:
        sys.exit(main())
