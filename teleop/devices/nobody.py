"""Nobody: what is at the sticks while a policy drives alone."""

from collections.abc import Sequence
from typing import Any

from data.schema import Phase
from teleop.devices.device import Device, Pulse, View
from teleop.stick import Button, Stick, make_stick


class Nobody:
    """A `Device` that starts every episode and does nothing else. Who sits beside it, at `other`, may only quit."""

    def __init__(self, other: Device) -> None:
        self.other = other
        self.name, self.source, self.profile = other.name, other.source, other.profile

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if Button.GUIDE in self.other.poll(events, View(Phase.PAUSED)).pressed:
            pressed = [Button.GUIDE]
        else:
            pressed = [Button.START] if view.phase is Phase.READY else []
        return make_stick(held=pressed, pressed=pressed)

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None:
        self.other.close()
