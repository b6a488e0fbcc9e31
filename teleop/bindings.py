"""What each button does, as data: the loop, the window's key map and the documentation's table all come from here."""

from dataclasses import dataclass
from enum import StrEnum

from data.schema import Phase
from teleop.mapping import ControlMode
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
    QUIT = "quit"
    TAKE_OVER = "take over"
    LET_GO = "let go"
    ASK = "ask"
    ANSWER = "answer"
    HAND_OVER = "hand over"
    LOST = "device lost"
    ENDED = "ended"
    CUT = "cut short"
    AGAIN = "again"
    CONTROL_MODE = "control mode"
    DIRECTIONS = "directions"
    REWIND = "rewind"
    RELEASE = "rewind released"


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
SETTING = (Phase.READY, Phase.HUMAN, Phase.PAUSED)
ALL = (Phase.READY, *ACTIVE)

WHEN: dict[tuple[Phase, ...], str] = {
    (Phase.READY,): "between episodes",
    ACTIVE: "in an episode",
    (Phase.HUMAN, Phase.PAUSED): "driving",
    SETTING: "between episodes, driving",
    ALL: "at any time",
}

BINDINGS: tuple[Binding, ...] = (
    Binding(Button.START, Cue.START, (Phase.READY,), "Start", "Enter", "start an episode"),
    Binding(Button.START, Cue.STOP, ACTIVE, "Start", "Enter", "stop (the task judges)"),
    Binding(Button.Y, Cue.SUCCESS, ACTIVE, "Y", "Y", "stop and keep as a success"),
    Binding(Button.B, Cue.FAILURE, ACTIVE, "B", "N", "stop and keep as a failure"),
    Binding(Button.BACK, Cue.DISCARD, ACTIVE, "Back", "Backspace", "discard (kept, marked)"),
    Binding(Button.BACK, Cue.AGAIN, (Phase.READY,), "Back", "Backspace", "undo the last, same start again"),
    Binding(Button.X, Cue.UNDO, (Phase.READY,), "X", "U", "undo the last (to trash/)"),
    Binding(Button.X, Cue.CONTROL_MODE, (Phase.HUMAN, Phase.PAUSED), "X", "U", "next control mode"),
    Binding(Button.A, Cue.DIRECTIONS, SETTING, "A", "F", "directions: camera / base"),
    Binding(Button.L3, Cue.PAUSE, ACTIVE, "L3", "P", "pause / go on"),
    Binding(Button.GUIDE, Cue.QUIT, ALL, "Guide", "Esc", "quit (keeps a partial)"),
)

# Held, analogue or dependent on what else is held, so the loop reads them itself; here for the key maps.
VIEW_HELP: tuple[tuple[str, str, str], ...] = (
    ("R3", "C", "next camera"),
    ("R3 + R stick", "C + arrows", "orbit the camera"),
)
TAG_HELP: tuple[tuple[str, str, str], ...] = (
    ("D-pad", "I J K L", "tag the next episode's mode"),
    ("LB + D-pad", "Shift + I J K L", "tag the last episode's"),
)
PILOT_HELP: tuple[tuple[str, str, str], ...] = (
    ("RB (hold)", "Tab (hold)", "you drive; asked: sticks as they are"),
    ("RB (tap)", "Tab (tap)", "stop the policy: it asks here"),
    ("A", "F", "asked: yes, do that"),
    ("any stick", "any stick key", "asked: no, do this"),
    ("X", "U", "asked: either is fine"),
    ("LB", "Shift", "asked: the next of its ways"),
)
HELD_HELP = ("RB (let go)", "Tab (let go)", "the policy drives")
WHEEL_HELP = ("RB (tap)", "Tab (tap)", "the policy drives")
DESK_HELP: tuple[tuple[str, str, str], ...] = (
    ("A", "F", "yes, do that"),
    ("any stick", "any stick key", "no, do this"),
    ("RB", "Tab", "no: the sticks as they are"),
    ("X", "U", "either is fine"),
    ("LB", "Shift", "the next of its ways"),
    ("LT", "Z", "the question before, anew"),
)
LATER_HELP = (*DESK_HELP[-1][:2], f"asked later: {DESK_HELP[-1][2]}")
DESK_CUES = (Cue.START, Cue.PAUSE, Cue.QUIT, Cue.CONTROL_MODE, Cue.DIRECTIONS)  # what buttons may mean at the desk
DESK_MEANING = {Cue.START: "begin, or go on", Cue.QUIT: "leave; answers are kept"}

REWIND_HELP = ("LT (hold)", "Z (hold)", "rewind; let go to drive on")
STICK_HELP: tuple[tuple[str, str, str], ...] = (
    ("L stick", "W A S D", "move over the table"),
    ("R stick up/down", "Up Down", "height"),
    ("R stick left/right", "Left Right", "turn the gripper"),
    ("D-pad", "I J K L", "tilt the gripper"),
    ("RT", "Space", "close the gripper"),
    ("LB (hold)", "Shift (hold)", "slow and precise"),
    REWIND_HELP,
)
# The sticks' rows of the key map in the other control modes.
MODE_HELP: dict[ControlMode, tuple[tuple[str, str, str], ...]] = {
    ControlMode.SIX: STICK_HELP,
    ControlMode.TRANSLATE: (STICK_HELP[0], STICK_HELP[1], *STICK_HELP[4:]),
    ControlMode.ROTATE: (("L stick", "W A S D", "tilt the gripper"), STICK_HELP[2], *STICK_HELP[4:]),
    ControlMode.JOINT: (
        ("L stick left/right", "A D", "turn the joint"),
        ("D-pad left/right", "J L", "choose the joint"),
        *STICK_HELP[4:],
    ),
}

MODE_BUTTONS: tuple[Button, ...] = (Button.LEFT, Button.RIGHT, Button.UP, Button.DOWN)
MODE_TAGS: dict[Button, str] = dict(zip(MODE_BUTTONS, ("left", "right", "over", "under"), strict=True))


def cue_of(pressed: frozenset[Button], phase: Phase) -> Cue | None:
    """The first cue that the buttons just pressed mean in this phase."""
    return next((b.cue for b in BINDINGS if b.button in pressed and phase in b.phases), None)


def control_table() -> str:
    """The controls as Markdown."""
    rows = ["| when | gamepad | keyboard | what it does |", "| --- | --- | --- | --- |"]
    held = {"driving": STICK_HELP, "at any time": VIEW_HELP, "between episodes": TAG_HELP, "with a policy": PILOT_HELP}
    shown = [(when, *line) for when, lines in held.items() for line in lines]
    shown += [(WHEN[b.phases], b.pad, b.key, b.meaning) for b in BINDINGS]
    shown.append(("with a policy", *LATER_HELP))
    order = ["between episodes", "between episodes, driving", "driving", "in an episode", "with a policy", "at any time"]
    rows += [f"| {' | '.join(line)} |" for line in sorted(shown, key=lambda line: order.index(line[0]))]
    return "\n".join(rows)
