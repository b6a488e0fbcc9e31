"""The scripted operator: an expert that moves the sticks, with a person's delay, noise, pauses and slips.

Everything it does goes through the same sticks, mapping and loop as a person's hands, and is marked `scripted`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.schema import Phase, Source
from teleop.devices.device import Pulse, View
from teleop.envs.arm import CONTROL_HZ, ArmEnv
from teleop.experts import expert_for
from teleop.experts.aim import WHIMS, Aim, Wish
from teleop.mapping import MappingConfig, action_to_axes
from teleop.stick import STICK_AXES, Axis, Button, Stick, make_stick

Vector = NDArray[np.float64]
LARGEST_AIM_ERROR_M = 0.06


@dataclass(frozen=True)
class OperatorConfig:
    """A person's habits. `skill` 1 is as given here, 0 twice as clumsy, 2 without noise, slips or overshoot.

    Reaction and decision times in seconds (mean, standard deviation); `approach_per_s` is the speed wanted per metre
    of distance left; `noise` is relative to the deflection (signal-dependent noise, Harris and Wolpert 1998);
    `overshoot` is an error of aim relative to the distance of each sub-movement.
    """

    skill: float = 1.0
    reaction_s: tuple[float, float] = (0.2, 0.05)
    decision_s: tuple[float, float] = (0.8, 0.3)
    think_s: tuple[float, float] = (0.6, 0.2)
    approach_per_s: float = 3.0
    turn_per_s: float = 3.0
    slew_per_s: float = 6.0
    noise: float = 0.10
    noise_memory: float = 0.6
    overshoot: float = 0.04
    pauses_per_s: float = 0.12
    pause_s: tuple[float, float] = (0.25, 0.1)
    lapse_rate: float = 0.02
    lapse_s: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 <= self.skill <= 2.0:
            raise ValueError(f"skill {self.skill} is outside 0 (clumsy) … 2 (clean)")

    @property
    def clumsiness(self) -> float:
        return 2.0 - self.skill


class ScriptedOperator:
    """A `Device` that looks at the simulator instead of a screen. `stage` is the expert's word for what it is doing.

    Seeded for each episode: its seed and the scene's give the same sticks, whatever was driven before.
    """

    source = Source.SCRIPTED
    profile = "xbox"

    def __init__(self, env: ArmEnv, mapping: MappingConfig, config: OperatorConfig, seed: int) -> None:
        self.name = "scripted operator"
        self.config, self._env, self._mapping = config, env, mapping
        self._expert = expert_for(env)
        self._seed = seed
        self._wait_ticks = 0
        self._last_phase = Phase.QUIT
        self._fresh_answer_ticks = 0
        self._begin_episode(View())

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if view.phase is not self._last_phase:
            self._notice(view)
        self._fresh_answer_ticks = max(0, self._fresh_answer_ticks - 1)
        if self._wait_ticks > 0:
            self._wait_ticks -= 1
            return self._resting()
        if view.phase is Phase.READY:
            return make_stick(held=[Button.START], pressed=[Button.START])
        if view.phase is Phase.HUMAN:
            return self._drive(view.heading_deg)
        if view.phase is Phase.ASKING:
            return self._answer(view.heading_deg)
        return self._resting()

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None: ...

    # -- noticing --------------------------------------------------------------------------------------------------

    def _notice(self, view: View) -> None:
        self._last_phase = view.phase
        if view.phase is Phase.READY:
            self._begin_episode(view)
            self._wait_ticks = self._ticks(self.config.think_s)
        elif view.phase is Phase.ASKING and self._fresh_answer_ticks == 0:
            self._wait_ticks = self._ticks(self.config.decision_s)

    def _begin_episode(self, view: View) -> None:
        self._rng, whims = (np.random.default_rng([self._seed, view.seed, stream]) for stream in (0, 1))
        self._wish = Wish(self._mode(view.mode, whims), tuple(whims.uniform(-1.0, 1.0, WHIMS)))
        self._axes = np.zeros(len(STICK_AXES))
        self._noise = np.zeros(len(STICK_AXES))
        self._aims: deque[Aim] = deque()
        self.stage, self._aim_error = "", np.zeros(3)
        self._pause_ticks = self._lapse_ticks = 0
        self._lapse = np.zeros(len(STICK_AXES))
        self._delay = max(1, self._ticks(self.config.reaction_s))

    def _mode(self, wished: str, rng: np.random.Generator) -> str:
        """The behaviour mode asked for, else, where the task has several, the one this person feels like."""
        if wished or not self._env.modes:
            return wished
        return str(rng.choice(self._env.modes))

    def _resting(self) -> Stick:
        """Hands on the pad: sticks at rest, the trigger finger as the gripper is, so that taking over drops nothing."""
        return make_stick({Axis.RT: (self._env.grip_command + 1.0) / 2.0})

    # -- driving ---------------------------------------------------------------------------------------------------

    def _drive(self, heading_deg: float) -> Stick:
        aim = self._perceived(self._expert(self._env, self._wish))
        axes = self._wanted_axes(aim, heading_deg)
        wanted = np.array([axes[a] for a in STICK_AXES])
        wanted = self._with_slips(wanted)
        slew = self.config.slew_per_s / CONTROL_HZ
        self._axes += np.clip(wanted - self._axes, -slew, slew)
        return self._stick(self._axes + self._motor_noise(self._axes), axes[Axis.RT])

    def _answer(self, heading_deg: float) -> Stick:
        """A label: RB says that the sticks as they are, also at rest, are the answer. Decided, so without motor delay."""
        self._fresh_answer_ticks = CONTROL_HZ // 2
        axes = self._wanted_axes(self._expert(self._env, self._wish), heading_deg)
        wanted = np.array([axes[a] for a in STICK_AXES])
        self._axes = wanted.copy()
        if self._rng.random() < self.config.lapse_rate * self.config.clumsiness / 2.0:
            wanted = self._rng.uniform(-0.6, 0.6, len(wanted))
        return self._stick(wanted + self._motor_noise(wanted), axes[Axis.RT], held=(Button.RB,))

    def _perceived(self, aim: Aim) -> Aim:
        """Reaction delay: an unforeseen change of stage is acted on late; within a stage the eye follows the hand."""
        if aim.planned:
            self._aims.clear()
        self._aims.append(aim)
        seen = self._aims[0] if len(self._aims) <= self._delay else self._aims.popleft()
        if seen.stage != self.stage:
            self.stage = seen.stage
            distance = np.linalg.norm(seen.pos_m - self._env.tcp_pos_m)
            error = self._rng.normal(0.0, self.config.overshoot * self.config.clumsiness * distance, 3)
            # It fades over the last 10 cm: a larger one would never let the hand come nearer than that.
            self._aim_error = error * min(1.0, LARGEST_AIM_ERROR_M / max(float(np.linalg.norm(error)), 1e-9))
        return aim if aim.stage == seen.stage else seen

    def _wanted_axes(self, aim: Aim, heading_deg: float) -> dict[Axis, float]:
        error = aim.pos_m + self._aim_error * np.minimum(1.0, np.linalg.norm(aim.pos_m - self._env.tcp_pos_m) / 0.1) - self._env.tcp_pos_m
        limits = self._env.limits
        action = np.zeros(7, np.float32)
        action[:3] = error * self.config.approach_per_s / (CONTROL_HZ * limits.metres_per_step)
        largest, fastest = float(np.abs(action[:3]).max()), self._mapping.translate * min(1.0, aim.speed)
        if largest > fastest:  # full speed along a straight line, not along the box's diagonal
            action[:3] *= fastest / largest
        action[5] = aim.yaw_rad * self.config.turn_per_s / (CONTROL_HZ * limits.radians_per_step)
        action[6] = aim.grip
        return action_to_axes(action, self._mapping, heading_deg)

    # -- being human -----------------------------------------------------------------------------------------------

    def _motor_noise(self, axes: Vector) -> Vector:
        memory = self.config.noise_memory
        self._noise = memory * self._noise + np.sqrt(1 - memory**2) * self._rng.normal(0.0, 1.0, len(axes))
        return self._noise * np.abs(axes) * self.config.noise * self.config.clumsiness

    def _with_slips(self, wanted: Vector) -> Vector:
        rate = self.config.pauses_per_s * self.config.clumsiness / CONTROL_HZ
        if self._pause_ticks == 0 and self._rng.random() < rate:
            self._pause_ticks = self._ticks(self.config.pause_s)
        lapse_ticks = max(1, round(self.config.lapse_s * CONTROL_HZ))
        if self._lapse_ticks == 0 and self._rng.random() < self.config.lapse_rate * self.config.clumsiness / lapse_ticks:
            self._lapse_ticks = lapse_ticks
            self._lapse = self._rng.uniform(-0.6, 0.6, len(wanted))
        if self._lapse_ticks > 0:
            self._lapse_ticks -= 1
            return self._lapse
        if self._pause_ticks > 0:
            self._pause_ticks -= 1
            return np.zeros_like(wanted)
        return wanted

    def _ticks(self, mean_sd_s: tuple[float, float]) -> int:
        return max(0, round(CONTROL_HZ * self._rng.normal(*mean_sd_s)))

    @staticmethod
    def _stick(axes: Vector, trigger: float, held: tuple[Button, ...] = ()) -> Stick:
        named = dict(zip(STICK_AXES, np.clip(axes, -1.0, 1.0), strict=True))
        return make_stick(named | {Axis.RT: trigger}, held, held)
