"""Habits: what makes the scripted operator a person, as numbers that are stored with each episode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.errors import one_of
from teleop.envs.arm import CONTROL_HZ

MeanSd = tuple[float, float]  # seconds


@dataclass(frozen=True)
class OperatorConfig:
    """A person's habits. `skill` 1 is as given here, 0 twice as clumsy, 2 without noise, slips, overshoot or inattention.

    Times in seconds are (mean, standard deviation).

    Driving: `approach_per_s` is the speed wanted per metre of distance left; `noise` is relative to the deflection
    (signal-dependent noise, Harris and Wolpert 1998); `overshoot` is an error of aim relative to the distance of each
    sub-movement; of the time a share of `lapse_rate` goes into slips of the hand.

    Labelling: after `decision_s` a proposal within `tolerance` of the own way (`judgement.disagreement`; 0.6 is 35° beside
    it, or 40 % of its speed) is accepted (A), of another way to do the task "either is fine" (X), any other is corrected. In
    a flow of questions, half a second apart at most, a press takes `tap_s` and going on with the sticks no time. A share of
    `lapse_rate` of the answers is a slip of the hand. After `patience` answers in a sitting (None: tireless; sticks held
    through a flow are one) the person tires: with t = answers / patience − 1 the decision takes 1 + t times as long, and of
    the questions a share of t · `tired_lapse_rate` is answered by pressing A unread.

    `preferences`: how much the person likes each behaviour mode of the task, for driving and labelling alike; empty: all
    the same, and where it is not empty a mode it does not name is never felt like, though it is fine.

    Supervising, only where `supervises`: disagreement with the policy, in the way to do it that suits the policy best, is
    averaged over `unease_s`. From `take_over_at` on, or with no other stage of the task and no progress of `progress_m` for
    `stuck_s`, the person takes over after `reaction_s`, or, in a share of `inattention_rate` of the times, after
    `inattention_s`; and drives until the average over `trust_s`, which begins at `take_over_at`, has come down to `let_go_at`.
    """

    skill: float = 1.0
    reaction_s: MeanSd = (0.2, 0.05)
    decision_s: MeanSd = (0.8, 0.3)
    think_s: MeanSd = (0.6, 0.2)
    approach_per_s: float = 3.0
    turn_per_s: float = 3.0
    slew_per_s: float = 6.0
    noise: float = 0.10
    noise_memory: float = 0.6
    overshoot: float = 0.04
    pauses_per_s: float = 0.12
    pause_s: MeanSd = (0.25, 0.1)
    lapse_rate: float = 0.02
    lapse_s: float = 0.25
    tolerance: float = 0.6
    tap_s: MeanSd = (0.15, 0.05)
    patience: float | None = 300
    tired_lapse_rate: float = 0.1
    preferences: Mapping[str, float] = field(default_factory=dict)
    supervises: bool = False
    unease_s: float = 1.0
    take_over_at: float = 0.85
    trust_s: float = 0.5
    let_go_at: float = 0.6
    stuck_s: float = 4.0
    progress_m: float = 0.01
    inattention_rate: float = 0.05
    inattention_s: MeanSd = (1.5, 0.5)

    def __post_init__(self) -> None:
        if not 0.0 <= self.skill <= 2.0:
            raise ValueError(f"skill {self.skill} is outside 0 (clumsy) … 2 (clean)")
        if not 0.0 < self.tolerance < 2.0:
            raise ValueError(f"tolerance {self.tolerance} is not between 0 (the same) and 2 (the opposite)")
        if self.patience is not None and not self.patience > 0:
            raise ValueError(f"patience {self.patience} is not a number of answers above 0; None is tireless")
        if not 0.0 < self.let_go_at < self.take_over_at < 2.0:
            raise ValueError(f"let_go_at {self.let_go_at} and take_over_at {self.take_over_at} must rise between 0 and 2")
        for name in ("unease_s", "trust_s", "stuck_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} {getattr(self, name)} is not above 0; give seconds")
        if self.preferences and not (min(self.preferences.values()) >= 0.0 and sum(self.preferences.values()) > 0.0):
            raise ValueError(f"preferences {dict(self.preferences)} must be weights from 0 on, one of them above 0")

    @property
    def clumsiness(self) -> float:
        return 2.0 - self.skill

    def liking(self, modes: Sequence[str]) -> dict[str, float]:
        """How probable it is that the person feels like each of a task's modes; the sum is 1."""
        unknown = set(self.preferences) - set(modes)
        if unknown:
            raise ValueError(f"preferences name {one_of(unknown)}, no way to do this task; allowed: {one_of(modes)}")
        weights = {mode: self.preferences.get(mode, 0.0) if self.preferences else 1.0 for mode in modes}
        return {mode: weight / sum(weights.values()) for mode, weight in weights.items()}


def ticks_of(mean_sd_s: MeanSd, rng: np.random.Generator) -> int:
    """A time drawn, in control ticks."""
    return max(0, round(CONTROL_HZ * rng.normal(*mean_sd_s)))
