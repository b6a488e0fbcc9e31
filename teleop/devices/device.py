"""Device: anything that moves the sticks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.schema import Phase, Source
from teleop.stick import Stick


@dataclass(frozen=True)
class View:
    """What the one at the sticks can see of the loop; the scripted operator reads it, hardware does not need it.

    `mode` is the behaviour mode asked for, `seed` the scene's. `proposal` (A,) is what the policy asks about, would do now, or,
    while somebody else drives, would do instead; None without a policy. `handed_over`: a gate has given the wheel to the
    person, who drives without holding RB until it takes it back. `rests`: nothing has to be driven now.
    """

    phase: Phase = Phase.READY
    success: bool = False
    proposal: NDArray[np.float32] | None = None
    heading_deg: float = 180.0
    mode: str = ""
    seed: int = 0
    handed_over: bool = False
    rests: bool = False


@dataclass(frozen=True)
class Pulse:
    """A rumble: the slow heavy motor and the quick light one in [0, 1], for so many seconds."""

    heavy: float
    light: float
    seconds: float


class Device(Protocol):
    """One poll per control tick. `name` is for the HUD, `source` for the record."""

    name: str
    source: Source
    profile: str  # whose labels the buttons carry; see devices/profiles.py

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        """The stick now; `events` are the window's since the last poll, drained by the caller."""
        ...

    def rumble(self, pulse: Pulse) -> None:
        """Shake, where the device can; returns at once."""
        ...

    def close(self) -> None: ...
