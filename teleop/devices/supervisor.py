"""Supervisor: when a person who watches a policy drive takes over, and when the policy may drive again.

HG-DAgger (Kelly, Sidrane, Driggs-Campbell and Kochenderfer, ICRA 2019) leaves the gate to the person. This one looks at
what a person sees: how far what the policy does is from any good way to do it, and whether it gets on.
"""

import numpy as np
from numpy.typing import NDArray

from teleop.devices.habits import OperatorConfig, ticks_of
from teleop.envs.arm import CONTROL_HZ

Vector = NDArray[np.float64]
ALIKE = 0.3  # a way is kept until another suits the policy better by more than this


class Supervisor:
    """One episode of watching. `holds` says whether the person has the wheel, `way` which way to do it the policy is
    about, the first until another suits it better.

    `unease` (W,) averages the disagreement with each way exponentially, over `unease_s`, while driving over `trust_s`: a
    policy that cannot make up its mind between two ways is at odds with both.
    """

    def __init__(self, ways: int, config: OperatorConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self.unease, self.way, self.holds = np.zeros(ways), 0, False
        self._delay_ticks: int | None = None  # until the hand moves; None: nothing has alarmed
        self._nearest_m, self._stuck_ticks = dict[str, float](), 0

    def watch(self, apart: Vector) -> None:
        """A tick that somebody drives; `apart` (W,) is how far what the policy would do is from each way."""
        over_s = self._config.trust_s if self.holds else self._config.unease_s
        self.unease += (apart - self.unease) / max(1.0, over_s * CONTROL_HZ)
        if not self.holds:
            best = int(self.unease.argmin())
            self.way = best if self.unease[self.way] > self.unease[best] + ALIKE else self.way

    def decide(self, stage: str, left_m: float) -> None:
        """Whether to hold RB from now on. `stage` of the task in the way `way`, and how far its place is."""
        if self.holds:
            if self.unease[self.way] <= self._config.let_go_at:
                self.rest()
            return
        self._follow(stage, left_m)
        if not self._is_alarmed():
            self._delay_ticks = None
        elif self._delay_ticks is None:
            self._delay_ticks = self._reaction_ticks()
        elif self._delay_ticks > 0:
            self._delay_ticks -= 1
        else:
            self.holds = True
            self.unease[:] = self._config.take_over_at  # trust is won back from here, whatever alarmed

    def _is_alarmed(self) -> bool:
        """What alarmed goes on alarming until it is nearly as good as what the person would let go at."""
        config = self._config
        limit = config.take_over_at if self._delay_ticks is None else 0.5 * (config.take_over_at + config.let_go_at)
        return bool(self.unease.min() >= limit or self._stuck_ticks >= config.stuck_s * CONTROL_HZ)

    def _reaction_ticks(self) -> int:
        config = self._config
        looks_away = self._rng.random() < config.inattention_rate * config.clumsiness
        return ticks_of(config.inattention_s if looks_away else config.reaction_s, self._rng)

    def _follow(self, stage: str, left_m: float) -> None:
        """Progress is a stage never seen, or to come nearer to the place of one than ever: going to and fro is none."""
        nearest = self._nearest_m.get(stage, np.inf)
        self._stuck_ticks += 1
        if left_m < nearest - self._config.progress_m:
            self._nearest_m[stage], self._stuck_ticks = left_m, 0

    def rest(self) -> None:
        """Hands off, and whatever progress there was begins to count anew."""
        self.holds, self._delay_ticks = False, None
        self._nearest_m, self._stuck_ticks = {}, 0
