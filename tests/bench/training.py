"""Training steps: ours, with minibatches gathered by index and an average of the weights, beside plain torch on ready batches."""

from collections.abc import Callable
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


def rows(stage: Stage) -> list[Row]:
    ours, plain, hidden, batch = sides(stage.session, stage.folder / "bc", STEPS)
    widths = widths_of(load_frames(stage.session))
    asked = {"data": str(stage.session.path / "session.hdf5"), "widths": widths, "hidden": hidden, "batch": batch, "steps": STEPS}
    others = [
        Side(FLOOR, "plain torch", lambda: STEPS / seconds_of(plain), "the same network on ready batches"),
        Side("robomimic", "robomimic", stage.asks("robomimic", "train", **asked), EPOCH),
    ]
    cannot = {"robosuite": "it trains nothing", "LeRobot": "it has no such network to train"}
    return stage.compare(THING, lambda: STEPS / seconds_of(ours), others, ROUNDS, **cannot)


def sides(session: Session, folder: Path, steps: int) -> tuple[Callable[[], None], Callable[[], None], list[int], int]:
    """So many steps of ours, and of plain torch on batches that lie ready; the network's hidden layers and the batch's size."""
    config = TrainConfig(steps=LONG, valid_fraction=0.0)
    fit = _Training(load_frames(session), config, folder, Team(), None).fit
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

    return ours, plain, list(policy.config.hidden), fit.recipe.batch_size
