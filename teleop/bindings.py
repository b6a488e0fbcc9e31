"""What each button does, as data: the loop, the window's key map and the README's table all come from here."""

from dataclasses import dataclass
from enum import StrEnum

from data.schema import Phase
from teleop.stick import Button


class Cue(StrEnum):
    """What an operator (or the loop itself) asks of the loop."""

    START = "start"
    STOP = "stop"
    SUCCESS = "success"
    FAILURE = "failure"
    DISCARD = "discard"
    UNDO = "undo"
    PAUSE = "pause"
    CAMERA = "camera"
    QUIT = "quit"
    TAKE_OVER = "take over"
    LET_GO = "let go"
    ASK = "ask"
    ANSWER = "answer"
    LOST = "device lost"
    ENDED = "ended"


@dataclass(frozen=True)
class Binding:
    """`button` means `cue` while the loop is in one of `phases`."""

    button: Button
    cue: Cue
    phases: tuple[Phase, ...]
    pad: str
    key: str
    meaning: str


DRIVING = (Phase.HUMAN, Phase.POLICY, Phase.ASKING)
ACTIVE = (*DRIVING, Phase.PAUSED)
ALL = (Phase.READY, *ACTIVE)

BINDINGS: tuple[Binding, ...] = (
    Binding(Button.START, Cue.START, (Phase.READY,), "Start", "Enter", "start an episode"),
    Binding(Button.START, Cue.STOP, ACTIVE, "Start", "Enter", "stop (the task judges)"),
    Binding(Button.Y, Cue.SUCCESS, ACTIVE, "Y", "Y", "stop and keep as a success"),
    Binding(Button.B, Cue.FAILURE, ACTIVE, "B", "N", "stop and keep as a failure"),
    Binding(Button.BACK, Cue.DISCARD, ACTIVE, "Back", "Backspace", "discard (kept, marked)"),
    Binding(Button.X, Cue.UNDO, (Phase.READY,), "X", "U", "undo the last (to trash/)"),
    Binding(Button.L3, Cue.PAUSE, ACTIVE, "L3", "P", "pause / go on"),
    Binding(Button.R3, Cue.CAMERA, ALL, "R3", "C", "next camera"),
    Binding(Button.GUIDE, Cue.QUIT, ALL, "Guide", "Esc", "quit (keeps a partial)"),
)

# Held or analogue, so the loop reads them itself; here for the key maps.
PILOT_HELP: tuple[tuple[str, str, str], ...] = (
    ("A", "F", "asked: yes, do that"),
    ("any stick", "any stick key", "asked: no, do this"),
    ("RB (hold)", "Tab (hold)", "you drive; asked: sticks as they are"),
)

STICK_HELP: tuple[tuple[str, str, str], ...] = (
    ("L stick", "W A S D", "move over the table"),
    ("R stick up/down", "Up Down", "height"),
    ("R stick left/right", "Left Right", "turn the gripper"),
    ("LB + L stick", "Shift + W A S D", "tilt the gripper"),
    ("RT", "Space", "close the gripper"),
    ("D-pad", "I J K L", "tag the behaviour mode"),
)

MODE_TAGS: dict[Button, str] = {Button.LEFT: "left", Button.RIGHT: "right", Button.UP: "over", Button.DOWN: "under"}


def cue_of(pressed: frozenset[Button], phase: Phase) -> Cue | None:
    """The first cue that the buttons just pressed mean in this phase."""
    return next((b.cue for b in BINDINGS if b.button in pressed and phase in b.phases), None)


def control_table() -> str:
    """The controls as Markdown, for the README."""
    rows = ["| gamepad | keyboard | what it does |", "| --- | --- | --- |"]
    rows += [f"| {pad} | {key} | {meaning} |" for pad, key, meaning in STICK_HELP]
    rows += [f"| {b.pad} | {b.key} | {b.meaning} |" for b in BINDINGS]
    rows += [f"| {pad} | {key} | {meaning} |" for pad, key, meaning in PILOT_HELP]
    return "\n".join(rows)
