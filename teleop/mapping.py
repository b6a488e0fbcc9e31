"""Stick → action, pure: dead zone, curve, control mode, directions, speed, clip."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from teleop.stick import STICK_AXES, Axis, Button, Stick

PRECISE_BUTTON = Button.LB


class ControlMode(StrEnum):
    """What the sticks do. The order is the file format's (`control_mode` stores the index)."""

    SIX = "six axes"
    TRANSLATE = "translate"
    ROTATE = "rotate"
    JOINT = "joint"


class Directions(StrEnum):
    """Whose forward is the left stick's forward: that of the camera one looks through, or the robot base's x axis."""

    CAMERA = "camera"
    BASE = "base"


@dataclass(frozen=True)
class MappingConfig:
    """How far a stick goes for how much action.

    `translate` and `rotate` are the actions at full deflection (1 = 0.05 m or 0.5 rad a step: too fast for a person);
    `precise` is the factor on both while LB is held.
    """

    dead_zone: float = 0.08
    expo: float = 1.6
    translate: float = 0.35
    rotate: float = 0.12
    precise: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.dead_zone < 1.0:
            raise ValueError(f"dead_zone {self.dead_zone} is outside [0, 1)")
        if self.expo < 1.0 or not all(0.0 < v <= 1.0 for v in (self.translate, self.rotate, self.precise)):
            raise ValueError("expo must be at least 1; translate, rotate and precise in (0, 1]")


@dataclass(frozen=True)
class Drive:
    """What the operator has set besides the sticks.

    `heading_deg` turns the left stick about the vertical: 0 pushes along the base's x axis, 180 is someone who faces the
    robot, as the front camera does. `joint_twist` (6,): the action per radian that the chosen joint would make of the hand.
    """

    mode: ControlMode = ControlMode.SIX
    heading_deg: float = 180.0
    joint_twist: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))


def shape_axis(value: float, config: MappingConfig) -> float:
    """A raw deflection in [-1, 1] without its dead zone and with the curve |v|^expo; ±1 stays ±1."""
    size = (abs(value) - config.dead_zone) / (1.0 - config.dead_zone)
    return float(np.sign(value) * size**config.expo) if size > 0 else 0.0


def unshape_axis(value: float, config: MappingConfig) -> float:
    """The raw deflection that `shape_axis` turns into `value`."""
    if value == 0.0:
        return 0.0
    return float(np.sign(value) * (config.dead_zone + (1.0 - config.dead_zone) * abs(value) ** (1.0 / config.expo)))


def stick_to_action(stick: Stick, config: MappingConfig, drive: Drive | None = None) -> NDArray[np.float32]:
    """The action (7,) in [-1, 1] that a stick means.

    Six axes: left stick over the table, right stick height and yaw, D-pad tilt. Translate: no turning. Rotate: left
    stick tilts, right stick yaws, no moving. Joint: the left stick turns one joint. RT closes the gripper as far as it
    is pulled; LB makes everything slower.
    """
    drive = drive or Drive()
    left_x, left_y, right_x, right_y = (shape_axis(stick.axis(a), config) for a in STICK_AXES)
    pad_x = float(Button.RIGHT in stick.held) - float(Button.LEFT in stick.held)
    pad_y = float(Button.DOWN in stick.held) - float(Button.UP in stick.held)
    speed = config.precise if PRECISE_BUTTON in stick.held else 1.0
    move, turn = speed * config.translate, speed * config.rotate
    action = np.zeros(7)
    if drive.mode is ControlMode.JOINT:
        action[:6] = left_x * _within(drive.joint_twist, move, turn)
    if drive.mode in (ControlMode.SIX, ControlMode.TRANSLATE):
        action[:2] = move * np.array(_turned(-left_y, -left_x, drive.heading_deg))
        action[2] = -move * right_y
    if drive.mode in (ControlMode.SIX, ControlMode.ROTATE):
        tilt_x, tilt_y = (pad_x, pad_y) if drive.mode is ControlMode.SIX else (left_x, left_y)
        along, across = _turned(-tilt_y, -tilt_x, drive.heading_deg)
        action[3:6] = turn * np.array([-across, along, -right_x])
    action[6] = 2.0 * np.clip(stick.axis(Axis.RT), 0.0, 1.0) - 1.0
    return np.clip(action, -1.0, 1.0).astype(np.float32)


def action_to_axes(action: NDArray[np.float32], config: MappingConfig, heading_deg: float = 180.0) -> dict[Axis, float]:
    """The deflections whose action is nearest to `action` without tilting; how the scripted operator moves its sticks."""
    along, across = (np.clip(float(v) / config.translate, -1.0, 1.0) for v in action[:2])
    up, left = _turned(along, across, -heading_deg)
    raw = {
        Axis.LEFT_X: -left,
        Axis.LEFT_Y: -up,
        Axis.RIGHT_X: -float(np.clip(action[5] / config.rotate, -1.0, 1.0)),
        Axis.RIGHT_Y: -float(np.clip(action[2] / config.translate, -1.0, 1.0)),
    }
    return {a: unshape_axis(float(np.clip(v, -1.0, 1.0)), config) for a, v in raw.items()} | {Axis.RT: (float(action[6]) + 1.0) / 2.0}


def _within(twist: NDArray[np.float64], move: float, turn: float) -> NDArray[np.float64]:
    """The twist scaled so that it moves by `move` or turns by `turn` at most, whichever comes first."""
    largest = max(float(np.abs(twist[:3]).max()) / move, float(np.abs(twist[3:]).max()) / turn)
    return twist / largest if largest > 0 else twist


def _turned(forward: float, left: float, degrees: float) -> tuple[float, float]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return float(c * forward - s * left), float(s * forward + c * left)


def is_deflected(stick: Stick, config: MappingConfig) -> bool:
    """Whether a person moves a stick on purpose (the triggers do not count: the gripper may be held closed)."""
    return any(shape_axis(stick.axis(a), config) for a in STICK_AXES)
