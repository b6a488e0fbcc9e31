"""Labeller: what the scripted person answers to a policy's question, and how long that takes."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from teleop.devices.habits import OperatorConfig, ticks_of
from teleop.envs.arm import CONTROL_HZ

Vector = NDArray[np.float64]
FLOW_TICKS = CONTROL_HZ // 2


class Answer(StrEnum):
    """A, X, or RB with the sticks; `SLIP` is the sticks, wrongly."""

    ACCEPT = "accept"
    EITHER = "either"
    CORRECT = "correct"
    SLIP = "slip"


PRESSES = (Answer.ACCEPT, Answer.EITHER)


class Labeller:
    """`answers` counts along the whole sitting: every press of A and X, and each run of answers by the sticks in one flow.

    All else begins anew with each episode and is drawn from its seed, so that an episode is the same whatever was driven
    before, until the person tires.
    """

    def __init__(self, config: OperatorConfig) -> None:
        self._config, self.answers = config, 0
        self.begin(np.random.default_rng(0))

    def begin(self, rng: np.random.Generator) -> None:
        self._rng, self.answer = rng, Answer.CORRECT
        self._flow_ticks = 0

    @property
    def tiredness(self) -> float:
        """0 while there is patience, 1 when twice as much was asked of it."""
        patience = self._config.patience
        return 0.0 if patience is None else max(0.0, self.answers / patience - 1.0)

    def tick(self) -> None:
        self._flow_ticks = max(0, self._flow_ticks - 1)

    def ask(self, apart: Sequence[float] | Vector) -> int:
        """A question: `answer` is decided; the ticks it takes. `apart` (M,): how far what is proposed is from the own way to
        do it and from each other that is fine, () where nothing can be seen of it."""
        before, self.answer = self.answer, self._decide(apart)
        is_press, was_press, flows = self.answer in PRESSES, before in PRESSES, self._flow_ticks > 0
        if flows and not is_press and not was_press:
            return 0  # steering on
        self.answers += 1
        if not flows:
            slower = 1.0 + self.tiredness
            mean_s, sd_s = self._config.decision_s
            return ticks_of((slower * mean_s, slower * sd_s), self._rng)
        return ticks_of(self._config.tap_s if is_press else self._config.reaction_s, self._rng)

    def answered(self) -> None:
        self._flow_ticks = FLOW_TICKS

    def _decide(self, apart: Sequence[float] | Vector) -> Answer:
        config, chance = self._config, float(self._rng.random())
        unread = config.tired_lapse_rate * config.clumsiness * self.tiredness
        if chance < unread:
            return Answer.ACCEPT
        if chance < unread + config.lapse_rate * config.clumsiness:
            return Answer.SLIP
        near = [at <= config.tolerance for at in apart]
        if any(near[:1]):
            return Answer.ACCEPT
        return Answer.EITHER if any(near) else Answer.CORRECT
