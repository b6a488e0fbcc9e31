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
    """What the one at the sticks can see of the loop; the scripted operator reads it, hardware does not need it."""

    phase: Phase = Phase.READY
    success: bool = False
    proposal: NDArray[np.float32] | None = None


class Device(Protocol):
    """One poll per control tick. `name` is for the HUD, `source` for the record."""

    name: str
    source: Source

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        """The stick now; `events` are the window's since the last poll, drained by the caller."""
        ...

    def close(self) -> None: ...
