"""Measures of learning: loading, what is held in memory, windows and steps a second, on one core."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from bench.loading import windows_a_second

from data.session import Session
from learn.dataset import Frames, load_frames
from learn.distributed import Team
from learn.policies.config import PolicyKind
from learn.train import TrainConfig, _Training
from scale.figures import Figure

ROUNDS = 3
STEPS: dict[PolicyKind, int] = {"bc": 200, "visual": 6}
LONG = 100_000
HELD = ("obs", "target", "episode", "follows", "kinds")


def figures(folder: Path, plain: Path, seeing: Path) -> list[Figure]:
    torch.set_num_threads(1)
    found: list[Figure] = []
    kinds: tuple[tuple[str, PolicyKind, Path], ...] = (("", "bc", plain), ("with two cameras", "visual", seeing))
    for kind, policy, path in kinds:
        session = Session.open(path)
        began_s = time.process_time()
        frames = load_frames(session, sees=bool(kind))
        took = time.process_time() - began_s
        many = f"{len(frames):,} steps of {len(session)} episodes"
        found += [
            Figure(f"loading {kind}".strip(), took / len(frames), "s", f"a step; {many}; seconds of one core"),
            Figure(f"memory {kind}".strip(), held(frames) / len(frames), "B", f"a step, held once for training; {many}"),
            _rate(f"windows {kind}".strip(), lambda f=frames, p=policy: windows_a_second(f, p, 1, ready=True), "minibatches of 64"),
            *stepped(folder, frames, policy, kind),
        ]
    return found


def held(frames: Frames) -> int:
    """Bytes of all arrays that a training holds."""
    arrays = [getattr(frames, name) for name in HELD if getattr(frames, name) is not None]
    return sum(array.nbytes for array in (*arrays, *frames.images.values()))


def stepped(folder: Path, frames: Frames, policy: PolicyKind, kind: str) -> list[Figure]:
    fit = _Training(frames, TrainConfig(policy=policy, steps=LONG, valid_fraction=0.0), folder / f"{policy}-fit", Team(), None).fit
    fit.advance()
    batch, steps = fit.recipe.batch_size, STEPS[policy]

    def rate() -> float:
        began_s = time.process_time()
        for _ in range(steps):
            fit.advance()
        return batch * steps / (time.process_time() - began_s)

    words = f"windows learned from by {policy}, minibatches of {batch}, one core"
    sent = sum(4 * value.numel() for value in fit.policy.parameters() if value.requires_grad)
    return [
        _rate(f"learning {kind}".strip(), rate, words),
        Figure(f"batch {kind}".strip(), batch, "", f"windows in a minibatch of {policy}"),
        Figure(f"gradients {kind}".strip(), sent, "B", f"of {policy}, which processes that share a minibatch tell each other each step"),
    ]


def _rate(name: str, rate: Callable[[], float], words: str) -> Figure:
    return Figure(name, max(rate() for _ in range(ROUNDS)), "/s", f"{words}; the best of {ROUNDS}")
