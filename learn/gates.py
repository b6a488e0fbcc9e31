"""When to ask the person for help: gates look at a state's score and say yes or no."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError, one_of

GateKind = Literal["human", "every-step", "ensemble"]
Observation = Mapping[str, NDArray[np.generic]]


class Gate(Protocol):
    """Call both once per state the policy is about to act in: the score is kept, the answer pauses the loop."""

    def score(self, obs: Observation) -> float: ...

    def asks(self, score: float) -> bool: ...


class Doubting(Protocol):
    """A policy that can say how unsure it is about one state."""

    def doubt(self, obs: Observation) -> float: ...


class HumanGate:
    """Never asks: the person watches and takes over (HG-DAgger, Kelly et al. 2019). There is no score, so NaN."""

    def score(self, obs: Observation) -> float:
        return float("nan")

    def asks(self, score: float) -> bool:
        return False


class EveryStepGate:
    """Asks in every state (DAgger, Ross et al. 2011). There is no score, so NaN."""

    def score(self, obs: Observation) -> float:
        return float("nan")

    def asks(self, score: float) -> bool:
        return True


class EnsembleGate:
    """Asks where the ensemble disagrees most, at about a wished rate (EnsembleDAgger, Menda et al. 2019).

    The score is `policy.doubt`: disagreement between members, not the spread of actions, which fires at every fork.
    The threshold follows the `window` newest scores of visited states through `rank_p_value`, so at most the wished
    rate is asked when states come from one distribution, none of the first 1 / wished_rate - 1, and when doubt
    drifts away the rate returns to the wish within a window.
    """

    def __init__(self, policy: Doubting, wished_rate: float = 0.1, window: int = 500) -> None:
        if not 0.0 < wished_rate < 1.0:
            raise UserError(f"the wished query rate {wished_rate} is not between 0 and 1; 0.1 asks in one state of ten")
        if (window + 1) * wished_rate < 1.0:
            raise UserError(f"a window of {window} scores never asks at the rate {wished_rate}; give at least {int(1 / wished_rate)}")
        self._policy = policy
        self._wished_rate = wished_rate
        self._window = window
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []

    def score(self, obs: Observation) -> float:
        return self._policy.doubt(obs)

    def asks(self, score: float) -> bool:
        """Whether this score is among the highest of the window; the score then joins the window."""
        answer = rank_p_value(self._sorted, score) <= self._wished_rate
        self._remember(score)
        return answer

    def _remember(self, score: float) -> None:
        self._newest.append(score)
        insort(self._sorted, score)
        if len(self._newest) > self._window:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]


def rank_p_value(earlier: Sequence[float], score: float) -> float:
    """Share of `earlier` (sorted, rising) and `score` itself that is at least `score`, in (0, 1].

    For exchangeable scores P(value ≤ r) ≤ r for every r: the conformal p-value of Vovk et al. (2005).
    """
    at_least = len(earlier) - bisect_left(earlier, score)
    return (at_least + 1) / (len(earlier) + 1)


def gate_names() -> tuple[str, ...]:
    """What `--gate` offers."""
    return get_args(GateKind)


def build_gate(kind: str, policy: Doubting, members: int, wished_rate: float = 0.1) -> Gate:
    """The gate called `kind`; `members` is the size of the policy's ensemble."""
    if kind == "human":
        return HumanGate()
    if kind == "every-step":
        return EveryStepGate()
    if kind != "ensemble":
        raise UserError(f"--gate {kind} is not known; allowed: {one_of(gate_names())}")
    if members < 2:
        raise UserError("--gate ensemble needs a policy with at least 2 members, this one has 1; train it with --members 5")
    return EnsembleGate(policy, wished_rate)
