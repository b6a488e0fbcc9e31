"""Pilot: a policy at the wheel, the gate that decides when it asks, and what became of the questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Action = NDArray[np.float32]
Obs = Mapping[str, NDArray[Any]]
UNLIMITED = 10**9  # a label budget that nobody comes to the end of


@dataclass(frozen=True)
class Way:
    """One way to go on from a state: its first action (A,) in [-1, 1], and how likely the policy finds it."""

    action: Action
    probability: float = 1.0


class Policy(Protocol):
    """Anything that acts: after `begin`, `act(obs)` gives a plan (n, A) in [-1, 1], the first action of which is executed.

    `replan`: something else was, and what was planned from there on no longer holds. `ways(obs)`: the ways to go on from
    where `act` has just been asked, its own first; `take(k)`: the k-th of these was chosen.
    """

    def begin(self, seed: int) -> None: ...

    def act(self, obs: Obs) -> Action: ...

    def replan(self) -> None: ...

    def ways(self, obs: Obs) -> Sequence[Way]: ...

    def take(self, way: int) -> None: ...


class Gate(Protocol):
    """Decides when the policy asks, and with `hands_over` also when the person gives the wheel back.

    `score` is the doubt about a state, asked for once in each, first; it may be expensive, and NaN where the gate has none.
    `asks` is told it where the policy is about to act, `hands_back` where the person drove without having been asked:
    `meant` was done, `proposal` the policy's idea.
    """

    @property
    def hands_over(self) -> bool: ...

    def score(self, obs: Obs) -> float: ...

    def asks(self, score: float) -> bool: ...

    def hands_back(self, score: float, meant: Action, proposal: Action) -> bool: ...


@dataclass
class Pilot:
    """A policy that drives and asks.

    `executed_share` β: how likely an answer is executed; else it is only kept as a label and the policy's own action is
    executed (DAgger's mixture of policies, Ross et al. 2011, section 3.1). `labels` counts answers and steps driven by
    the person, `either` answers without a label; together they are held against `label_budget`. `states` are those in
    which the policy might have asked or the person drove. `about` names the policy in the episodes that it drives;
    `successor` has another policy and gate, which take over where the next episode begins.
    """

    policy: Policy
    gate: Gate
    label_budget: int
    executed_share: float = 1.0
    labels: int = 0
    either: int = 0
    states: int = 0
    latencies_s: list[float] = field(default_factory=list)
    about: Mapping[str, Any] = field(default_factory=dict)
    successor: "Pilot | None" = None

    @property
    def left(self) -> int:
        """How many more answers there may be."""
        return max(0, self.label_budget - self.labels - self.either)

    def begin(self, seed: int) -> None:
        """An episode starts: the only moment at which another policy takes the wheel."""
        if self.successor is not None:
            better, self.successor = self.successor, None
            self.policy, self.gate, self.about = better.policy, better.gate, better.about
        self.policy.begin(seed)
        self._rng = np.random.default_rng([seed, len(self.latencies_s)])

    def asks(self, obs: Obs) -> tuple[bool, float]:
        """Whether to stop and ask here, and the gate's score of this state; nothing is asked beyond the budget."""
        score = self.gate.score(obs)
        if self.left == 0:
            return False, score
        self.states += 1
        return self.gate.asks(score), score

    def propose(self, obs: Obs) -> Action:
        """The action (A,) the policy would take now."""
        return np.clip(np.asarray(self.policy.act(obs)[0], np.float32), -1.0, 1.0)

    def executes_answer(self) -> bool:
        return self.executed_share >= 1.0 or float(self._rng.random()) < self.executed_share

    def note_answer(self, latency_s: float, *, labelled: bool) -> None:
        self.labels += labelled
        self.either += not labelled
        self.latencies_s.append(latency_s)

    def note_driven(self, obs: Obs, meant: Action, proposal: Action) -> tuple[bool, float]:
        """The person drove one step; whether the gate would hand back now, and its score."""
        score = self.gate.score(obs)
        self.labels += 1
        self.states += 1
        return self.gate.hands_back(score, meant, proposal) or self.left == 0, score
