"""Grip: what the trigger means for the gripper: held, toggled, or latched until the finger moves."""

from dataclasses import dataclass
from enum import StrEnum

PULLED = 0.5


class GripStyle(StrEnum):
    """Hold: the gripper follows the trigger. Toggle: each pull closes or opens it."""

    HOLD = "hold"
    TOGGLE = "toggle"


@dataclass
class Grip:
    """Directions are deltas and cannot jump at a takeover or after a rewind; the gripper is a position and would let go.

    So while `latched` it stays as it is until the trigger has moved by `travel` from where it rested.
    """

    style: GripStyle = GripStyle.HOLD
    travel: float = 0.15
    latched: bool = False
    moved_from: float = 0.0
    _was_pulled: bool = False

    def rest(self, trigger: float) -> None:
        """Somebody else drives, or time is wound back; remember where the trigger rests (0…1)."""
        self.moved_from, self.latched, self._was_pulled = trigger, True, trigger > PULLED

    def command(self, trigger: float, now: float) -> float:
        """The grip (−1…1) to command with the trigger at 0…1, when the gripper is commanded to `now`."""
        if self.style is GripStyle.TOGGLE:
            pulled, self._was_pulled = trigger > PULLED and not self._was_pulled, trigger > PULLED
            closed = (now > 0) != pulled
            return 1.0 if closed else -1.0
        if abs(trigger - self.moved_from) > self.travel:
            self.latched = False
        return now if self.latched else 2.0 * min(1.0, max(0.0, trigger)) - 1.0
