"""Labels: the bindings' texts, which name an Xbox pad's buttons, in the words of whatever the operator holds."""

import re

from teleop.devices.profiles import Control, symbol
from teleop.stick import Axis, Button

KEYBOARD = "keyboard"
WORDS: dict[str, Control] = {
    "A": Button.A, "B": Button.B, "X": Button.X, "Y": Button.Y, "LB": Button.LB, "RB": Button.RB, "L3": Button.L3, "R3": Button.R3,
    "LT": Axis.LT, "RT": Axis.RT, "Back": Button.BACK, "Start": Button.START, "Guide": Button.GUIDE,
}  # fmt: skip
WORD = re.compile(rf"\b({'|'.join(sorted(WORDS, key=len, reverse=True))})\b")


def relabel(words: str, profile: str) -> str:
    """In the signs of this profile's pad: "LB + D-pad" → "L1 + D-pad", "X" → "□"."""
    return WORD.sub(lambda found: symbol(profile, WORDS[found.group()]), words)
