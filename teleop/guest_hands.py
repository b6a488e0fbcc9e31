"""Guest hands: what a stick means for an environment that is not an arm of ours, by its stick map."""

import numpy as np
from numpy.typing import NDArray

from teleop.bindings import REWIND_HELP, Cue
from teleop.envs.adapter import Guest
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant
from teleop.grip import GripStyle
from teleop.hands import Action, ArmHands, Hands
from teleop.mapping import PRECISE_BUTTON, Directions, MappingConfig, shape_axis
from teleop.stick import Axis, Button, Stick
from teleop.stick_map import EVERY_BANK, IS_TRIGGER, LAST, AxisRule, ButtonRule, StickMap, stick_map_for

LEANS = 0.5  # a stick this far over is the D-pad's direction too


class GuestHands(Hands):
    """Banks instead of control modes. What holds goes on from whatever was executed last, whoever chose it."""

    def __init__(self, sticks: StickMap, config: MappingConfig, hz: float) -> None:
        self.sticks, self.config, self._hz = sticks, config, hz
        self.bank = 0
        self._last = self._at_rest()

    @property
    def mode_index(self) -> int:
        return self.bank

    @property
    def words(self) -> tuple[str, str]:
        return (f"bank {self.bank + 1}", f"of {self.sticks.banks}") if self.sticks.banks > 1 else ("sticks", "")

    @property
    def stick_help(self) -> tuple[tuple[str, str, str], ...]:
        rows = [*self.sticks.help(self.bank), ("LB (hold)", "Shift (hold)", "slow and precise"), REWIND_HELP]
        return tuple(row for row in rows if row[0] != "LB (hold)" or not self.sticks.choices)

    @property
    def dead_cues(self) -> frozenset[Cue]:
        return frozenset({Cue.DIRECTIONS} if self.sticks.banks > 1 else {Cue.DIRECTIONS, Cue.CONTROL_MODE})

    def begin(self, *, latched: bool) -> None:
        self._last = self._at_rest()

    def next_mode(self) -> None:
        self.bank = (self.bank + 1) % self.sticks.banks

    def swap_directions(self) -> None: ...

    def choose(self, stick: Stick) -> None: ...

    def heading_deg(self, camera_heading_deg: float) -> float:
        return 0.0

    def rest(self, stick: Stick) -> None: ...

    def note(self, action: Action) -> None:
        self._last = np.array(action, np.float32)

    def action(self, stick: Stick, heading_deg: float) -> Action:
        return self._chosen(stick) if self.sticks.choices else self._moved(stick)

    def is_deflected(self, stick: Stick) -> bool:
        moved = any(abs(self._value(rule, stick)) > 0 for rule in self._axes() if rule.stick not in IS_TRIGGER)
        return moved or any(rule.button in pressed(stick) for rule in self._buttons())

    def is_at_rest(self, action: Action) -> bool:
        """Never: what is simulated here may go on by itself."""
        return False

    # -- inside ----------------------------------------------------------------------------------------------------

    def _at_rest(self) -> NDArray[np.float32]:
        if not self.sticks.choices:
            return np.array(self.sticks.rest or np.zeros(self.sticks.width), np.float32)
        choice = 0 if self.sticks.rest_choice == LAST else int(self.sticks.rest_choice)
        action = -np.ones(self.sticks.width, np.float32)
        for start, _ in self._parts():
            action[start] = 1.0
        if len(self.sticks.choices) == 1:
            action[0], action[choice] = -1.0, 1.0
        return action

    def _parts(self) -> list[tuple[int, int]]:
        """Where each part of a discrete action begins and ends."""
        ends = np.cumsum(self.sticks.choices)
        return [(int(end) - count, int(end)) for end, count in zip(ends, self.sticks.choices, strict=True)]

    def _moved(self, stick: Stick) -> Action:
        action = self._at_rest()
        for rule in self.sticks.axes:
            if rule.hold:
                action[rule.action] = self._last[rule.action]
        slow = self.config.precise if PRECISE_BUTTON in stick.held else 1.0
        for rule in self._axes():
            value = self._value(rule, stick) * (1.0 if rule.stick in IS_TRIGGER else slow)
            action[rule.action] = action[rule.action] + value / self._hz if rule.hold else value
        for button in self._buttons():
            if button.button in pressed(stick):
                action[button.action] = button.value
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _chosen(self, stick: Stick) -> Action:
        action = self._last.copy() if self.sticks.rest_choice == LAST else self._at_rest()
        down = pressed(stick)
        for start, end in self._parts():
            for rule in self._buttons():
                if rule.button in down and start <= rule.action < end:
                    action[start:end] = -1.0
                    action[rule.action] = 1.0
        return action

    def _value(self, rule: AxisRule, stick: Stick) -> float:
        if rule.stick in IS_TRIGGER:
            return rule.scale * (2.0 * min(1.0, max(0.0, stick.axis(rule.stick))) - 1.0)
        return rule.scale * shape_axis(stick.axis(rule.stick), self.config)

    def _axes(self) -> tuple[AxisRule, ...]:
        return tuple(rule for rule in self.sticks.axes if rule.bank in (self.bank, EVERY_BANK))

    def _buttons(self) -> tuple[ButtonRule, ...]:
        return tuple(rule for rule in self.sticks.buttons if rule.bank in (self.bank, EVERY_BANK))


def pressed(stick: Stick) -> frozenset[Button]:
    """The buttons that are down or were tapped, and the D-pad's that the left stick stands for."""
    x, y = stick.axis(Axis.LEFT_X), stick.axis(Axis.LEFT_Y)
    leans = {Button.LEFT: x < -LEANS, Button.RIGHT: x > LEANS, Button.UP: y < -LEANS, Button.DOWN: y > LEANS}
    return stick.held | stick.pressed | {button for button, is_so in leans.items() if is_so}


def hands_of(plant: Plant, config: MappingConfig, style: GripStyle, directions: Directions, sticks: StickMap | None = None) -> Hands:
    """The hands for what is driven; `sticks`: a guest's map, its default when None."""
    if isinstance(plant, ArmEnv):
        return ArmHands(plant, config, style, directions)
    assert isinstance(plant, Guest)
    return GuestHands(sticks or stick_map_for(plant.wanted_map()), config, plant.control_hz)
