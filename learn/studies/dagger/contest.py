"""Contest: what behaviour cloning and DAgger are given, the same for both; and where everything of it lies."""

from dataclasses import dataclass, field, replace
from typing import Literal

from learn.gates import BetaSchedule
from learn.train import TrainConfig

Method = Literal["bc", "dagger"]
METHODS: tuple[Method, Method] = ("bc", "dagger")
REFERENCE_SCENE = 50_000  # first of the expert's own


@dataclass(frozen=True)
class Contest:
    """In the arena of that name both begin with the same `demonstrations`; in each of `rounds` behaviour cloning is shown `more` of
    them, and DAgger gets as many answers as these have steps.

    After each a network is trained from scratch with `minibatches` and judged in the same `scenes`; `seeds` times. `reference` are the
    expert's episodes that states are held against. `most_steps` of an episode (None: the environment's own limit), `every` as many of
    them are a point of a curve along it. `beta`: how often an answer is executed, too: of the demonstrations always, then half of them,
    a quarter … (Ross et al. 2011, section 3: else the first policies, which make many mistakes, visit what is soon irrelevant).
    """

    arena: str
    seeds: int = 5
    demonstrations: int = 5
    more: int = 5
    rounds: int = 4
    minibatches: int = 2000
    weight_decay: float = 0.1
    scenes: int = 40
    reference: int = 200
    most_steps: int | None = None
    every: int = 1
    beta: BetaSchedule = field(default_factory=lambda: BetaSchedule("exponential", start=0.5, decay=0.5))

    def training(self, seed: int) -> TrainConfig:
        """One action at a time, from all labels there are, those of failed demonstrations too; the last weights are taken."""
        training = TrainConfig("bc", valid_fraction=0.0, seed=seed, include_failures=True)
        return replace(training, steps=self.minibatches, weight_decay=self.weight_decay)
