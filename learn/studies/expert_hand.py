"""Expert hand: a trained policy as a `Device`, which demonstrates and answers through the same sticks and loop as a person."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.schema import Phase, Source
from learn.driver import Driver
from learn.policies import Policy
from teleop.devices.device import Pulse, View
from teleop.envs.adapter import Guest
from teleop.envs.plant import Plant
from teleop.mapping import MappingConfig, unshape_axis
from teleop.stick import Axis, Button, Stick, make_stick
from teleop.stick_map import IS_TRIGGER, AxisRule, StickMap, stick_map_for

START, ANSWER = (Button.START,), (Button.RB,)
Held = tuple[dict[Axis, float], tuple[Button, ...]]


class ExpertHand:
    """Moves the sticks so that they mean what `policy` would do: while it drives in every step, asked as the answer.

    Only for one that looks again at every step, in an environment whose whole action is on the first bank of its stick map. A
    choice arrives exactly, a number to within the rounding of a stick's float32.
    """

    name = "expert policy"
    source = Source.SCRIPTED
    profile = "xbox"

    def __init__(self, plant: Plant, policy: Policy, mapping: MappingConfig) -> None:
        assert isinstance(plant, Guest)
        self._plant, self._driver, self._mapping = plant, Driver(policy), mapping
        self._sticks = stick_map_for(plant.wanted_map())
        check_says_all(self._sticks, plant.task)

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if view.phase is Phase.READY:
            self._driver.begin(view.seed)
            return self._stick(START)  # the step that this starts is driven already
        if view.phase is Phase.HUMAN:
            return self._stick()
        return self._stick(ANSWER) if view.phase is Phase.ASKING else make_stick()

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None: ...

    def _stick(self, pressed: tuple[Button, ...] = ()) -> Stick:
        """What means what the policy would do in the state as it is now."""
        action = np.clip(self._driver.act(self._plant.latest)[0], -1.0, 1.0)
        axes, held = held_for(action, self._sticks, self._mapping)
        return make_stick(axes, held=(*held, *pressed), pressed=pressed)


def check_says_all(sticks: StickMap, env_id: str) -> None:
    """Refuse a stick map whose first bank cannot say every action."""
    said = _buttons(sticks) if sticks.choices else _axes(sticks)
    if sorted(said) != list(range(sticks.width)) or len(sticks.choices) > 1:
        wanted = "one axis for each number or a button for each choice"
        raise UserError(f"no expert can move the sticks of {env_id}: its action is not {wanted}; give another environment")


def held_for(action: NDArray[np.float32], sticks: StickMap, mapping: MappingConfig) -> Held:
    """The deflections and buttons that a stick map turns into an action (A,) in [-1, 1]."""
    if sticks.choices:
        return {}, (_buttons(sticks)[int(np.argmax(action))],)
    rules = _axes(sticks)
    shares = {rule.stick: float(np.clip(action[number] / rule.scale, -1.0, 1.0)) for number, rule in rules.items()}
    return {stick: unshape_axis(share, mapping) for stick, share in shares.items()}, ()


def _buttons(sticks: StickMap) -> dict[int, Button]:
    return {rule.action: rule.button for rule in sticks.buttons if rule.bank == 0}


def _axes(sticks: StickMap) -> dict[int, AxisRule]:
    return {rule.action: rule for rule in sticks.axes if rule.bank == 0 and not rule.hold and rule.stick not in IS_TRIGGER}
