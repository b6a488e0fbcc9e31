"""Recipe: what all trainings of the study have in common, and which variants of the demonstrations there are."""

from dataclasses import dataclass
from typing import Literal, get_args

from learn.evaluate import FIRST_EVALUATION_SEED

Variant = Literal["whole", "subsampled"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True)
class Recipe:
    """`trajectories` an expert shows for each seed; `every`: the step in which the variant `subsampled` keeps pairs of state and action.

    Trained is `bc` with `hidden` widths for `steps` minibatches, judged over `episodes` whole episodes, the same for everybody.
    """

    trajectories: int
    every: int
    hidden: tuple[int, ...]
    steps: int
    weight_decay: float
    episodes: int

    @property
    def scenes(self) -> range:
        """The seeds of the episodes that policies are judged over; no demonstration started from one."""
        return range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + self.episodes)

    def step_of(self, variant: Variant) -> int:
        return 1 if variant == "whole" else self.every
