"""Head: from features to chunks of actions, each dimension in units of its demonstrated range."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from learn.policies.noise import Noise


@dataclass(frozen=True)
class Lesson:
    """What a head learns from: `target` (K, B, C, A) unit actions, `valid` (K, B, C) 0 past a window's end.

    `rows` (K, B) are the windows' places in the training data, None for data that is not trained on; `progress` is the
    share of the training that is done, in [0, 1).
    """

    target: Tensor
    valid: Tensor
    rows: Tensor | None = None
    progress: float = 1.0

    def per_window(self, error: Tensor) -> Tensor:
        """(K, B) mean over a window's own steps and all dimensions of an error (K, B, C, A)."""
        if error.shape[2] == 1:
            return error.mean(dim=(2, 3))
        return (error.mean(dim=-1) * self.valid).sum(dim=-1) / self.valid.sum(dim=-1)


@dataclass(frozen=True)
class Proposals:
    """The ways to go on that K members see from one observation: `chunks` (K, M, C, A) unit actions, `weights` (K, M)."""

    chunks: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Prediction:
    """The next action as members say it: of each (K, B) a mixture of M Gaussians in each dimension, in unit actions.

    `means` and `scales` (K, B, M, A), `log_weights` (K, B, M); `scales` None where a head knows places, but no spread.
    """

    log_weights: Tensor
    means: Tensor
    scales: Tensor | None = None


class Head(nn.Module, ABC):
    """One of K members each; they share nothing. Features are (K, B, F), of sequence heads (K, B, C, F)."""

    averages = False  # whether the members' mean is a better chunk than one member's
    knows_spread = False  # whether `predict` gives scales
    keeps_modes = False  # whether mode k is the same way from one observation to the next

    @abstractmethod
    def loss(self, features: Tensor, lesson: Lesson, noise: Noise) -> Tensor:
        """What to lower, (K, B)."""

    @abstractmethod
    def chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """A chunk (K, B, C, A) for each row; with `mode`, which indexes `proposals`, that way."""

    def first_chunks(self, features: Tensor, noise: Noise, mode: int | None = None) -> Tensor:
        """(B, C, A) of `chunks` the first member's."""
        return self.chunks(features, noise, mode)[0]

    @abstractmethod
    def proposals(self, features: Tensor) -> Proposals:
        """All ways to go on from one observation's features (K, 1, F)."""

    @abstractmethod
    def predict(self, features: Tensor, noise: Noise) -> Prediction:
        """What the next action may be, for each row of features as `chunks` takes them."""

    def outlook(self, features: Tensor) -> Prediction:
        """What the next action may be here and now, from one observation's features (K, 1, F); always the same draws."""
        return self.predict(features, Noise())

    def attend(self, state: Tensor, episodes: Tensor) -> None:
        """Training begins; row i of the data has the normalised state `state[i]` (N, D) and belongs to episode `episodes[i]`."""

    def forget(self) -> None:
        """An episode begins: whatever is remembered of another one goes."""
