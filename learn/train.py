"""Training: a session in, a model folder out."""

import copy
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from data.errors import UserError
from data.session import Session
from learn.checkpoint import Checkpoint, make_model_dir, save_policy
from learn.dataset import Frames, load_frames, split_episodes
from learn.policy import Batch, BCPolicy, PolicyConfig, PolicyKind, build_policy
from learn.threads import torch_threads

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD_NAME = "tensorboard"
REPORTS = 50  # how many times a run reports its losses


@dataclass(frozen=True)
class TrainConfig:
    """How to train. AdamW (Loshchilov & Hutter 2019) with the step size falling to 0 along a cosine."""

    policy: PolicyKind = "bc"
    steps: int = 4000
    """minibatches to learn from"""
    batch_size: int = 256
    lr: float = 1e-3
    weight_decay: float = 2.0
    """strong on purpose: weights that a few demonstrations leave undetermined must not act in a rollout"""
    valid_fraction: float = 0.1
    """share of the episodes held out, unless `data split` has chosen them; 0 holds none out"""
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    """CPU threads; more only help large networks on an otherwise idle machine"""
    members: int = 1
    """size of the ensemble; 5 is usual for --gate ensemble"""
    hidden: tuple[int, ...] = (256, 256)
    """widths of the hidden layers"""
    ema_decay: float = 0.999
    """how slowly the kept weights follow the trained ones; 0 keeps the trained ones"""
    obs_keys: tuple[str, ...] = ()
    """observations to learn from; robomimic's low-dimensional ones when not given"""
    include_failures: bool = False
    """learn from what the demonstrator did in failed episodes too"""

    def __post_init__(self) -> None:
        smallest = {"steps": 1, "batch_size": 1, "threads": 1, "seed": 0}
        for name, least in smallest.items():
            if getattr(self, name) < least:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at least {least}")
        if not self.lr > 0.0 or self.weight_decay < 0.0:
            raise UserError(f"--lr {self.lr} --weight-decay {self.weight_decay}: the first must be above 0, the second not below")
        for name, share in (("valid-fraction", self.valid_fraction), ("ema-decay", self.ema_decay)):
            if not 0.0 <= share < 1.0:
                raise UserError(f"--{name} {share}: give a number from 0 up to, but not, 1")


@dataclass(frozen=True)
class Report:
    """How training goes after `step` of `steps`. Losses are mean squared errors; `valid_loss` None: nothing held out."""

    step: int
    steps: int
    train_loss: float
    valid_loss: float | None


@dataclass(frozen=True)
class TrainResult:
    """What training gave. `valid_loss` is of the kept weights, `best_valid_loss` the lowest on the way."""

    policy: BCPolicy
    model_dir: Path
    steps: int
    train_loss: float
    valid_loss: float | None
    best_valid_loss: float | None
    frames: int
    episodes: int
    seconds: float
    interrupted: bool


@dataclass(frozen=True)
class _Data:
    """Training and validation rows on the device; member k draws its minibatches from rows `bootstrap[k]`."""

    train: Batch
    valid: Batch
    bootstrap: Tensor


Progress = Callable[[Report], None]


def train(session: Session, config: TrainConfig, out: Path, progress: Progress | None = None) -> TrainResult:
    """Learn a policy from `session` and keep it in the folder `out`; the same seed gives the same weights.

    Kept are the *last* weights, averaged over training (an exponential moving average), not those of the lowest
    validation loss: for cloned policies that loss says little about rollouts (Mandlekar et al. 2021). It is
    logged for overfitting to be seen.
    On Ctrl-C the weights so far are kept and `interrupted` is set.
    """
    _check_device(config.device)
    frames = load_frames(session, config.obs_keys or None, include_failures=config.include_failures)
    train_rows, valid_rows = (torch.from_numpy(rows) for rows in split_episodes(frames, config.valid_fraction, config.seed))
    policy = _start(frames, config, train_rows)
    make_model_dir(out)
    data = _to_device(frames, config, train_rows, valid_rows)
    started = time.perf_counter()
    reports: list[Report] = []
    with torch_threads(config.threads), _open_log(out) as log:
        average, interrupted = _fit(policy, data, config, _reporter(log, reports, progress))
    last = reports[-1]
    valid_losses = [r.valid_loss for r in reports if r.valid_loss is not None]
    result = TrainResult(
        policy=average.cpu().eval(),
        model_dir=out,
        steps=last.step,
        train_loss=last.train_loss,
        valid_loss=last.valid_loss,
        best_valid_loss=min(valid_losses, default=None),
        frames=len(frames),
        episodes=len(set(frames.episode.tolist())),
        seconds=time.perf_counter() - started,
        interrupted=interrupted,
    )
    _save(result, frames, config)
    return result


def _start(frames: Frames, config: TrainConfig, train_rows: Tensor) -> BCPolicy:
    wanted = PolicyConfig(
        obs_keys=frames.obs_keys,
        obs_dims=frames.obs_dims,
        action_dim=frames.target.shape[1],
        kind=config.policy,
        hidden=config.hidden,
        members=config.members,
    )
    policy = build_policy(wanted, config.seed)
    policy.normalizer.fit(torch.from_numpy(frames.obs)[train_rows])
    policy.action_range.fit(torch.from_numpy(frames.target)[train_rows])
    return policy.to(config.device)


def _to_device(frames: Frames, config: TrainConfig, train_rows: Tensor, valid_rows: Tensor) -> _Data:
    obs, target = torch.from_numpy(frames.obs), torch.from_numpy(frames.target)

    def batch(rows: Tensor) -> Batch:
        return Batch(obs[rows].to(config.device), target[rows].to(config.device))

    return _Data(batch(train_rows), batch(valid_rows), _bootstrap(config.members, len(train_rows), config.seed))


def _bootstrap(members: int, rows: int, seed: int) -> Tensor:
    """Row indices (K, N) each member learns from: all of them for one member, else a resample each (Breiman 1996)."""
    if members == 1:
        return torch.arange(rows).unsqueeze(0)
    return torch.randint(rows, (members, rows), generator=torch.Generator().manual_seed(seed))


def _fit(policy: BCPolicy, data: _Data, config: TrainConfig, report: Progress) -> tuple[BCPolicy, bool]:
    """Train `policy` in place; returns its averaged copy and whether Ctrl-C ended it early."""
    average = copy.deepcopy(policy)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.steps)
    every = max(1, config.steps // REPORTS)
    losses: deque[Tensor] = deque(maxlen=every)
    step, interrupted = 0, False
    try:
        for step, batch in enumerate(_minibatches(data, config), start=1):
            loss = policy.loss(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            _follow(average, policy, min(config.ema_decay, step / (step + 10.0)))
            losses.append(loss.detach())
            if step % every == 0 and step < config.steps:
                report(_report(step, config, losses, average, data))
    except KeyboardInterrupt:
        if not losses:  # nothing was learned that could be kept
            raise
        interrupted = True
    report(_report(step, config, losses, average, data))
    return average, interrupted


def _minibatches(data: _Data, config: TrainConfig) -> Iterator[Batch]:
    """One minibatch per member and step, drawn with replacement by index: (K, B, D) and (K, B, A)."""
    generator = torch.Generator().manual_seed(config.seed + 1)
    members, rows = data.bootstrap.shape
    for _ in range(config.steps):
        drawn = torch.randint(rows, (members, config.batch_size), generator=generator)
        chosen = data.bootstrap.gather(1, drawn).to(data.train.obs.device)
        yield Batch(data.train.obs[chosen], data.train.target[chosen])


@torch.no_grad()
def _follow(average: BCPolicy, policy: BCPolicy, decay: float) -> None:
    """average ← decay · average + (1 - decay) · policy; `decay` rises from small, so that the random start is forgotten."""
    for kept, trained in zip(average.parameters(), policy.parameters(), strict=True):
        kept.lerp_(trained, 1.0 - decay)


def _report(step: int, config: TrainConfig, losses: Iterable[Tensor], average: BCPolicy, data: _Data) -> Report:
    return Report(step, config.steps, float(torch.stack(list(losses)).mean()), _valid_loss(average, data.valid))


def _valid_loss(policy: BCPolicy, valid: Batch) -> float | None:
    """Mean squared error of the executed action (the members' mean) on held-out episodes."""
    if len(valid.obs) == 0:
        return None
    with torch.no_grad():
        return float(policy.error(policy.act_batch(valid.obs), valid.target))


def _open_log(out: Path) -> "SummaryWriter":
    from torch.utils.tensorboard import SummaryWriter  # costs 0.2 s that `evaluate` need not pay

    return SummaryWriter(str(out / TENSORBOARD_NAME))


def _reporter(log: "SummaryWriter", reports: list[Report], progress: Progress | None) -> Progress:
    """A callback that keeps the reports, writes them to TensorBoard's log and passes them on."""

    def report(now: Report) -> None:
        reports.append(now)
        for name, value in (("loss/train", now.train_loss), ("loss/valid", now.valid_loss)):
            if value is not None:
                log.add_scalar(name, value, now.step)
        log.flush()
        if progress is not None:
            progress(now)

    return report


def _save(result: TrainResult, frames: Frames, config: TrainConfig) -> None:
    summary = {
        "train": asdict(config),
        "steps": result.steps,
        "train_loss": result.train_loss,
        "valid_loss": result.valid_loss,
        "best_valid_loss": result.best_valid_loss,
        "frames": result.frames,
        "episodes": result.episodes,
        "seconds": result.seconds,
        "interrupted": result.interrupted,
    }
    save_policy(result.model_dir, Checkpoint(result.policy, frames.env_id, frames.env_kwargs, frames.fingerprint, summary))


def _check_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is usable here; give --device cpu")
