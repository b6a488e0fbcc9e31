"""Profiles: how each family of pads is recognised and what is printed on its buttons, as data.

`Button.A` is always the lower face button, on every pad; a Nintendo pad prints B on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teleop.stick import AXES, BUTTONS, Axis, Button

Control = Button | Axis
CONTROLS: tuple[Control, ...] = (*BUTTONS, *AXES)
GENERIC = "generic"


@dataclass(frozen=True)
class Profile:
    """`labels`: the word on every button, trigger and stick, in letters that every font has.

    `symbols`: the sign instead of the word, where the pad prints a sign; fonts with geometric shapes (DejaVu) draw it.
    """

    name: str
    title: str
    labels: Mapping[Control, str]
    symbols: Mapping[Control, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [control for control in CONTROLS if not self.labels.get(control)]
        if missing:
            raise ValueError(f"profile {self.name} has no label for {missing}")


@dataclass(frozen=True)
class Rule:
    """A pad is of `profile` when SDL's controller type, the USB vendor or a word in its name says so."""

    profile: str
    types: tuple[int, ...] = ()
    vendors: tuple[int, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, name: str, vendor: int, sdl_type: int) -> bool:
        return sdl_type in self.types or vendor in self.vendors or any(word in name.lower() for word in self.words)


XBOX_LABELS: dict[Control, str] = {
    Button.A: "A",
    Button.B: "B",
    Button.X: "X",
    Button.Y: "Y",
    Button.BACK: "Back",
    Button.GUIDE: "Guide",
    Button.START: "Start",
    Button.L3: "L3",
    Button.R3: "R3",
    Button.LB: "LB",
    Button.RB: "RB",
    Button.UP: "Up",
    Button.DOWN: "Down",
    Button.LEFT: "Left",
    Button.RIGHT: "Right",
    Axis.LEFT_X: "L stick left/right",
    Axis.LEFT_Y: "L stick up/down",
    Axis.RIGHT_X: "R stick left/right",
    Axis.RIGHT_Y: "R stick up/down",
    Axis.LT: "LT",
    Axis.RT: "RT",
}
NINTENDO_FACE: dict[Control, str] = {Button.A: "B", Button.B: "A", Button.X: "Y", Button.Y: "X"}
PLAYSTATION_LABELS: dict[Control, str] = {
    Button.A: "Cross",
    Button.B: "Circle",
    Button.X: "Square",
    Button.Y: "Triangle",
    Button.BACK: "Create",
    Button.GUIDE: "PS",
    Button.START: "Options",
    Button.LB: "L1",
    Button.RB: "R1",
    Axis.LT: "L2",
    Axis.RT: "R2",
}
SWITCH_LABELS: dict[Control, str] = {
    **NINTENDO_FACE,
    Button.BACK: "Minus",
    Button.GUIDE: "Home",
    Button.START: "Plus",
    Button.LB: "L",
    Button.RB: "R",
    Axis.LT: "ZL",
    Axis.RT: "ZR",
}
EIGHTBITDO_LABELS: dict[Control, str] = {
    **NINTENDO_FACE,
    Button.BACK: "Select",
    Button.GUIDE: "Home",
    Button.LB: "L",
    Button.RB: "R",
    Axis.LT: "L2",
    Axis.RT: "R2",
}
KEYBOARD_LABELS: dict[Control, str] = {
    Button.A: "F",
    Button.B: "N",
    Button.X: "U",
    Button.Y: "Y",
    Button.BACK: "Backspace",
    Button.GUIDE: "Esc",
    Button.START: "Enter",
    Button.L3: "P",
    Button.R3: "C",
    Button.LB: "Shift",
    Button.RB: "Tab",
    Button.UP: "I",
    Button.DOWN: "K",
    Button.LEFT: "J",
    Button.RIGHT: "L",
    Axis.LEFT_X: "A D",
    Axis.LEFT_Y: "W S",
    Axis.RIGHT_X: "Left Right",
    Axis.RIGHT_Y: "Up Down",
    Axis.LT: "Z",
    Axis.RT: "Space",
}
PLAYSTATION_SYMBOLS: dict[Control, str] = {Button.A: "✕", Button.B: "○", Button.X: "□", Button.Y: "△"}
SWITCH_SYMBOLS: dict[Control, str] = {Button.BACK: "−", Button.START: "+"}

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("xbox", "Xbox", XBOX_LABELS),
        Profile("playstation", "PlayStation", XBOX_LABELS | PLAYSTATION_LABELS, PLAYSTATION_SYMBOLS),
        Profile("switch", "Switch Pro", XBOX_LABELS | SWITCH_LABELS, SWITCH_SYMBOLS),
        Profile("8bitdo", "8BitDo", XBOX_LABELS | EIGHTBITDO_LABELS),
        Profile(GENERIC, "generic", XBOX_LABELS),
        Profile("keyboard", "keyboard", KEYBOARD_LABELS),
    )
}

# SDL_GameControllerType: 1 Xbox 360, 2 Xbox One, 3 PS3, 4 PS4, 5 Switch Pro, 7 PS5, 11 … 13 Joy-Cons. The first that fits holds.
RULES: tuple[Rule, ...] = (
    Rule("xbox", words=("8bitdo ultimate c", "8bitdo ultimate 2", "8bitdo ultimate wire", "for xbox")),  # print A below
    Rule("8bitdo", vendors=(0x2DC8,), words=("8bitdo",)),  # before SDL's types: SDL takes some for Xbox or Switch pads
    Rule("playstation", types=(3, 4, 7)),
    Rule("xbox", types=(1, 2)),
    Rule("switch", types=(5, 11, 12, 13)),
    Rule("playstation", vendors=(0x054C,), words=("dualsense", "dualshock", "playstation", "sony", "ps3", "ps4", "ps5")),
    Rule("switch", vendors=(0x057E,), words=("nintendo", "switch pro", "joy-con")),
    Rule("xbox", vendors=(0x045E,), words=("xbox", "x-box", "xinput")),
)


def recognise(name: str, vendor: int = 0, sdl_type: int = 0) -> str:
    """The profile of a pad, from its name, its USB vendor id and SDL_GameControllerType (0: not known)."""
    return next((rule.profile for rule in RULES if rule.fits(name, vendor, sdl_type)), GENERIC)


def label(profile: str, control: Control) -> str:
    """The word on that button, trigger or stick; an unknown profile has the generic pad's."""
    return PROFILES.get(profile, PROFILES[GENERIC]).labels[control]


def symbol(profile: str, control: Control) -> str:
    """The sign printed there (✕), where there is one, else the word. Not every font draws it; DejaVu Sans does."""
    signs = PROFILES.get(profile, PROFILES[GENERIC]).symbols
    return signs.get(control, label(profile, control))
