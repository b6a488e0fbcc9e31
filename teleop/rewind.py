"""Rewind: scrubbing back through the simulator states of the running episode."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.takes import End
from teleop.stick import Axis, Stick

PULLED = 0.15
FASTEST, GENTLE_TICKS = 4.0, 10


def wants_rewind(stick: Stick) -> bool:
    return stick.axis(Axis.LT) > PULLED


@dataclass
class Scrub:
    """Where in the episode the operator is looking. `states` are those before each step; `tip` is where it had come to.

    `at` is the step from which driving would go on; len(states) is the tip.
    """

    states: Sequence[NDArray[np.float64]]
    tip: End
    position: float
    ticks: int = 0

    @classmethod
    def from_tip(cls, states: Sequence[NDArray[np.float64]], tip: End) -> "Scrub":
        return cls(states, tip, float(len(states)))

    @property
    def at(self) -> int:
        return int(np.ceil(self.position))

    def back(self, stick: Stick) -> NDArray[np.float64]:
        """One tick further back: at the speed it was recorded for half a second, then up to four times as fast, as far as LT is pulled."""
        pull = (stick.axis(Axis.LT) - PULLED) / (1.0 - PULLED)
        eased = min(1.0, self.ticks / GENTLE_TICKS)
        self.ticks += 1
        self.position = max(0.0, self.position - 1.0 - eased * (FASTEST - 1.0) * max(0.0, pull))
        return self.states[self.at] if self.at < len(self.states) else np.asarray(self.tip.sim_state)
