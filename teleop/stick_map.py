"""Stick map: which stick and button does what to an environment that is not an arm of ours. Data: a TOML file says it.

hz = 20                       # steps a second; left out: the environment's own rate

[[axis]]                      # a stick or trigger moves one number of the action
stick = "left_x"              # left_x, left_y, right_x, right_y (up and left are −1), lt, rt (0 … 1 becomes −1 … 1)
action = 0                    # which number, from 0
scale = 1.0                   # at full deflection, negative turns it round
hold = false                  # true: the stick changes the number by `scale` a second, and it stays
bank = 0                      # X goes from bank to bank; −1 is in every bank
name = "shoulder"

[[button]]                    # a button held sets a number, or makes a choice of a discrete action
button = "left"               # left, right, up, down (the left stick too), a, b, x, y, lb, rb, l3, r3
action = 0                    # the number, or the choice
value = 1.0

[default]                     # instead of [[axis]]: four numbers a bank on the sticks, all with
scale = 1.0
hold = false
gripper = false               # true: the last number is on RT, in every bank

[rest]                        # what the action is when nothing is touched
values = [0.0, 0.0]           # one number each, or, for a discrete action,
choice = "last"               # a choice's number, or "last": what was chosen last stays
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from data.errors import UserError, one_of
from teleop.stick import AXES, TRIGGERS, Axis, Button

LAST: Literal["last"] = "last"
PADS = (Button.LEFT, Button.RIGHT, Button.UP, Button.DOWN)
STICKS = (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_Y, Axis.RIGHT_X)
SIGNS = {Axis.LEFT_Y: -1.0, Axis.RIGHT_Y: -1.0}  # up is more
EVERY_BANK = -1


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something on the pad is for the action's number `action`, in one bank or in every."""

    action: int
    bank: int = 0
    name: str = ""

    @property
    def meaning(self) -> str:
        return self.name or f"action {self.action}"


@dataclass(frozen=True, kw_only=True)
class AxisRule(Rule):
    stick: Axis
    scale: float = 1.0
    hold: bool = False


@dataclass(frozen=True, kw_only=True)
class ButtonRule(Rule):
    button: Button
    value: float = 1.0


@dataclass(frozen=True)
class StickMap:
    """For an action of `width` numbers; `choices` are the sizes of a discrete action's parts, empty for a Box.

    `rest` (width,): the action when nothing is touched; for a discrete action the number of the choice, or `LAST`.
    """

    width: int
    choices: tuple[int, ...] = ()
    axes: tuple[AxisRule, ...] = ()
    buttons: tuple[ButtonRule, ...] = ()
    rest: tuple[float, ...] = ()
    rest_choice: int | Literal["last"] = LAST
    hz: float | None = None

    def __post_init__(self) -> None:
        for rule in self.rules:
            if not 0 <= rule.action < self.width:
                raise UserError(f"stick map: action {rule.action} does not exist; allowed: 0 … {self.width - 1}")
        if self.rest and len(self.rest) != self.width:
            raise UserError(f"stick map: rest has {len(self.rest)} values, the action has {self.width}")
        if self.hz is not None and not 1.0 <= self.hz <= 200.0:
            raise UserError(f"stick map: hz {self.hz} is outside 1 … 200 steps a second")

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (*self.axes, *self.buttons)

    @property
    def banks(self) -> int:
        return 1 + max((rule.bank for rule in self.rules), default=0)

    def help(self, bank: int) -> tuple[tuple[str, str, str], ...]:
        """Rows (pad, key, meaning) for the key map."""
        axes = [r for r in self.axes if r.bank in (bank, EVERY_BANK)]
        rows = [(*_AXIS_WORDS[r.stick], f"{r.meaning}{' (stays)' if r.hold else ''}") for r in axes]
        buttons = [r for r in self.buttons if r.bank in (bank, EVERY_BANK)]
        return (*rows, *((*_BUTTON_WORDS[r.button], r.meaning) for r in buttons))

    def to_toml(self) -> str:
        """The file that `read_stick_map` reads."""
        lines = [f"hz = {self.hz:g}"] if self.hz is not None else ["# hz = 20    # steps a second; the environment's own rate without it"]
        for rule in self.axes:
            lines += ["", "[[axis]]", f'stick = "{rule.stick}"', f"action = {rule.action}", f"scale = {rule.scale:g}"]
            lines += [f"hold = {str(rule.hold).lower()}", f"bank = {rule.bank}", f'name = "{rule.meaning}"']
        for button in self.buttons:
            lines += ["", "[[button]]", f'button = "{button.button}"', f"action = {button.action}", f"value = {button.value:g}"]
            lines += [f"bank = {button.bank}", f'name = "{button.meaning}"']
        rest = f"choice = {self.rest_choice!r}".replace("'", '"') if self.choices else f"values = {list(self.rest or (0.0,) * self.width)}"
        return "\n".join([*lines, "", "[rest]", rest, ""])


@dataclass(frozen=True)
class Wanted:
    """What a map is made for: an environment's id, its action, and what its numbers are called, where it says so."""

    env_id: str
    width: int
    choices: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def stick_map_for(wanted: Wanted, path: Path | None = None) -> StickMap:
    """The map of a file, else one we ship for this environment, else the default for its action."""
    if path is not None:
        return read_stick_map(path, wanted)
    for shipped in sorted(resources.files("teleop").joinpath("sticks").iterdir(), key=lambda entry: entry.name):
        if shipped.name.endswith(".toml"):
            values = tomllib.loads(shipped.read_text(encoding="utf-8"))
            if any(fnmatch(wanted.env_id.rpartition(":")[2], pattern) for pattern in values["envs"]):
                return _from_toml(values, wanted, shipped.name)
    return default_map(wanted)


def default_map(wanted: Wanted) -> StickMap:
    """Four numbers a bank on the two sticks; the choices of a discrete action on the D-pad, four a bank."""
    if wanted.choices:
        return StickMap(wanted.width, wanted.choices, buttons=_choice_buttons(wanted), rest_choice=_rest_choice(wanted.choices))
    return StickMap(wanted.width, axes=_four_a_bank(wanted))


def _four_a_bank(wanted: Wanted, scale: float = 1.0, *, hold: bool = False, gripper: bool = False) -> tuple[AxisRule, ...]:
    """X goes on to the next four; `gripper`: the last number is on RT."""
    count = wanted.width - gripper
    names = wanted.names or tuple(f"action {i}" for i in range(wanted.width))
    sticks = [STICKS[i % 4] for i in range(count)]
    rules = [
        AxisRule(stick=stick, action=i, scale=scale * SIGNS.get(stick, 1.0), hold=hold, bank=i // 4, name=names[i])
        for i, stick in enumerate(sticks)
    ]
    return (*rules, *([AxisRule(stick=Axis.RT, action=count, bank=EVERY_BANK, name="gripper")] if gripper else []))


def _choice_buttons(wanted: Wanted) -> tuple[ButtonRule, ...]:
    rest = _rest_choice(wanted.choices)
    if len(wanted.choices) == 1:
        pressed = [i for i in range(wanted.width) if i != rest]
        return tuple(ButtonRule(button=PADS[k % 4], action=i, bank=k // 4, name=f"choice {i}") for k, i in enumerate(pressed))
    rules, start = [], 0
    for part, count in enumerate(wanted.choices):
        rules += [ButtonRule(button=PADS[i % 4], action=start + i, bank=part, name=f"part {part}: {i}") for i in range(count)]
        start += count
    return tuple(rules)


def _rest_choice(choices: tuple[int, ...]) -> int | Literal["last"]:
    """With three choices the middle one is usually nothing, with more the first; with two there is none."""
    if len(choices) != 1 or choices[0] == 2:
        return LAST
    return 1 if choices[0] == 3 else 0


def read_stick_map(path: Path, wanted: Wanted) -> StickMap:
    """A user's file; a UserError in one line for what is wrong with it."""
    prints = f"python -m teleop envs {wanted.env_id} prints one to begin with"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--sticks {path} cannot be read ({error.strerror}); {prints}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--sticks {path} is not TOML ({error}); {prints}") from error
    return _from_toml(values, wanted, str(path))


def _from_toml(values: Mapping[str, Any], wanted: Wanted, name: str) -> StickMap:
    unknown = set(values) - {"envs", "hz", "axis", "button", "rest", "default"}
    if unknown:
        raise UserError(f"{name}: {one_of(unknown)} is not known; allowed: hz, [[axis]], [[button]], [default], [rest]")
    try:
        axes = tuple(AxisRule(**{**row, "stick": Axis(row["stick"])}) for row in values.get("axis", ()))
        if "default" in values:
            axes = (*_four_a_bank(wanted, **values["default"]), *axes)
        buttons = tuple(ButtonRule(**{**row, "button": Button(row["button"])}) for row in values.get("button", ()))
    except KeyError as error:
        raise UserError(f"{name}: an [[axis]] needs stick and action, a [[button]] needs button and action; {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: {error}; sticks: {one_of(AXES)}; buttons: {one_of(Button)}") from error
    rest, hz = values.get("rest", {}), values.get("hz")
    return StickMap(
        width=wanted.width,
        choices=wanted.choices,
        axes=axes,
        buttons=buttons or (_choice_buttons(wanted) if wanted.choices else ()),
        rest=tuple(map(float, rest.get("values", ()))),
        rest_choice=rest.get("choice", LAST),
        hz=None if hz is None else float(hz),
    )


_AXIS_WORDS: dict[Axis, tuple[str, str]] = {
    Axis.LEFT_X: ("L stick left/right", "A D"),
    Axis.LEFT_Y: ("L stick up/down", "W S"),
    Axis.RIGHT_X: ("R stick left/right", "Left Right"),
    Axis.RIGHT_Y: ("R stick up/down", "Up Down"),
    Axis.LT: ("LT", "Z"),
    Axis.RT: ("RT", "Space"),
}
_BUTTON_WORDS: dict[Button, tuple[str, str]] = {
    Button.LEFT: ("D-pad left", "J"),
    Button.RIGHT: ("D-pad right", "L"),
    Button.UP: ("D-pad up", "I"),
    Button.DOWN: ("D-pad down", "K"),
    Button.A: ("A", "F"),
    Button.B: ("B", "N"),
    Button.X: ("X", "U"),
    Button.Y: ("Y", "Y"),
    Button.LB: ("LB", "Shift"),
    Button.RB: ("RB", "Tab"),
    Button.L3: ("L3", "P"),
    Button.R3: ("R3", "C"),
    Button.BACK: ("Back", "Backspace"),
    Button.START: ("Start", "Enter"),
    Button.GUIDE: ("Guide", "Esc"),
}
IS_TRIGGER = frozenset(TRIGGERS)
