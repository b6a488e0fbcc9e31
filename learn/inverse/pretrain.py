"""Pre-training from play: what happens between two states, in few numbers, learned without a single action."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from data.errors import UserError
from data.session import Session
from learn.dataset import split_episodes
from learn.inverse.checkpoint import InverseCheckpoint, save_inverse
from learn.inverse.model import InverseConfig, InverseModel, build_inverse
from learn.inverse.motion import load_motion
from learn.inverse.train import Walk, descend, heard_by, plain
from learn.log import open_log
from learn.model_folder import make_model_dir
from learn.policies.layers import MemberMLP
from learn.progress import Report
from learn.threads import torch_threads

LOUDNESS = 3.0  # of a latent action among the features, in spreads: few labels then lean on it first
HIDDEN = 128


@dataclass(frozen=True)
class PretrainConfig:
    """How to learn from states alone."""

    latents: int = 12
    """numbers that a step has to be told in; somewhat more than the arm has actions"""
    steps: int = 4000
    """minibatches to learn from"""
    batch_size: int = 256
    """steps in a minibatch"""
    lr: float = 2e-3
    """step size at the beginning; it falls to 0 along a cosine"""
    weight_decay: float = 0.05
    """how strongly weights are drawn to 0"""
    valid_fraction: float = 0.1
    """share of the episodes held out, unless `data split` has chosen them"""
    obs_keys: tuple[str, ...] = ()
    """observations to learn from; all low-dimensional ones when not given"""
    seed: int = 0
    wandb: str | None = None
    """a project of Weights & Biases to log to, too"""

    def __post_init__(self) -> None:
        for name, least in {"steps": 1, "batch_size": 1, "seed": 0, "latents": 1}.items():
            if getattr(self, name) < least:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at least {least}")
        if not self.lr > 0.0 or self.weight_decay < 0.0 or not 0.0 <= self.valid_fraction < 1.0:
            raise UserError("--lr must be above 0, --weight-decay not below, --valid-fraction from 0 up to, but not, 1")


@dataclass(frozen=True)
class PretrainResult:
    """What pre-training gave; losses are mean squares in units of the changes' spread, `valid_loss` None: nothing held out."""

    model: InverseModel
    model_dir: Path
    frames: int
    train_loss: float
    valid_loss: float | None
    seconds: float


class Foresight(nn.Module):
    """A step told in few numbers z: encoded from s_t and s_{t+1}, and from s_t and z the change has to be foretold.

    What is told is what s_t does not say, and of an arm that nobody pushes that is the action, in other words: latent
    actions (Schmidt & Jiang 2024, *Learning to Act without Actions*), here with a linear encoder, which few labels
    translate. Works on what `Trunk.inputs` makes of pairs of states.
    """

    def __init__(self, config: InverseConfig) -> None:
        super().__init__()
        self.state_dim = config.state_dim
        self.encode = nn.Linear(3 * config.state_dim, config.latents)
        seen = config.state_dim + config.latents
        self.line = nn.Linear(seen, config.state_dim)
        self.bend = MemberMLP(1, (seen, HIDDEN, HIDDEN, config.state_dim))

    def loss(self, inputs: Tensor) -> Tensor:
        """Mean square error of the changes foretold, in their spread, of inputs (B, 3D)."""
        seen = torch.cat([inputs[:, : self.state_dim], self.encode(inputs)], dim=1)
        foretold = self.line(seen) + self.bend(seen.unsqueeze(0)).squeeze(0)
        error: Tensor = (foretold - inputs[:, 2 * self.state_dim :]).square().mean()
        return error

    @torch.no_grad()
    def latent_line(self, inputs: Tensor) -> Tensor:
        """(3D + 1, L) from inputs to latent actions of mean 0 and spread LOUDNESS over `inputs` (N, 3D)."""
        latents = self.encode(inputs)
        scale = LOUDNESS / latents.std(dim=0).clamp_min(1e-6)
        return torch.cat([self.encode.weight.T * scale, ((self.encode.bias - latents.mean(dim=0)) * scale).unsqueeze(0)])


def pretrain_inverse(
    session: Session, config: PretrainConfig, out: Path, progress: Callable[[Report], None] | None = None
) -> PretrainResult:
    """Learn a trunk from the states of every episode of `session` and keep it in `out`, for `train` to begin from.

    No action is read; one seed gives the same weights on a CPU.
    """
    began_s = time.perf_counter()
    frames = load_motion(session, config.obs_keys, actions=False)
    train_rows, valid_rows = (torch.from_numpy(rows) for rows in split_episodes(frames, config.valid_fraction, config.seed))
    make_model_dir(out)
    model_config = InverseConfig(frames.obs_keys, frames.obs_dims, 0, latents=config.latents)
    last: list[Report] = []

    def report(now: Report) -> None:
        last[:] = [now]
        if progress is not None:
            progress(now)

    with torch_threads(1), open_log(out, config.wandb, plain(asdict(config).items())) as log:
        model = build_inverse(model_config, config.seed)
        walk = Walk(frames, model_config.offsets)
        walk.fit(model.trunk, train_rows)
        foresight = _foresight(model_config, config.seed)
        steps, generator = walk.steps_of(train_rows), torch.Generator().manual_seed(config.seed + 1)

        def loss(rows: Tensor) -> Tensor:
            return foresight.loss(model.trunk.inputs(walk.at(rows)))

        descend(foresight, loss, steps, walk.steps_of(valid_rows), config, generator, heard_by(log, report))
        model.trunk.latent_line.copy_(foresight.latent_line(model.trunk.inputs(walk.at(steps))))
        model.eval()
    result = PretrainResult(model, out, len(train_rows), last[0].train_loss, last[0].valid_loss, time.perf_counter() - began_s)
    facts = {"frames": result.frames, "train_loss": result.train_loss, "valid_loss": result.valid_loss, "seconds": result.seconds}
    summary = {"pretrain": plain(asdict(config).items()), **facts}
    save_inverse(out, InverseCheckpoint(model, "pretrained", frames.env_id, frames.env_kwargs, frames.fingerprint, summary))
    return result


def _foresight(config: InverseConfig, seed: int) -> Foresight:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Foresight(config)
