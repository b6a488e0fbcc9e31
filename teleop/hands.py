"""Hands: what the operator has set on the pad, and what a stick means with it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from teleop.envs.panda import PandaEnv
from teleop.grip import Grip
from teleop.mapping import JOINTS, ControlMode, Directions, Drive, MappingConfig, stick_to_action
from teleop.stick import Axis, Button, Stick

MODES = tuple(ControlMode)


@dataclass
class Hands:
    """Control mode, directions, joint and grip; all but the grip stay from episode to episode."""

    config: MappingConfig
    grip: Grip = field(default_factory=Grip)
    mode: ControlMode = ControlMode.SIX
    directions: Directions = Directions.CAMERA
    joint: int = 0

    def next_mode(self) -> None:
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def swap_directions(self) -> None:
        self.directions = Directions.BASE if self.directions is Directions.CAMERA else Directions.CAMERA

    def choose_joint(self, stick: Stick) -> None:
        """In joint mode D-pad left and right choose the joint."""
        if self.mode is ControlMode.JOINT:
            self.joint = (self.joint + (Button.RIGHT in stick.pressed) - (Button.LEFT in stick.pressed)) % JOINTS

    def heading_deg(self, camera_heading_deg: float) -> float:
        return camera_heading_deg if self.directions is Directions.CAMERA else 0.0

    def rest(self, stick: Stick) -> None:
        """Somebody else drives now: the gripper will stay as they leave it until the trigger moves."""
        self.grip.rest(trigger(stick))

    def action(self, stick: Stick, arm: PandaEnv, heading_deg: float) -> NDArray[np.float32]:
        """The action (7,) that the stick means now."""
        twist = arm.joint_twist(self.joint) if self.mode is ControlMode.JOINT else np.zeros(6)
        action = stick_to_action(stick, self.config, Drive(self.mode, heading_deg, twist))
        action[6] = self.grip.command(trigger(stick), arm.grip_command)
        return action


def trigger(stick: Stick) -> float:
    """How far RT is pulled, 0…1."""
    return max(0.0, stick.axis(Axis.RT))
