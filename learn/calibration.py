"""Calibration: is a policy as sure of the next action as it may be? On episodes that it was not trained on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import UserError, one_of
from data.session import Session
from learn.checkpoint import Checkpoint
from learn.dataset import Frames, Ints, load_frames, split_episodes
from learn.policies import Policy
from learn.policies.head import Prediction
from learn.policies.noise import Noise
from learn.windows import Windows

REGIONS = (0.5, 0.8, 0.95)
ROWS_AT_A_TIME = 32
MOST_FITTED = 2000  # steps that a spread is fitted to
DRAWS = 256  # from a prediction, to find the mass of a region
EM_STEPS = 40
SPREAD_FLOOR = 1e-3  # of a half range
BOOTSTRAPS = 1000

Levels = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What N steps say of a policy's predictions of the next action, in its A dimensions that were ever moved.

    `nll` (N, A): negative log likelihoods in nats, of actions in half ranges. `levels` (N, A): the probability, by the
    policy, of the smallest region that holds the action; uniform over [0, 1] for one that is as sure as it may be (Hyndman 1996,
    *Computing and Graphing Highest Density Regions*). `episode` (N,) and `dims` (A,) say whose they are.
    """

    nll: Levels
    levels: Levels
    episode: Ints
    dims: tuple[int, ...]

    @property
    def mean_nll(self) -> float:
        """Nats an action, the sum of its dimensions'."""
        return float(self.nll.sum(axis=1).mean())

    def coverage(self, region: float) -> float:
        """Share of the actions' dimensions in the policy's regions of this probability; above it: too unsure, below: too sure."""
        return float((self.levels <= region).mean())

    def coverage_interval(self, region: float, seed: int = 0) -> tuple[float, float]:
        """95 % interval of `coverage`, by drawing episodes anew: steps of one are alike."""
        numbers, of = np.unique(self.episode, return_inverse=True)
        inside = np.bincount(of, (self.levels <= region).mean(axis=1)) / np.bincount(of)
        weight = np.bincount(of)
        drawn = np.random.default_rng(seed).integers(len(numbers), size=(BOOTSTRAPS, len(numbers)))
        means = (inside[drawn] * weight[drawn]).sum(axis=1) / weight[drawn].sum(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        return float(low), float(high)

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        names = [str(round(100 * region)) for region in REGIONS]
        return {
            "steps": len(self.levels),
            "episodes": len(np.unique(self.episode)),
            "nll": self.mean_nll,
            "coverage": {name: self.coverage(region) for name, region in zip(names, REGIONS, strict=True)},
            "coverage_interval": {name: list(self.coverage_interval(region)) for name, region in zip(names, REGIONS, strict=True)},
            "coverage_each": {
                str(dim): {name: float((self.levels[:, k] <= region).mean()) for name, region in zip(names, REGIONS, strict=True)}
                for k, dim in enumerate(self.dims)
            },
        }


def calibrate(trained: Checkpoint, session: Session, progress: Callable[[int, int], None] | None = None) -> Calibration:
    """Judge a policy by what `session` shows, in the episodes held out when it was trained on this session; of another
    session in all of them, or, where a spread has to be fitted first, in the later half. `progress(done, of)` counts steps.

    Raises UserError when the session does not fit the policy, or every one of its episodes was trained on.
    """
    policy = trained.policy
    frames = _frames_of(trained, session)
    fitted, judged = (torch.from_numpy(rows) for rows in _parts(trained, frames))
    windows = Windows(frames, policy.config, "cpu")
    dims = torch.nonzero(policy.action_range.reach > 0.0).flatten()
    spread = _fit_spread(policy, windows, _thinned(fitted), dims)
    nll, levels, rows = [], [], []
    for part in torch.split(judged, ROWS_AT_A_TIME):
        whole, predicted, target = _predict(policy, windows, part, dims)
        if len(whole):
            log_density, level = judge(_spread_out(predicted, spread), target)
            nll.append(-log_density)
            levels.append(level)
            rows.append(whole)
        if progress is not None:
            progress(min(int((judged == part[-1]).nonzero()[0]) + 1, len(judged)), len(judged))
    if not rows:
        raise UserError(f"the held-out episodes are shorter than the policy's window of {policy.config.chunk} steps; record longer ones")
    episode = frames.episode[torch.cat(rows).numpy()]
    return Calibration(torch.cat(nll).double().numpy(), torch.cat(levels).double().numpy(), episode, tuple(dims.tolist()))


def judge(predicted: Prediction, target: Tensor, noise: Noise | None = None) -> tuple[Tensor, Tensor]:
    """Log densities (N, A) of actions (N, A) under a mixture of one member, and the masses (N, A) of their regions."""
    assert predicted.scales is not None
    log_weights, means, scales = predicted.log_weights[0], predicted.means[0], predicted.scales[0]
    noise = noise or Noise()
    here = _log_density(log_weights, means, scales, target.unsqueeze(0))[0]
    chosen = torch.multinomial(log_weights.exp(), DRAWS, replacement=True, generator=noise.generator).T  # (S, N)
    each = chosen.unsqueeze(-1).expand(-1, -1, means.shape[-1]).unsqueeze(2)
    place, spread = (values.unsqueeze(0).expand(DRAWS, *values.shape).gather(2, each).squeeze(2) for values in (means, scales))
    drawn = place + spread * noise.normal(place.shape, place.device)
    return here, (_log_density(log_weights, means, scales, drawn) > here).double().mean(dim=0)


def _log_density(log_weights: Tensor, means: Tensor, scales: Tensor, x: Tensor) -> Tensor:
    """(S, N, A) of places x (S, N, A), under log weights (N, M), means and scales (N, M, A)."""
    off = (x.unsqueeze(2) - means) / scales
    each = -0.5 * off.square() - scales.log() - 0.5 * math.log(2 * math.pi)
    return torch.logsumexp(log_weights.unsqueeze(-1) + each, dim=2)


# -- predictions -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _predict(policy: Policy, windows: Windows, rows: Tensor, dims: Tensor) -> tuple[Tensor, Prediction, Tensor]:
    """Of those of `rows` whose window is whole, if the policy needs one: the rows, all members' predictions as one
    mixture (1, N, K·M, A), and the actions (N, A) in half ranges."""
    batch = windows.batch(rows.unsqueeze(0))
    at = -1 if policy.config.is_sequence else 0
    whole = batch.valid[0].expand(len(rows), -1)[:, at] > 0.0
    rows = rows[whole]
    if not len(rows):
        empty = torch.empty(0, len(dims))
        return rows, Prediction(empty, empty), empty
    batch = windows.batch(rows.unsqueeze(0))
    leading = batch.seen.state.shape[1:-1]
    found = policy.head.predict(policy.encoder(batch.seen.expand(policy.config.members, *leading)), Noise())
    members = len(found.log_weights)
    return (
        rows,
        Prediction(
            _merged(found.log_weights - math.log(members)),
            _merged(found.means[..., dims]),
            None if found.scales is None else _merged(found.scales[..., dims]),
        ),
        policy.action_range.to_unit(batch.target[0, :, at])[:, dims],
    )


def _merged(values: Tensor) -> Tensor:
    """(1, N, K·M, …) of (K, N, M, …)."""
    return values.transpose(0, 1).flatten(1, 2).unsqueeze(0)


def _spread_out(predicted: Prediction, spread: Tensor | None) -> Prediction:
    if spread is None:
        return predicted
    return Prediction(predicted.log_weights, predicted.means, spread.expand_as(predicted.means))


def _fit_spread(policy: Policy, windows: Windows, rows: Tensor, dims: Tensor) -> Tensor | None:
    """(A,) the one spread around predicted places under which the actions at `rows` are likeliest, by expectation maximisation.

    Of least squares it is the residuals' root mean square, of samples a kernel's width. None: the head knows its own.
    """
    if policy.head.knows_spread:
        return None
    parts = [_predict(policy, windows, part, dims)[1:] for part in torch.split(rows, ROWS_AT_A_TIME)]
    log_weights = torch.cat([predicted.log_weights[0] for predicted, _ in parts])
    means = torch.cat([predicted.means[0] for predicted, _ in parts])
    off = (torch.cat([target for _, target in parts]).unsqueeze(1) - means).square()
    spread = off.mean(dim=(0, 1)).sqrt().clamp_min(SPREAD_FLOOR)
    for _ in range(EM_STEPS):
        share = (log_weights.unsqueeze(-1) - 0.5 * off / spread.square()).softmax(dim=1)
        spread = (share * off).sum(dim=1).mean(dim=0).sqrt().clamp_min(SPREAD_FLOOR)
    return spread


# -- which steps -------------------------------------------------------------------------------------------------------


def _frames_of(trained: Checkpoint, session: Session) -> Frames:
    config = trained.policy.config
    settings = _settings(trained)
    failures, weights = bool(settings.get("include_failures", False)), settings.get("weights", "uniform")
    frames = load_frames(session, config.obs_keys, include_failures=failures, sees=bool(config.image_keys), weighting=weights)
    if frames.env_id != trained.env_id:
        raise UserError(f"the policy is of {trained.env_id}, {session.path} of {frames.env_id}; give a session of the former")
    here, there = (frames.obs_dims, tuple(frames.images), frames.image_shapes), (config.obs_dims, config.image_keys, config.image_shapes)
    if here != there or frames.target.shape[1] != config.action_dim:
        raise UserError(
            f"{session.path} does not fit the policy: it holds {one_of((*frames.obs_keys, *frames.images))} in other shapes, or actions of "
            f"{frames.target.shape[1]} numbers; give a session that was recorded as the policy's was"
        )
    return frames


def _settings(trained: Checkpoint) -> Mapping[str, Any]:
    settings = trained.summary.get("train", {})
    return settings if isinstance(settings, Mapping) else {}


def _parts(trained: Checkpoint, frames: Frames) -> tuple[Ints, Ints]:
    """The rows that a spread may be fitted to, and the rows that judge: what demonstrators showed, in both."""
    everything = np.flatnonzero(frames.shown)
    if frames.fingerprint == trained.fingerprint:
        settings = _settings(trained)
        training, held_out = split_episodes(frames, float(settings.get("valid_fraction", 0.0)), int(settings.get("seed", 0)))
        if not len(held_out):
            raise UserError("the policy was trained on every episode of this session; give another one, or train with --valid-fraction 0.1")
        return training[frames.shown[training]], held_out
    if trained.policy.head.knows_spread:
        return everything, everything
    numbers = np.unique(frames.episode[frames.shown])
    if len(numbers) < 2:
        raise UserError("one episode is not enough to fit the spread of this kind of policy and to judge it; record more")
    is_early = frames.episode < numbers[len(numbers) // 2]
    return np.flatnonzero(is_early & frames.shown), np.flatnonzero(~is_early & frames.shown)


def _thinned(rows: Tensor) -> Tensor:
    """At most MOST_FITTED of them, evenly."""
    return rows[:: max(1, math.ceil(len(rows) / MOST_FITTED))]
