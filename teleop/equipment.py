"""Equipment: the options about the gamepad and the window that every command with a person at the sticks has."""

from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import UserError
from teleop.cockpit import CockpitConfig
from teleop.window import SIZE_PX, LookName

LARGEST_PX = (3840, 2160)


@dataclass(frozen=True)
class Equipment:
    """Which pad to take, and how the window shows the scene."""

    pad: str = ""
    """which gamepad: its number, a part of its name or its GUID (python -m teleop devices lists them)"""
    mappings: Path | None = None
    """a file of SDL mappings (gamecontrollerdb.txt) for gamepads that SDL does not know"""
    size: tuple[int, int] = SIZE_PX
    """the window's width and height in pixels, from 960 720 on"""
    look: LookName = "auto"
    """how the arm is drawn; auto: the prettiest that keeps 60 pictures a second"""
    sound: bool = False
    """tones for start, success, questions and limits"""

    def __post_init__(self) -> None:
        (width, height), (least, most) = self.size, (SIZE_PX, LARGEST_PX)
        if not (least[0] <= width <= most[0] and least[1] <= height <= most[1]):
            raise UserError(f"--size {width} {height} is outside 960 720 … 3840 2160; give width and height in pixels")

    def in_cockpit(self, config: CockpitConfig) -> CockpitConfig:
        """The same cockpit with this equipment."""
        return replace(config, pad=self.pad, mappings=self.mappings, size_px=self.size, look=self.look, sound=self.sound)
