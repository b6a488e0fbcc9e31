"""Hand: brings what an expert aims at onto the sticks, with a person's delay, noise, pauses and slips."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from teleop.devices.habits import MeanSd, OperatorConfig, ticks_of
from teleop.envs.arm import CONTROL_HZ, ArmEnv
from teleop.experts.aim import Aim
from teleop.mapping import MappingConfig, action_to_axes
from teleop.stick import STICK_AXES, Axis, Button, Stick, make_stick

Vector = NDArray[np.float64]
Buttons = tuple[Button, ...]
LARGEST_AIM_ERROR_M = 0.06
LARGEST_SLIP = 0.6


class Hand:
    """One episode long. `stage` is the expert's word for what it is doing."""

    def __init__(self, env: ArmEnv, mapping: MappingConfig, config: OperatorConfig, rng: np.random.Generator) -> None:
        self._env, self._mapping, self._config, self._rng = env, mapping, config, rng
        self._noise = np.zeros(len(STICK_AXES))
        self._pause_ticks = self._lapse_ticks = 0
        self._lapse = np.zeros(len(STICK_AXES))
        self._delay = max(1, self.ticks(config.reaction_s))
        self.take()

    def ticks(self, mean_sd_s: MeanSd) -> int:
        return ticks_of(mean_sd_s, self._rng)

    def take(self) -> None:
        """Put the thumbs on the sticks: at rest, nothing of what was done before is still in them."""
        self._axes = np.zeros(len(STICK_AXES))
        self._aims: deque[Aim] = deque()
        self.stage, self._aim_error = "", np.zeros(3)

    def rest(self, pressed: Buttons = ()) -> Stick:
        """On the pad: sticks at rest, the trigger finger as the gripper is, so that taking over drops nothing."""
        return make_stick({Axis.RT: (self._env.grip_command + 1.0) / 2.0}, pressed, pressed)

    def drive(self, aim: Aim, heading_deg: float, held: Buttons = ()) -> Stick:
        """The stick now on the way to `aim`."""
        axes = self._axes_for(self._perceived(aim), heading_deg)
        wanted = self._with_slips(np.array([axes[a] for a in STICK_AXES]))
        slew = self._config.slew_per_s / CONTROL_HZ
        self._axes += np.clip(wanted - self._axes, -slew, slew)
        return self._stick(self._axes + self._motor_noise(self._axes), axes[Axis.RT], held)

    def answer(self, aim: Aim, heading_deg: float, *, slips: bool) -> Stick:
        """A label: RB says that the sticks as they are, also at rest, are the answer. Decided, so without motor delay."""
        axes = self._axes_for(aim, heading_deg)
        wanted = np.array([axes[a] for a in STICK_AXES])
        self._axes = wanted.copy()
        if slips:
            wanted = self._rng.uniform(-LARGEST_SLIP, LARGEST_SLIP, len(wanted))
        return self._stick(wanted + self._motor_noise(wanted), axes[Axis.RT], (Button.RB,))

    def _axes_for(self, aim: Aim, heading_deg: float) -> dict[Axis, float]:
        action = wanted_action(self._env, aim, self._config, self._mapping, self._aim_error)
        return action_to_axes(action, self._mapping, heading_deg)

    def _perceived(self, aim: Aim) -> Aim:
        """Reaction delay: an unforeseen change of stage is acted on late; within a stage the eye follows the hand."""
        if aim.planned:
            self._aims.clear()
        self._aims.append(aim)
        seen = self._aims[0] if len(self._aims) <= self._delay else self._aims.popleft()
        if seen.stage != self.stage:
            self.stage = seen.stage
            distance = np.linalg.norm(seen.pos_m - self._env.tcp_pos_m)
            error = self._rng.normal(0.0, self._config.overshoot * self._config.clumsiness * distance, 3)
            # It fades over the last 10 cm: a larger one would never let the hand come nearer than that.
            self._aim_error = error * min(1.0, LARGEST_AIM_ERROR_M / max(float(np.linalg.norm(error)), 1e-9))
        return aim if aim.stage == seen.stage else seen

    def _motor_noise(self, axes: Vector) -> Vector:
        memory = self._config.noise_memory
        self._noise = memory * self._noise + np.sqrt(1 - memory**2) * self._rng.normal(0.0, 1.0, len(axes))
        return self._noise * np.abs(axes) * self._config.noise * self._config.clumsiness

    def _with_slips(self, wanted: Vector) -> Vector:
        config = self._config
        rate = config.pauses_per_s * config.clumsiness / CONTROL_HZ
        if self._pause_ticks == 0 and self._rng.random() < rate:
            self._pause_ticks = self.ticks(config.pause_s)
        lapse_ticks = max(1, round(config.lapse_s * CONTROL_HZ))
        if self._lapse_ticks == 0 and self._rng.random() < config.lapse_rate * config.clumsiness / lapse_ticks:
            self._lapse_ticks = lapse_ticks
            self._lapse = self._rng.uniform(-LARGEST_SLIP, LARGEST_SLIP, len(wanted))
        if self._lapse_ticks > 0:
            self._lapse_ticks -= 1
            return self._lapse
        if self._pause_ticks > 0:
            self._pause_ticks -= 1
            return np.zeros_like(wanted)
        return wanted

    @staticmethod
    def _stick(axes: Vector, trigger: float, held: Buttons) -> Stick:
        named = dict(zip(STICK_AXES, np.clip(axes, -1.0, 1.0), strict=True))
        return make_stick(named | {Axis.RT: trigger}, held, held)


def wanted_action(
    env: ArmEnv, aim: Aim, config: OperatorConfig, mapping: MappingConfig, missed_m: Vector | None = None
) -> NDArray[np.float32]:
    """The action (7,) that leads to `aim` at the person's pace, where the eye misses the place by `missed_m` (3,)."""
    missed = np.zeros(3) if missed_m is None else missed_m
    error = aim.pos_m + missed * np.minimum(1.0, np.linalg.norm(aim.pos_m - env.tcp_pos_m) / 0.1) - env.tcp_pos_m
    action = np.zeros(7, np.float32)
    action[:3] = error * config.approach_per_s / (CONTROL_HZ * env.limits.metres_per_step)
    largest, fastest = float(np.abs(action[:3]).max()), mapping.translate * min(1.0, aim.speed)
    if largest > fastest:  # full speed along a straight line, not along the box's diagonal
        action[:3] *= fastest / largest
    action[5] = aim.yaw_rad * config.turn_per_s / (CONTROL_HZ * env.limits.radians_per_step)
    action[6] = aim.grip
    return action
