"""make bench-policies: what training and acting cost here, beside what they may.

Ratios to plain torch taken in turns, so that a slower moment hits both; milliseconds and windows a second are this machine's.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import inference, loading, training
from bench.row import FLOOR
from bench.turns import Side, compared, seconds_of
from marks import Mark, show

from data.cli import run_command
from data.session import Session
from learn.checkpoint import load_policy
from learn.commands import COMMANDS as LEARN
from learn.dataset import load_frames
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.policies.config import PolicyKind
from teleop.commands import COMMANDS as TELEOP

ROUNDS, STEPS, TRAININGS = 7, 300, 5


def record(folder: Path, episodes: int, *words: str) -> Session:
    arguments = ["record", "--env", "PandaLift-v0", "--session", str(folder), "--device", "scripted", "--headless"]
    run_command("teleop", TELEOP, [*arguments, "--episodes", str(episodes), *words])
    return Session.open(folder)


def training_ratio(session: Session, folder: Path) -> float:
    """Our training step, with batches gathered by index and an average of the weights, over plain torch on ready batches."""
    pair = training.pair(session, folder, STEPS)
    rows = compared(training.THING, lambda: seconds_of(pair.ours), [Side(FLOOR, "plain torch", lambda: seconds_of(pair.plain))], ROUNDS)
    return float(np.median(rows[0].ours) / np.median(rows[0].theirs))


def usual_training_ratio(session: Session, folder: Path) -> float:
    """The median of several: where memory happens to lie makes one network a tenth faster or slower than another."""
    return float(np.median([training_ratio(session, folder / str(k)) for k in range(TRAININGS)]))


def windows_a_second(session: Session) -> float:
    """Windows of two cameras, state and a chunk of actions, in minibatches of 64."""
    frames = load_frames(session, sees=True)
    return float(np.median([loading.windows_a_second(frames, "visual", 8, ready=False) for _ in range(ROUNDS + 1)][1:]))


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


def chunk_ms(kind: PolicyKind) -> float:
    """Median milliseconds for one chunk, on one core."""
    return inference.median_ms(inference.untrained(kind).act)


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
            Mark("moe, ms a chunk on one core", chunk_ms("moe"), 1.0),
            Mark("flow, ms a chunk on one core", chunk_ms("flow"), 20.0),
            Mark("seconds from 50 demonstrations to 95 % on PandaLift", seconds_to_95(plain, folder / "b"), 180.0),
            Mark("its success in 100 held-out episodes", held_out_success(folder / "b"), 0.95, at_least=True),
        ]
    return show(marks, "policies")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(sys.argv[2])
    else:
        sys.exit(main())
