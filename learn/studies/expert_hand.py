"""Expert hand: a trained policy as a `Device`, which demonstrates and answers through the same sticks and loop as a person."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.errors import UserError
from data.schema import Phase, Source
from learn.driver import Driver
from learn.policies import Policy
from teleop.devices.device import Pulse, View
from teleop.envs.adapter import Guest
from teleop.envs.plant import Plant
from teleop.mapping import MappingConfig, unshape_axis
from teleop.stick import Button, Stick, make_stick
from teleop.stick_map import AxisRule, StickMap, stick_map_for

START, ANSWER = (Button.START,), (Button.RB,)


class ExpertHand:
    """Moves the sticks so that they mean what `policy` would do: while it drives in every step, asked as the answer.

    Only for one that looks again at every step, in an environment whose whole action is on sticks that do not hold, in one bank.
    """

    name = "expert policy"
    source = Source.SCRIPTED
    profile = "xbox"

    def __init__(self, plant: Plant, policy: Policy, mapping: MappingConfig) -> None:
        assert isinstance(plant, Guest)
        self._plant, self._driver, self._mapping = plant, Driver(policy), mapping
        self._rules = rules_of(stick_map_for(plant.wanted_map()), plant.task)

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if view.phase is Phase.READY:
            self._driver.begin(view.seed)
            return self._stick(START)  # the step that this starts is driven already
        if view.phase is Phase.HUMAN:
            return self._stick()
        return self._stick(ANSWER) if view.phase is Phase.ASKING else make_stick()

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None: ...

    def _stick(self, held: tuple[Button, ...] = ()) -> Stick:
        """The deflections that mean what the policy would do in the state as it is now."""
        action = np.clip(self._driver.act(self._plant.restore(self._plant.sim_state()))[0], -1.0, 1.0)
        shares = {rule.stick: float(np.clip(action[rule.action] / rule.scale, -1.0, 1.0)) for rule in self._rules}
        return make_stick({stick: unshape_axis(share, self._mapping) for stick, share in shares.items()}, held, held)


def rules_of(sticks: StickMap, env_id: str) -> tuple[AxisRule, ...]:
    """The axis for each number of an action."""
    first = tuple(rule for rule in sticks.axes if rule.bank == 0 and not rule.hold)
    if sorted(rule.action for rule in first) != list(range(sticks.width)) or sticks.choices:
        raise UserError(f"no expert can move the sticks of {env_id}: its action is not one axis for each number; give another environment")
    return first
