"""Training steps: ours, with minibatches gathered by index and an average of the weights, beside plain torch on ready batches."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from bench.loading import widths_of
from bench.row import FLOOR, Row, Thing
from bench.stage import Stage
from bench.turns import Side, seconds_of
from data.session import Session
from learn.dataset import load_frames
from learn.distributed import Team
from learn.policies import Policy
from learn.train import TrainConfig, _Training

ROUNDS, STEPS, LONG = 7, 300, 100_000
THING = Thing("training", "bc training, batches of 256, one thread", "steps/s", "more")
EPOCH = "its BC with the same network, its own run_epoch, hdf5_cache_mode all, no worker processes"


@dataclass(frozen=True)
class Pair:
    """So many steps of our training, and of plain torch on batches that lie ready; their hidden layers and batches."""

    ours: Callable[[], None]
    plain: Callable[[], None]
    hidden: tuple[int, ...]
    batch: int


def rows(stage: Stage) -> list[Row]:
    """A new pair each round: where memory happens to lie makes one network a tenth faster or slower than another."""
    pairs = [pair(stage.session, stage.folder / f"bc-{k}", STEPS) for k in range(ROUNDS + 1)]
    ours, plain = iter(pairs), iter(pairs)
    asked = {"data": str(stage.session.path / "session.hdf5"), "widths": widths_of(load_frames(stage.session))}
    asked |= {"hidden": pairs[0].hidden, "batch": pairs[0].batch, "steps": STEPS}
    others = [
        Side(FLOOR, "plain torch", lambda: STEPS / seconds_of(next(plain).plain), "the same network on ready batches"),
        Side("robomimic", "robomimic", stage.asks("robomimic", "train", **asked), EPOCH),
    ]
    cannot = {"robosuite": "it trains nothing", "LeRobot": "it has no such network to train"}
    return stage.compare(THING, lambda: STEPS / seconds_of(next(ours).ours), others, ROUNDS, **cannot)


def pair(session: Session, folder: Path, steps: int) -> Pair:
    fit = _Training(load_frames(session), TrainConfig(steps=LONG, valid_fraction=0.0), folder, Team(), None).fit
    policy: Policy = fit.policy
    widths = (policy.encoder.width, *policy.config.hidden, policy.config.action_dim)
    layers = [layer for a, b in pairwise(widths) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers[:-1], torch.nn.Tanh())
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    ready = [fit._minibatch() for _ in range(steps)]
    pairs = [(policy.encoder(b.seen)[0], policy.action_range.to_unit(b.target)[0, :, 0]) for b in ready]

    def plain() -> None:
        for x, y in pairs:
            loss = torch.nn.functional.mse_loss(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def ours() -> None:
        for _ in range(steps):
            fit.advance()

    return Pair(ours, plain, policy.config.hidden, fit.recipe.batch_size)
