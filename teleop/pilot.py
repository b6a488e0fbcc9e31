"""Pilot: a policy at the wheel, the gate that decides when it asks, and what became of the questions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Action = NDArray[np.float32]


class Policy(Protocol):
    """Anything that acts: after `begin`, `act(obs)` gives a plan (n, A) in [-1, 1], the first action of which is executed.

    `replan`: something else was, and what was planned from there on no longer holds.
    """

    def begin(self, seed: int) -> None: ...

    def act(self, obs: Mapping[str, NDArray[Any]]) -> Action: ...

    def replan(self) -> None: ...


class Gate(Protocol):
    """Decides when the policy asks. `score` may be expensive (the policy's doubt); `asks` is pure in the score."""

    def score(self, obs: Mapping[str, NDArray[Any]]) -> float: ...

    def asks(self, score: float) -> bool: ...


@dataclass
class Pilot:
    """A policy that drives and asks. `executes_answers`: the answer is executed, else only kept as a label (DAgger, β = 0)."""

    policy: Policy
    gate: Gate
    label_budget: int
    executes_answers: bool = True
    labels: int = 0
    states: int = 0
    latencies_s: list[float] = field(default_factory=list)

    def asks(self, obs: Mapping[str, NDArray[Any]]) -> tuple[bool, float]:
        """Whether to stop and ask here, and the gate's score of this state; nothing is asked beyond the budget."""
        score = self.gate.score(obs)
        if self.labels >= self.label_budget:
            return False, score
        self.states += 1
        return self.gate.asks(score), score

    def propose(self, obs: Mapping[str, NDArray[Any]]) -> Action:
        """The action (A,) the policy would take now."""
        return np.clip(np.asarray(self.policy.act(obs)[0], np.float32), -1.0, 1.0)

    def note_answer(self, latency_s: float) -> None:
        self.labels += 1
        self.latencies_s.append(latency_s)


@dataclass
class Question:
    """The policy paused here: what it would do, how doubtful it is, since when it waits."""

    proposal: Action
    score: float
    asked_at_s: float
