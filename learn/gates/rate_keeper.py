"""Rate keeper: asks where a score is high, in the wished share of states whatever the scores do."""

from collections.abc import Sequence

import numpy as np

from data.errors import UserError
from learn.gates.newest import Newest

WINDOW = 500  # newest states that a score is compared with
CALIBRATION = 100  # of the session's states, in their place until there are visited ones
TOLERANCE = 0.2  # of the wished share
SETTLED = 300  # states after which single answers keep within it
SETTLED_HANDING_OVER = 600  # more, so that a stretch of answers moves the level less
FASTEST = 0.5


class RateKeeper:
    """Adaptive conformal inference (Gibbs & Candès 2021, equation 2) on the rank of a score among the newest.

    A state is asked about where the p-value of its score among the newest WINDOW is at most a level; after every state the
    level moves by γ (wished − answered), `answered` being 1 where the person answered in it, asked or driving, else 0. At a
    level of 0 nothing is asked, at 1 everything, so it stays between −γ L (1 − wished) and 1 + γ wished, where L is the
    longest stretch of states that follows from one question. After T states, whatever their scores, therefore

        −((1 − wished) / γ + wished) / T ≤ share answered − wished ≤ (wished / γ + L (1 − wished)) / T

    (their proposition 4.1, which has L = 1). γ is such that single answers keep within TOLERANCE of the wished share from
    `settled` states on, but at most FASTEST, as where fewer than about 10 answers are wished in these. With a lower one the
    rate would be kept later, and the choice be freer. Scores that are alike are told apart by chance.
    """

    def __init__(self, wished: float, calibration: Sequence[float] = (), seed: int = 0, settled: int = SETTLED) -> None:
        if not 0.0 < wished < 1.0:
            raise UserError(f"--rate {wished} is not between 0 and 1; 0.25 asks in one state of four")
        self.wished = self.level = wished
        self.gain = gain_of(wished, settled)
        self._newest = Newest(WINDOW, thinned(calibration, CALIBRATION))
        self._rng = np.random.default_rng(seed)

    def asks(self, score: float) -> bool:
        """Whether to ask about a state; where it says so, that state counts as answered."""
        p_value = self._newest.p_value(score, 1.0 - self._rng.random())
        answer = self.level >= 1.0 or p_value <= self.level
        self._note(score, answered=answer)
        return answer

    def answered(self, score: float) -> None:
        """A state in which the person drove on after a question."""
        self._note(score, answered=True)

    def _note(self, score: float, *, answered: bool) -> None:
        self._newest.add(score)
        self.level += self.gain * (self.wished - answered)


def gain_of(wished: float, settled: int) -> float:
    """γ with which single answers miss at worst TOLERANCE of the wished share after `settled` states, FASTEST at most."""
    off = TOLERANCE * wished * settled  # answers
    asks_late, asks_early = off - wished, off - (1.0 - wished)
    if min(asks_late, asks_early) <= 0.0:
        return FASTEST
    return min(FASTEST, max((1.0 - wished) / asks_late, wished / asks_early))


def thinned(values: Sequence[float], most: int) -> list[float]:
    """At most `most` of them, evenly."""
    return [float(values[k]) for k in np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)]
