"""Beta: how often the demonstrator's action is executed instead of the policy's, round by round."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import tyro

from data.errors import UserError, one_of

BetaKind = Literal["constant", "linear", "exponential"]


@dataclass(frozen=True)
class BetaSchedule:
    """Ross, Gordon & Bagnell (2011), section 3: π_i = β_i π* + (1 − β_i) π̂_i, drawn anew in each step.

    The demonstrations are the paper's first iteration, with β = 1; `beta(i)` is that of round i ≥ 1, which is its (i + 1)-th.
    Constant 0 is the paper's parameter-free I(i = 1); exponential with `start` = `decay` = p its p^(i−1). The guarantee needs
    only that the mean over the rounds goes to 0 (theorem 3.2 there): a constant above 0 has none.
    """

    kind: Annotated[BetaKind, tyro.conf.arg(name="beta")] = "constant"
    """of --gate every-step: how the share of your answers that are executed, instead of the policy's own actions, changes"""
    start: Annotated[float, tyro.conf.arg(name="beta-start")] = 0.0
    """this share in round 1"""
    rounds: Annotated[int, tyro.conf.arg(name="beta-rounds")] = 5
    """of --beta linear: from this round on it is 0"""
    decay: Annotated[float, tyro.conf.arg(name="beta-decay")] = 0.5
    """of --beta exponential: each round's is so much of the one before"""

    def __post_init__(self) -> None:
        if self.kind not in get_args(BetaKind):
            raise UserError(f"--beta {self.kind} is not known; allowed: {one_of(get_args(BetaKind))}")
        if not 0.0 <= self.start <= 1.0:
            raise UserError(f"--beta-start {self.start}: give a probability from 0 to 1; 0 lets the policy drive alone")
        if self.rounds < 2:
            raise UserError(f"--beta-rounds {self.rounds}: give at least 2; the first is round 1, with --beta-start")
        if not 0.0 <= self.decay < 1.0:
            raise UserError(f"--beta-decay {self.decay}: give a number from 0 up to, but not, 1; 0.5 halves it every round")

    def beta(self, number: int) -> float:
        """Probability in a step of round `number`, from 1."""
        if self.kind == "linear":
            return self.start * max(0.0, (self.rounds - number) / (self.rounds - 1))
        return self.start * (self.decay ** (number - 1) if self.kind == "exponential" else 1.0)
