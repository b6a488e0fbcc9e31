"""Policy: from an observation to a chunk of actions in [-1, 1]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learn.policies.config import HeadKind, PolicyConfig
from learn.policies.cvae import Cvae
from learn.policies.doubt import mutual_information, spread
from learn.policies.encoder import Encoder, Seen
from learn.policies.flow import Flow
from learn.policies.head import Head, Lesson, Prediction, Proposals
from learn.policies.mixture import Mixture
from learn.policies.noise import Noise
from learn.policies.normalize import ActionRange
from learn.policies.recurrent import Recurrent
from learn.policies.regression import Regression

Observation = Mapping[str, NDArray[np.generic]]
Chunk = NDArray[np.float32]

HEADS: Mapping[HeadKind, type[Head]] = {
    "regression": Regression,
    "mixture": Mixture,
    "flow": Flow,
    "recurrent": Recurrent,
    "cvae": Cvae,
}


@dataclass(frozen=True)
class Batch:
    """Windows to learn from, a minibatch for each of K members: what is seen (K, B, …) at their first steps (of sequence
    policies at each step, (K, B, C, …)), the actions `target` (K, B, C, A) from there on, and `valid` (K, B, C), 0 where a
    window reaches past the end of what was demonstrated. `rows` (K, B): their places in the training data, or None.
    """

    seen: Seen
    target: Tensor
    valid: Tensor
    rows: Tensor | None = None


@dataclass(frozen=True)
class BehaviourMode:
    """One way to go on from here: its action chunk (chunk, A) and its probability."""

    chunk: Chunk
    probability: float


class Policy(nn.Module):
    """An encoder, a head, and the demonstrations' ranges; an ensemble when `members` > 1 (they share only the encoder)."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.action_range = ActionRange(config.action_dim)
        self.head = HEADS[config.preset.head](config, self.encoder.width)

    # -- learning ----------------------------------------------------------------------------------------------------

    def fit_ranges(self, state: Tensor, target: Tensor) -> None:
        """Take the ranges of training rows: state (N, D) and actions (N, A)."""
        self.encoder.normalizer.fit(state)
        self.action_range.fit(target)

    def loss(self, batch: Batch, noise: Noise, progress: float = 1.0) -> Tensor:
        """What training lowers: the mean over members and windows. Draws noise and crops from `noise`."""
        lesson = Lesson(self.action_range.to_unit(batch.target), batch.valid, batch.rows, progress)
        augment = None if batch.rows is None else noise
        return self.head.loss(self.encoder(batch.seen, augment), lesson, noise).mean()

    # -- acting ------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def act_batch(self, seen: Seen, noise: Noise | None = None, mode: int | None = None) -> Tensor:
        """Chunks (B, C, A) for observations (B, …): the members' mean where that makes sense, else the first member's."""
        features = self.encoder(seen.expand(self.config.members, len(seen.state)))
        noise = noise or Noise()
        averages = self.head.averages
        chunks = self.head.chunks(features, noise, mode).mean(dim=0) if averages else self.head.first_chunks(features, noise, mode)
        return self.action_range.from_unit(chunks)

    def act(self, obs: Observation, mode: int | None = None, noise: Noise | None = None) -> Chunk:
        """The action chunk (chunk, A) in [-1, 1] for one observation; `mode` indexes `modes`, None is the policy's choice.

        Policies that draw take it from `noise`, and always draw the same without.
        """
        if mode is not None and not 0 <= mode < (known := self._mode_count(obs)):
            raise ValueError(f"mode {mode}: there are {known} here, counted from 0")
        return _to_numpy(self.act_batch(self.see(obs), noise, mode)[0])

    def _mode_count(self, obs: Observation) -> int:
        """Where modes are kept they are the same everywhere: no look is needed to count them."""
        return self.config.experts if self.head.keeps_modes else len(self.modes(obs))

    def modes(self, obs: Observation) -> tuple[BehaviourMode, ...]:
        """The ways to go on from here, of which `act(obs, mode=k)` takes the k-th; probabilities sum to 1."""
        proposals = self.proposals(obs)
        if self.head.averages:
            return (BehaviourMode(_to_numpy(self.action_range.from_unit(proposals.chunks.mean(dim=0)[0])), 1.0),)
        chunks, weights = self.action_range.from_unit(proposals.chunks[0]), proposals.weights[0].tolist()
        return tuple(BehaviourMode(_to_numpy(chunk), weight) for chunk, weight in zip(chunks, weights, strict=True))

    @torch.no_grad()
    def proposals(self, obs: Observation) -> Proposals:
        """Each member's ways to go on, in unit actions."""
        return self.head.proposals(self.encoder(self.see(obs).expand(self.config.members, 1)))

    def doubt(self, obs: Observation) -> float:
        """How far the members are from one mind about the next action; 0 for one member.

        Where they are averaged, the standard deviation between their actions (root mean square), as in EnsembleDAgger (Menda et
        al. 2019). Otherwise nats of `mutual_information`, at most the log of their number: a fork that all know is no doubt.
        """
        return 0.0 if self.config.members == 1 else self.doubt_in(self.outlook(self.features(obs)))

    @torch.no_grad()
    def features(self, obs: Observation) -> Tensor:
        """(1, F) what the encoder makes of one observation."""
        return cast(Tensor, self.encoder(self.see(obs)))

    @torch.no_grad()
    def outlook(self, features: Tensor) -> Prediction:
        """What the next action may be, of one observation's features (1, F); always the same draws."""
        return self.head.outlook(features.expand(self.config.members, 1, -1))

    def doubt_in(self, found: Prediction) -> float:
        """`doubt` of an outlook."""
        if self.head.averages:
            return spread(self.action_range.from_unit(found.means))
        assert found.scales is not None
        moved = self.action_range.reach > 0.0
        return mutual_information(Prediction(found.log_weights, found.means[..., moved], found.scales[..., moved]))

    def forget(self) -> None:
        """An episode begins; only recurrent policies remember any."""
        self.head.forget()

    def see(self, obs: Observation) -> Seen:
        """One observation as a batch of 1, on the policy's device."""
        parts = [np.asarray(obs[key], np.float32).reshape(-1) for key in self.config.obs_keys]
        state = torch.from_numpy(np.concatenate(parts) if parts else np.empty(0, np.float32)).unsqueeze(0)
        images = {key: torch.from_numpy(np.ascontiguousarray(obs[key])).unsqueeze(0) for key in self.config.image_keys}
        return Seen(state, images).to(self.action_range.middle.device)


def build_policy(config: PolicyConfig, seed: int = 0, make: Callable[[PolicyConfig], Policy] = Policy) -> Policy:
    """A policy with random weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(config)


def _to_numpy(values: Tensor) -> Chunk:
    return cast(Chunk, values.float().cpu().numpy())
