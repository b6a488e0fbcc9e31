"""`python -m teleop devices`: the gamepads, live."""

from dataclasses import dataclass

from teleop.devices.panel import PanelOptions, show_devices
from teleop.window import start_pygame


@dataclass(frozen=True)
class Devices(PanelOptions):
    """Show what can move the sticks here, live in a terminal; tell pads apart, calibrate one."""

    def run(self) -> int:
        start_pygame(display=False)
        return show_devices(self)
