"""The scripted operator: an expert that moves the sticks as a person does, answers a policy's questions and watches it drive.

Everything it does goes through the same sticks, mapping and loop as a person's hands, and is marked `scripted`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.schema import Phase, Source
from teleop.devices.device import Pulse, View
from teleop.devices.habits import OperatorConfig
from teleop.devices.hand import Hand, wanted_action
from teleop.devices.judgement import Action, disagreement
from teleop.devices.labeller import Answer, Labeller
from teleop.devices.supervisor import Supervisor, Vector
from teleop.envs.arm import ArmEnv
from teleop.experts import expert_for
from teleop.experts.aim import WHIMS, Aim, Wish
from teleop.mapping import MappingConfig
from teleop.stick import Button, Stick, make_stick

__all__ = ["OperatorConfig", "ScriptedOperator"]

BUTTONS = {Answer.ACCEPT: Button.A, Answer.EITHER: Button.X}


class ScriptedOperator:
    """A `Device` that looks at the simulator instead of a screen. `stage` is the expert's word for what it is doing.

    Seeded for each episode: its seed and the scene's give the same sticks, whatever was driven before. Only the answers
    given so far count along the sitting: who has given too many is tired (`OperatorConfig.patience`).

    A behaviour mode that was asked for is the only one; else each of the task's is fine, and one of them is the own.
    """

    name = "scripted operator"
    source = Source.SCRIPTED
    profile = "xbox"

    def __init__(self, env: ArmEnv, mapping: MappingConfig, config: OperatorConfig, seed: int) -> None:
        self.config, self._env, self._mapping = config, env, mapping
        self._expert, self._liking = expert_for(env), config.liking(env.modes)
        self._seed = seed
        self._wait_ticks = 0
        self._last_phase = Phase.QUIT
        self._labeller = Labeller(config)
        self._begin_episode(View())

    @property
    def stage(self) -> str:
        return self._hand.stage

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        if view.phase is not self._last_phase or view.seed != self._scene:
            self._notice(view)
        self._labeller.tick()
        if self._wait_ticks > 0:
            self._wait_ticks -= 1
            return self._hand.rest()
        if view.phase is Phase.READY:
            if view.rests:
                return self._hand.rest()
            return make_stick(held=[Button.START], pressed=[Button.START])
        if view.phase is Phase.ASKING:
            return self._answer(view.heading_deg)
        if view.phase in (Phase.HUMAN, Phase.POLICY):
            return self._drive(view)
        return self._hand.rest()

    def rumble(self, pulse: Pulse) -> None: ...

    def close(self) -> None: ...

    # -- noticing --------------------------------------------------------------------------------------------------

    def _notice(self, view: View) -> None:
        self._last_phase = view.phase
        if view.phase is Phase.READY or view.seed != self._scene:
            self._begin_episode(view)
            think_ticks = self._hand.ticks(self.config.think_s)
            self._wait_ticks = think_ticks if view.phase is Phase.READY else 0
        if view.phase is Phase.ASKING:
            self._wait_ticks = self._labeller.ask([] if view.proposal is None else self._apart(view.proposal, self._aims()))
        elif view.phase is Phase.HUMAN and view.handed_over:
            self._take_the_wheel()

    def _begin_episode(self, view: View) -> None:
        """Another scene is one, too: at the desk nobody starts it."""
        self._scene = view.seed
        hand, whims, answers, watching = (np.random.default_rng([self._seed, view.seed, stream]) for stream in range(4))
        mode = self._mode(view.mode, whims)
        whim = tuple(whims.uniform(-1.0, 1.0, WHIMS))
        self._ways = tuple(Wish(way, whim) for way in (mode, *self._others(view.mode, mode, watching)))
        self._hand = Hand(self._env, self._mapping, self.config, hand)
        self._labeller.begin(answers)
        self._supervisor = Supervisor(len(self._ways), self.config, watching)
        self._way = 0

    def _mode(self, wished: str, rng: np.random.Generator) -> str:
        """The behaviour mode asked for, else, where the task has several, the one this person feels like."""
        if wished or not self._env.modes:
            return wished
        return str(rng.choice(self._env.modes, p=list(self._liking.values()) if self.config.preferences else None))

    def _others(self, wished: str, own: str, rng: np.random.Generator) -> list[str]:
        """The other modes that are fine, the most liked first."""
        others = [] if wished else [str(mode) for mode in rng.permutation(self._env.modes) if mode != own]
        return sorted(others, key=lambda mode: -self._liking[mode])

    def _aims(self) -> list[Aim]:
        return [self._expert(self._env, way) for way in self._ways]

    def _apart(self, proposal: Action, aims: Sequence[Aim]) -> Vector:
        """(W,) how far a proposal is from each way to do it that is fine, the own one first."""
        own = (wanted_action(self._env, aim, self.config, self._mapping) for aim in aims)
        return np.array([disagreement(proposal, action, self._mapping) for action in own])

    # -- answering -------------------------------------------------------------------------------------------------

    def _answer(self, heading_deg: float) -> Stick:
        """A correction goes on in the way that the policy is about, and does not turn it back."""
        self._labeller.answered()
        answer = self._labeller.answer
        if answer in BUTTONS:
            return self._hand.rest(pressed=(BUTTONS[answer],))
        aim = self._expert(self._env, self._ways[self._supervisor.way])
        return self._hand.answer(aim, heading_deg, slips=answer is Answer.SLIP)

    # -- driving and watching --------------------------------------------------------------------------------------

    def _drive(self, view: View) -> Stick:
        """Without RB where nobody else drives or the wheel was handed over, else while the supervisor holds it."""
        if view.handed_over:
            self._supervisor.rest()
        held = self._supervisor.holds
        if view.proposal is not None and not view.success:
            self._watch(view.proposal, decides=self.config.supervises and not view.handed_over)
        holds = self._supervisor.holds
        if holds and not held:
            self._take_the_wheel()
        if not holds and (held or view.phase is Phase.POLICY):
            return self._hand.rest()
        aim = self._expert(self._env, self._ways[self._way])
        return self._hand.drive(aim, view.heading_deg, (Button.RB,) if holds else ())

    def _watch(self, proposal: Action, *, decides: bool) -> None:
        aims = self._aims()
        self._supervisor.watch(self._apart(proposal, aims))
        if decides:
            aim = aims[self._supervisor.way]
            self._supervisor.decide(aim.stage, float(np.linalg.norm(aim.pos_m - self._env.tcp_pos_m)))

    def _take_the_wheel(self) -> None:
        """In the way that the policy is about: it is not fought."""
        self._way = self._supervisor.way
        self._hand.take()
