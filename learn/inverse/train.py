"""Training of inverse models: a session's executed actions in, a model folder out; pre-training needs no action at all."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import UserError
from data.session import Session
from learn.dataset import Frames, split_episodes
from learn.inverse.checkpoint import InverseCheckpoint, load_inverse, save_inverse
from learn.inverse.model import InverseConfig, InverseModel, Trunk, Variant, build_inverse, windows
from learn.inverse.motion import load_motion
from learn.log import Log, open_log
from learn.model_folder import make_model_dir
from learn.progress import Report
from learn.threads import torch_threads

REPORTS = 20
BETA = 0.5  # of the β-NLL
HISTORY = {"causal": 1, "window": 3}  # states seen on each side, when not given

OnReport = Callable[[Report], None]


@dataclass(frozen=True)
class InverseTrain:
    """How to learn which action led from one state to the next."""

    variant: Variant = "window"
    """causal: what came before, and s_{t+1}. window: what came later too"""
    history: int | None = None
    """states seen on each side; 1 for causal, 3 for window when not given"""
    hidden: tuple[int, ...] = (64, 64)
    """widths of the network's layers"""
    steps: int = 3000
    """minibatches to learn from"""
    batch_size: int = 256
    """steps in a minibatch"""
    lr: float = 1e-3
    """step size at the beginning; it falls to 0 along a cosine"""
    weight_decay: float = 2.0
    """of the network, which adds to a ridge regression what is not linear; strong, for few labels"""
    valid_fraction: float = 0.1
    """share of the episodes held out, unless `data split` has chosen them"""
    episodes: int | None = None
    """learn from the actions of only so many of the episodes that are not held out"""
    pretrained: Path | None = None
    """a folder that pretrain made from play: begin from its latent actions; its keys are taken"""
    obs_keys: tuple[str, ...] = ()
    """observations to infer from; all low-dimensional ones when not given"""
    seed: int = 0
    wandb: str | None = None
    """a project of Weights & Biases to log to, too"""

    def __post_init__(self) -> None:
        smallest = {"steps": 1, "batch_size": 1, "seed": 0, "episodes": 1, "history": 1}
        for name, least in smallest.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name.replace('_', '-')} {value}: give at least {least}")
        if not self.lr > 0.0 or self.weight_decay < 0.0:
            raise UserError(f"--lr {self.lr} --weight-decay {self.weight_decay}: the first must be above 0, the second not below")
        if not 0.0 <= self.valid_fraction < 1.0:
            raise UserError(f"--valid-fraction {self.valid_fraction}: give a number from 0 up to, but not, 1")

    def model_config(self, frames: Frames) -> InverseConfig:
        history = HISTORY[self.variant] if self.history is None else self.history
        return InverseConfig(frames.obs_keys, frames.obs_dims, frames.target.shape[1], self.variant, history, self.hidden)


@dataclass(frozen=True)
class Score:
    """How well held-out actions are inferred: R² and mean absolute error of each dimension.

    R² is None where the actions never vary. `covered` is the share of actions within two of the model's standard deviations.
    """

    r2: tuple[float | None, ...]
    mae: tuple[float, ...]
    covered: tuple[float, ...]
    steps: int


@dataclass(frozen=True)
class InverseResult:
    """What training gave; `score` is None when no episode is held out."""

    model: InverseModel
    model_dir: Path
    steps: int
    episodes: int
    frames: int
    train_loss: float
    score: Score | None
    seconds: float


class Recipe(Protocol):
    """What `descend` has to know."""

    @property
    def steps(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


class Walk:
    """Windows of frames by row, and which rows have a step after them."""

    def __init__(self, frames: Frames, offsets: range) -> None:
        self.states, self.target, self.offsets = torch.from_numpy(frames.obs), torch.from_numpy(frames.target), offsets
        self.last = torch.from_numpy(frames.run_ends())
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), torch.unique(self.last) + 1])
        self.first = starts[torch.searchsorted(starts, torch.arange(len(frames)), right=True) - 1]
        self.is_step = torch.from_numpy(frames.follows)

    def steps_of(self, rows: Tensor) -> Tensor:
        """Those of `rows` that are no episode's end."""
        return rows[self.is_step[rows]]

    def at(self, rows: Tensor) -> Tensor:
        """(B, W, D) the windows at rows (B,)."""
        return windows(self.states, rows, self.first[rows], self.last[rows], self.offsets)

    def fit(self, trunk: Trunk, rows: Tensor) -> None:
        """Take the spread of the states at `rows`, and of the changes from them on."""
        steps = self.steps_of(rows)
        trunk.fit(self.states[rows], self.states[steps + 1] - self.states[steps])


def train_inverse(session: Session, config: InverseTrain, out: Path, progress: OnReport | None = None) -> InverseResult:
    """Learn an inverse model from every step of `session`, failures too, and keep it in the folder `out`.

    One seed gives the same weights on a CPU. Loss: the β-NLL of Seitzer et al. (2022), *On the Pitfalls of Heteroscedastic
    Uncertainty Estimation*, since a plain likelihood stops learning where it is unsure.
    """
    began_s = time.perf_counter()
    begun = None if config.pretrained is None else _pretrained(config.pretrained)
    keys = config.obs_keys if begun is None else begun.model.config.obs_keys
    frames = load_motion(session, keys)
    train_rows, valid_rows = (torch.from_numpy(rows) for rows in split_episodes(frames, config.valid_fraction, config.seed))
    train_rows = _first_episodes(frames, train_rows, config)
    make_model_dir(out)
    with torch_threads(1), open_log(out, config.wandb, plain(asdict(config).items())) as log:
        model = _begin(config, frames, begun)
        walk = Walk(frames, model.config.offsets)
        steps = walk.steps_of(train_rows)
        if begun is None:
            walk.fit(model.trunk, train_rows)
        model.action_range.fit(walk.target[steps])
        model.fit_line(model.trunk(walk.at(steps)), model.action_range.to_unit(walk.target[steps]))
        generator = torch.Generator().manual_seed(config.seed + 1)

        def loss(rows: Tensor) -> Tensor:
            mean, log_scale = model(walk.at(rows))
            return beta_nll(mean, log_scale, model.action_range.to_unit(walk.target[rows]))

        train_loss = descend(model, loss, steps, walk.steps_of(valid_rows), config, generator, heard_by(log, progress))
        model.eval()
        _calibrate(model, walk, walk.steps_of(valid_rows))
        score = evaluate_inverse(model, walk, walk.steps_of(valid_rows)) if len(valid_rows) else None
    episodes = len(np.unique(frames.episode[train_rows.numpy()]))
    result = InverseResult(model, out, config.steps, episodes, len(steps), train_loss, score, time.perf_counter() - began_s)
    save_inverse(out, InverseCheckpoint(model, "inverse", frames.env_id, frames.env_kwargs, frames.fingerprint, _summary(config, result)))
    return result


def heard_by(log: Log, progress: OnReport | None) -> OnReport:
    """Reports go into the log, and to who else wants them."""

    def report(now: Report) -> None:
        log.report(now)
        if progress is not None:
            progress(now)

    return report


def beta_nll(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Gaussian negative log likelihood weighted by σ^{2β}, held constant, so that hard steps keep their say in the mean."""
    nll = 0.5 * ((target - mean) / log_scale.exp()).square() + log_scale
    return (nll * (2.0 * BETA * log_scale.detach()).exp()).mean()


def descend(
    model: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: Tensor,
    valid_rows: Tensor,
    config: Recipe,
    generator: torch.Generator,
    progress: OnReport | None,
) -> float:
    """Minimise `loss` of minibatches of `rows` by AdamW, its step size falling to 0 along a cosine; the newest mean loss."""
    if not len(rows):
        raise UserError("the episodes have no step to learn from; record longer ones")
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    every, recent, newest = max(1, config.steps // REPORTS), [], math.nan
    model.train()
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
        now = loss(rows[torch.randint(len(rows), (config.batch_size,), generator=generator)])
        optimizer.zero_grad(set_to_none=True)
        now.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        recent.append(now.detach())
        if (step + 1) % every == 0 or step + 1 == config.steps:
            newest, recent = float(torch.stack(recent).mean()), []
            if progress is not None:
                with torch.no_grad():
                    valid = float(loss(valid_rows[:2048])) if len(valid_rows) else None
                progress(Report(step + 1, config.steps, newest, valid))
    return newest


@torch.no_grad()
def _calibrate(model: InverseModel, walk: Walk, rows: Tensor) -> None:
    """Stretch the model's scales so that held-out errors are, root mean square, as large as it says: trained ones flatter it."""
    if not len(rows):
        return
    mean, log_scale = model(walk.at(rows))
    off = (mean - model.action_range.to_unit(walk.target[rows])) / log_scale.exp()
    model.surety.copy_(off.double().square().mean(dim=0).sqrt().clamp_min(1e-3))


def evaluate_inverse(model: InverseModel, walk: Walk, rows: Tensor) -> Score:
    """Compare inferred with executed actions at `rows`."""
    parts = [model.infer(walk.at(part)) for part in torch.split(rows, 4096)]
    inferred, scale = (torch.cat(each) for each in zip(*parts, strict=True))
    return score_of(inferred, scale, walk.target[rows])


def score_of(inferred: Tensor, scale: Tensor, true: Tensor) -> Score:
    """Of actions (N, A), the model's standard deviations and what was executed."""
    off = (inferred - true).double()
    spread = (true - true.mean(dim=0)).double().square().sum(dim=0)
    r2 = [None if s < 1e-9 * len(true) else float(1.0 - e / s) for e, s in zip(off.square().sum(dim=0), spread, strict=True)]
    covered = (off.abs() <= 2.0 * scale + 1e-6).double().mean(dim=0)
    return Score(tuple(r2), tuple(off.abs().mean(dim=0).tolist()), tuple(covered.tolist()), len(true))


def _pretrained(folder: Path) -> InverseCheckpoint:
    begun = load_inverse(folder)
    if begun.kind != "pretrained":
        raise UserError(f"--pretrained {folder} is a finished model; give a folder that python -m learn pretrain made")
    return begun


def _begin(config: InverseTrain, frames: Frames, begun: InverseCheckpoint | None) -> InverseModel:
    if begun is None:
        return build_inverse(config.model_config(frames), config.seed)
    if begun.env_id != frames.env_id or begun.model.config.obs_dims != frames.obs_dims:
        raise UserError(
            f"--pretrained {config.pretrained} is of another environment or other observations than this session; "
            f"pretrain on play in {frames.env_id}"
        )
    model = build_inverse(replace(config.model_config(frames), latents=begun.model.config.latents), config.seed)
    model.trunk.load_state_dict(begun.model.trunk.state_dict())
    return model


def _first_episodes(frames: Frames, rows: Tensor, config: InverseTrain) -> Tensor:
    """The rows of as many training episodes as have labels; which ones follows from the seed."""
    if config.episodes is None:
        return rows
    episode = torch.from_numpy(frames.episode)[rows]
    numbers = torch.unique(episode)
    if config.episodes > len(numbers):
        raise UserError(f"--episodes {config.episodes}: only {len(numbers)} are not held out; give fewer, or leave it out")
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(config.seed))
    return rows[torch.isin(episode, numbers[order[: config.episodes]])]


def _summary(config: InverseTrain, result: InverseResult) -> dict[str, Any]:
    facts = {"episodes": result.episodes, "frames": result.frames, "train_loss": result.train_loss, "seconds": result.seconds}
    return {"train": plain(asdict(config).items()), **facts, "held_out": None if result.score is None else asdict(result.score)}


def plain(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Settings as JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in items}
