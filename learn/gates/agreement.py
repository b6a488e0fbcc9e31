"""Agreement: when a person and a policy have been of one mind for long enough."""

import numpy as np

from teleop.pilot import Action


class Agreement:
    """Counts the states in a row in which the person's action lies within `within` (Euclidean, action units) of the policy's.

    LazyDAgger and ThriftyDAgger hand back after one such state; two hands that move apart agree where their speeds
    cross, so here it takes `in_a_row`.
    """

    def __init__(self, within: float, in_a_row: int) -> None:
        self.within, self._in_a_row, self._count = within, in_a_row, 0

    def begin(self) -> None:
        """The person drives from here on."""
        self._count = 0

    def holds(self, meant: Action, proposal: Action) -> bool:
        """Whether it has lasted long enough, this state included."""
        self._count = self._count + 1 if np.linalg.norm(meant - proposal) <= self.within else 0
        return self._count >= self._in_a_row
