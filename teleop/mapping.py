"""Stick → action, pure: dead zone, curve, direction, speed, clip."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teleop.stick import Axis, Button, Stick

ROTATE_BUTTON = Button.LB


@dataclass(frozen=True)
class MappingConfig:
    """How far a stick goes for how much action.

    `translate` and `rotate` are the actions at full deflection (1 = 0.05 m or 0.5 rad a step: too fast for a person);
    `heading_deg` turns the left stick about the vertical: 180 for an operator who faces the robot, as the front
    camera does, 0 for one who looks along its x axis.
    """

    dead_zone: float = 0.08
    expo: float = 1.6
    translate: float = 0.35
    rotate: float = 0.12
    heading_deg: float = 180.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.dead_zone < 1.0:
            raise ValueError(f"dead_zone {self.dead_zone} is outside [0, 1)")
        if self.expo < 1.0 or not 0.0 < self.translate <= 1.0 or not 0.0 < self.rotate <= 1.0:
            raise ValueError("expo must be at least 1; translate and rotate in (0, 1]")


def shape_axis(value: float, config: MappingConfig) -> float:
    """A raw deflection in [-1, 1] without its dead zone and with the curve |v|^expo; ±1 stays ±1."""
    size = (abs(value) - config.dead_zone) / (1.0 - config.dead_zone)
    return float(np.sign(value) * size**config.expo) if size > 0 else 0.0


def unshape_axis(value: float, config: MappingConfig) -> float:
    """The raw deflection that `shape_axis` turns into `value`."""
    if value == 0.0:
        return 0.0
    return float(np.sign(value) * (config.dead_zone + (1.0 - config.dead_zone) * abs(value) ** (1.0 / config.expo)))


def stick_to_action(stick: Stick, config: MappingConfig) -> NDArray[np.float32]:
    """The action (7,) in [-1, 1] that a stick means.

    Left stick: the table's plane; right stick up/down: height; right stick left/right: yaw. With LB held the left
    stick tilts (roll, pitch) instead. RT closes the gripper as far as it is pulled.
    """
    left_x, left_y, right_x, right_y = (shape_axis(stick.axis(a), config) for a in (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y))
    along, across = _turned(-left_y, -left_x, config.heading_deg)
    action = np.zeros(7)
    if ROTATE_BUTTON in stick.held:
        action[3], action[4] = -across * config.rotate, along * config.rotate
    else:
        action[0], action[1] = along * config.translate, across * config.translate
    action[2] = -right_y * config.translate
    action[5] = -right_x * config.rotate
    action[6] = 2.0 * np.clip(stick.axis(Axis.RT), 0.0, 1.0) - 1.0
    return np.clip(action, -1.0, 1.0).astype(np.float32)


def action_to_axes(action: NDArray[np.float32], config: MappingConfig) -> dict[Axis, float]:
    """The deflections whose action is nearest to `action` without tilting; how the scripted operator moves its sticks."""
    along, across = (np.clip(float(v) / config.translate, -1.0, 1.0) for v in action[:2])
    up, left = _turned(along, across, -config.heading_deg)
    raw = {
        Axis.LEFT_X: -left,
        Axis.LEFT_Y: -up,
        Axis.RIGHT_X: -float(np.clip(action[5] / config.rotate, -1.0, 1.0)),
        Axis.RIGHT_Y: -float(np.clip(action[2] / config.translate, -1.0, 1.0)),
    }
    return {a: unshape_axis(float(np.clip(v, -1.0, 1.0)), config) for a, v in raw.items()} | {Axis.RT: (float(action[6]) + 1.0) / 2.0}


def _turned(forward: float, left: float, degrees: float) -> tuple[float, float]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return float(c * forward - s * left), float(s * forward + c * left)


def is_deflected(stick: Stick, config: MappingConfig) -> bool:
    """Whether a person moves a stick on purpose (the triggers do not count: the gripper may be held closed)."""
    return any(shape_axis(stick.axis(a), config) for a in (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y))
