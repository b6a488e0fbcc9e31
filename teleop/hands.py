"""Hands: what the operator has set on the pad, and what a stick means with it."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from teleop.bindings import MODE_HELP, Cue
from teleop.envs.arm import ArmEnv
from teleop.grip import Grip, GripStyle
from teleop.mapping import ControlMode, Directions, Drive, MappingConfig, is_deflected, stick_to_action
from teleop.stick import Axis, Button, Stick

Action = NDArray[np.float32]
MODES = tuple(ControlMode)
STILL_GRIP = 1e-3


class Hands(ABC):
    """What the loop asks of them. `mode`, `directions` and `joint` are shown; `mode_index` is stored with each step."""

    mode: ControlMode = ControlMode.SIX
    directions: Directions = Directions.CAMERA
    joint: int = 0

    @property
    @abstractmethod
    def mode_index(self) -> int: ...

    @property
    @abstractmethod
    def words(self) -> tuple[str, str]:
        """What the sticks do now, in two short words for the pad's picture."""

    @property
    @abstractmethod
    def stick_help(self) -> tuple[tuple[str, str, str], ...]:
        """Rows (pad, keyboard, meaning) for the key map."""

    @property
    def dead_cues(self) -> frozenset[Cue]:
        """What buttons offer and means nothing here."""
        return frozenset()

    def note(self, action: Action) -> None:  # noqa: B027 (most hands need not know)
        """This action was executed, whoever chose it."""

    @abstractmethod
    def begin(self, *, latched: bool) -> None:
        """A new episode; `latched`: somebody else drives first."""

    @abstractmethod
    def next_mode(self) -> None: ...

    @abstractmethod
    def swap_directions(self) -> None: ...

    @abstractmethod
    def choose(self, stick: Stick) -> None:
        """What the D-pad chooses while driving."""

    @abstractmethod
    def heading_deg(self, camera_heading_deg: float) -> float:
        """Where the left stick's forward points."""

    @abstractmethod
    def rest(self, stick: Stick) -> None:
        """Somebody else drives now, or time runs backwards."""

    @abstractmethod
    def action(self, stick: Stick, heading_deg: float) -> Action:
        """The action (A,) in [-1, 1] that the stick means now."""

    @abstractmethod
    def is_deflected(self, stick: Stick) -> bool:
        """Whether the stick says something on purpose: an answer to the policy's question."""

    @abstractmethod
    def is_at_rest(self, action: Action) -> bool:
        """Whether this action would leave things as they are."""


class ArmHands(Hands):
    """On an arm: control mode, directions, joint and grip; all but the grip stay from episode to episode."""

    def __init__(
        self, arm: ArmEnv, config: MappingConfig, style: GripStyle = GripStyle.HOLD, directions: Directions = Directions.CAMERA
    ) -> None:
        self.config, self.directions, self.grip = config, directions, Grip(style)
        self._arm = arm

    @property
    def mode_index(self) -> int:
        return MODES.index(self.mode)

    @property
    def words(self) -> tuple[str, str]:
        if self.mode is ControlMode.JOINT:
            return f"joint {self.joint + 1}", f"of {len(self._arm.robot.arm_joints)}"
        return str(self.mode), f"· {self.directions}"

    @property
    def stick_help(self) -> tuple[tuple[str, str, str], ...]:
        return MODE_HELP[self.mode]

    def begin(self, *, latched: bool) -> None:
        self.grip = Grip(self.grip.style, latched=latched)

    def next_mode(self) -> None:
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def swap_directions(self) -> None:
        self.directions = Directions.BASE if self.directions is Directions.CAMERA else Directions.CAMERA

    def choose(self, stick: Stick) -> None:
        """In joint mode D-pad left and right choose the joint."""
        if self.mode is ControlMode.JOINT:
            joints = len(self._arm.robot.arm_joints)
            self.joint = (self.joint + (Button.RIGHT in stick.pressed) - (Button.LEFT in stick.pressed)) % joints

    def heading_deg(self, camera_heading_deg: float) -> float:
        return camera_heading_deg if self.directions is Directions.CAMERA else 0.0

    def rest(self, stick: Stick) -> None:
        """The gripper will stay as they leave it until the trigger moves."""
        self.grip.rest(trigger(stick))

    def action(self, stick: Stick, heading_deg: float) -> Action:
        twist = self._arm.joint_twist(self.joint) if self.mode is ControlMode.JOINT else np.zeros(6)
        action = stick_to_action(stick, self.config, Drive(self.mode, heading_deg, twist))
        action[6] = self.grip.command(trigger(stick), self._arm.grip_command)
        return action

    def is_deflected(self, stick: Stick) -> bool:
        return is_deflected(stick, self.config)

    def is_at_rest(self, action: Action) -> bool:
        gripped = abs(float(action[-1]) - self._arm.grip_command) > STILL_GRIP
        return not gripped and not np.any(action[:-1])


def trigger(stick: Stick) -> float:
    """How far RT is pulled, 0…1."""
    return max(0.0, stick.axis(Axis.RT))
