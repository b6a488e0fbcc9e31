"""THE loop: stick → action → step → record, for a person, a scripted operator and a policy that asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.episode import Step
from data.schema import Outcome, Phase, Source
from teleop.bindings import MODE_TAGS, Cue, cue_of
from teleop.clock import Clock
from teleop.devices.device import Device, View
from teleop.envs.panda import Obs, PandaEnv
from teleop.mapping import MappingConfig, is_deflected, stick_to_action
from teleop.phases import ACTIVE_PHASES, next_phase
from teleop.pilot import GripLatch, Pilot, Question
from teleop.recorder import Recorder
from teleop.screen import Screen, Status
from teleop.stick import Axis, Button, Stick

Action = NDArray[np.float32]


@dataclass(frozen=True)
class LoopConfig:
    """`episodes` to keep before stopping (None: until the operator quits); `hold_ticks` of success end an episode (0: never)."""

    mapping: MappingConfig = field(default_factory=MappingConfig)
    episodes: int | None = None
    hold_ticks: int = 10
    mode: str = ""
    seed: int = 0
    dagger_round: int = -1


@dataclass
class LoopReport:
    """What one run of the loop kept."""

    kept: list[tuple[int, Outcome]] = field(default_factory=list)
    steps: int = 0
    late_ticks: int = 0

    @property
    def successes(self) -> int:
        return sum(outcome is Outcome.SUCCESS for _, outcome in self.kept)

    @property
    def counted(self) -> int:
        return sum(outcome in (Outcome.SUCCESS, Outcome.FAILURE) for _, outcome in self.kept)


OUTCOMES: dict[Cue, Outcome] = {
    Cue.SUCCESS: Outcome.SUCCESS,
    Cue.FAILURE: Outcome.FAILURE,
    Cue.DISCARD: Outcome.DISCARDED,
    Cue.QUIT: Outcome.PARTIAL,
}


class Loop:
    """One run at the sticks. Everything that touches time, screen or disk is handed in."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        arm: PandaEnv,
        device: Device,
        screen: Screen,
        clock: Clock,
        recorder: Recorder,
        config: LoopConfig,
        pilot: Pilot | None = None,
        on_episode: Callable[[LoopReport], None] | None = None,
    ) -> None:
        self.env, self.arm, self.device, self.screen, self.clock = env, arm, device, screen, clock
        self.recorder, self.config, self.pilot, self.on_episode = recorder, config, pilot, on_episode
        self.phase, self.mode, self.message, self.camera = Phase.READY, config.mode, "", 0
        self.report = LoopReport()
        self._question: Question | None = None
        self._latch = GripLatch()
        self._unplugged = self._rb_answered = False
        self._started_s = self._paused_at_s = 0.0
        self._ticks: dict[Phase, Callable[[Stick], None]] = {
            Phase.HUMAN: self._human_tick,
            Phase.POLICY: self._policy_tick,
            Phase.ASKING: self._asking_tick,
        }
        self._new_scene()

    def run(self) -> LoopReport:
        """Until the wished number of episodes is kept or the operator quits; a running episode is never lost."""
        try:
            while self.phase is not Phase.QUIT and (self.config.episodes is None or self.report.counted < self.config.episodes):
                self.recorder.note_lateness(self.clock.wait())
                self.tick()
        finally:
            if self.recorder.running:
                self._keep(Outcome.PARTIAL)
        return self.report

    def tick(self) -> None:
        """One control period: poll, obey the buttons, act, show."""
        events = self.screen.poll()
        stick = self.device.poll(events, self._view())
        for cue in self._cues(stick):
            self._obey(cue)
        self._tag_mode(stick)
        if self.phase in self._ticks:
            self._ticks[self.phase](stick)
        self.screen.show(self._status(stick))

    # -- cues ------------------------------------------------------------------------------------------------------

    def _cues(self, stick: Stick) -> list[Cue]:
        if self.screen.wants_to_quit():
            return [Cue.QUIT]
        if not stick.connected:
            self._unplugged = True
            self.message = f"{self.device.name} is unplugged: plug it in"
            return [Cue.LOST]
        if self._unplugged:
            self._unplugged = False
            self.message = "back again: press L3 to go on" if self.phase is Phase.PAUSED else ""
        cues = [cue for cue in [cue_of(stick.pressed, self.phase)] if cue is not None]
        if self.pilot is not None and self.phase in (Phase.POLICY, Phase.HUMAN):
            self._rb_answered = self._rb_answered and Button.RB in stick.held  # one press answers or takes over, not both
            cues.append(Cue.TAKE_OVER if Button.RB in stick.held and not self._rb_answered else Cue.LET_GO)
        return cues

    def _obey(self, cue: Cue) -> None:
        if cue is Cue.UNDO:
            self._undo()
        elif cue is Cue.CAMERA:
            self.camera += 1
        else:
            self._change_phase(cue)

    def _change_phase(self, cue: Cue) -> None:
        before, self.phase = self.phase, next_phase(self.phase, cue, policy_drives=self.pilot is not None)
        if before is self.phase:
            return
        if cue is Cue.START:
            self._start()
        elif before in ACTIVE_PHASES and self.phase in (Phase.READY, Phase.QUIT):
            outcome = OUTCOMES.get(cue, Outcome.SUCCESS if self.arm.is_success() else Outcome.FAILURE)
            self._keep(outcome)
        elif self.phase is Phase.PAUSED:
            self._paused_at_s = self.clock.now_s()
            self.message = self.message if cue is Cue.LOST else "paused"
        elif before is Phase.PAUSED:
            self._go_on()

    def _go_on(self) -> None:
        """After a pause: an open question is still open, and the pause was no time for thinking."""
        self.message = ""
        if self._question is not None:
            self._question.asked_at_s += self.clock.now_s() - self._paused_at_s
            self.phase = Phase.ASKING

    def _tag_mode(self, stick: Stick) -> None:
        for button, tag in MODE_TAGS.items():
            if button in stick.pressed:
                self.mode = "" if self.mode == tag else tag

    # -- episodes --------------------------------------------------------------------------------------------------

    def _new_scene(self) -> None:
        """The seed is the number the next episode will have, so that a resumed session goes on where it stopped."""
        self.seed = self.config.seed + self.recorder.session.next_number()
        self.obs: Obs
        self.obs, _ = self.env.reset(seed=self.seed)
        self._held_success = 0
        self._question = None

    def _start(self) -> None:
        self.recorder.begin(seed=self.seed, dagger_round=self.config.dagger_round)
        self._started_s = self.clock.now_s()
        self._latch = GripLatch()
        self.message = ""

    def _keep(self, outcome: Outcome) -> None:
        number = self.recorder.finish(outcome, self.mode)
        if number is not None:
            self.report.kept.append((number, outcome))
            self.report.late_ticks += self.recorder.late_ticks
            self.message = f"episode {number} kept: {outcome}"
            if self.on_episode is not None:
                self.on_episode(self.report)
        if self.phase is not Phase.QUIT:
            self._new_scene()

    def _undo(self) -> None:
        """Only what was kept in this sitting; earlier ones are not a slip of the thumb away."""
        if not self.report.kept:
            self.message = "nothing to undo in this sitting"
            return
        number = self.recorder.session.undo_last()
        self.report.kept = [(n, o) for n, o in self.report.kept if n != number]
        self.message = f"episode {number} moved to trash/"
        self._new_scene()

    # -- who acts --------------------------------------------------------------------------------------------------

    def _human_tick(self, stick: Stick) -> None:
        action = self._meant(stick)
        proposal = self.pilot.propose(self.obs) if self.pilot else None
        self._step(action, stick, self.device.source, Phase.HUMAN, label=action if self.pilot else None, proposal=proposal)

    def _policy_tick(self, stick: Stick) -> None:
        assert self.pilot is not None
        proposal = self.pilot.propose(self.obs)
        asks, score = self.pilot.asks(self.obs)
        self._latch.rest(max(0.0, stick.axis(Axis.RT)))
        if asks:
            self._question = Question(proposal, score, self.clock.now_s())
            self._change_phase(Cue.ASK)
            return
        self._step(proposal, stick, Source.POLICY, Phase.POLICY, proposal=proposal, score=score)

    def _asking_tick(self, stick: Stick) -> None:
        """The scene stands still until there is an answer: A, a deflected stick, or RB for the sticks as they are."""
        assert self.pilot is not None
        assert self._question is not None
        question = self._question
        if Button.A in stick.pressed:
            label = question.proposal
        elif Button.RB in stick.held or is_deflected(stick, self.config.mapping):
            label = self._meant(stick)
        else:
            self._latch.rest(max(0.0, stick.axis(Axis.RT)))
            return
        self._rb_answered = Button.RB in stick.held
        latency_s = self.clock.now_s() - question.asked_at_s
        self.pilot.note_answer(latency_s)
        executed, source = (label, self.device.source) if self.pilot.executes_answers else (question.proposal, Source.POLICY)
        self._question = None
        self.phase = next_phase(self.phase, Cue.ANSWER, policy_drives=True)
        self._step(executed, stick, source, Phase.ASKING, label, question.proposal, question.score, latency_s)

    def _meant(self, stick: Stick) -> Action:
        """The stick's action; with a policy in the loop the gripper stays as it is until the trigger moves."""
        action = stick_to_action(stick, self.config.mapping)
        if self.pilot is not None:
            action[6] = self._latch.grip(max(0.0, stick.axis(Axis.RT)), float(action[6]), self.arm.grip_command)
        return action

    def _step(
        self,
        action: Action,
        stick: Stick,
        source: Source,
        phase: Phase,
        label: Action | None = None,
        proposal: Action | None = None,
        score: float = float("nan"),
        latency_s: float = float("nan"),
    ) -> None:
        before, sim_state, state = self.obs, self.arm.sim_state(), self.arm.flat_state()
        try:
            self.obs, reward, _, truncated, info = self.env.step(action)
        except KeyboardInterrupt:
            self.arm.restore(sim_state)  # half a step must not become the end of the record
            raise
        self.recorder.steps.append(
            Step(
                obs=before,
                sim_state=sim_state,
                state=state,
                action=action,
                reward=float(reward),
                source=source,
                phase=phase,
                stick=stick.to_array(),
                time_s=self.clock.now_s(),
                label=label,
                policy_action=proposal,
                gate_score=score,
                decision_latency_s=latency_s,
            )
        )
        self.report.steps += 1
        self._held_success = self._held_success + 1 if info["success"] else 0
        if truncated or (self.config.hold_ticks and self._held_success >= self.config.hold_ticks):
            self._change_phase(Cue.ENDED)

    # -- what can be seen ------------------------------------------------------------------------------------------

    def _view(self) -> View:
        return View(self.phase, self._held_success > 0, self._question.proposal if self._question else None)

    def _status(self, stick: Stick) -> Status:
        question, pilot = self._question, self.pilot
        return Status(
            phase=self.phase,
            device=self.device.name,
            env_id=str(self.recorder.facts["env_id"]),
            mode=self.mode,
            episodes=self.report.counted,
            wished=self.config.episodes,
            successes=self.report.successes,
            steps=len(self.recorder.steps),
            elapsed_s=self.clock.now_s() - self._started_s if self.recorder.running else 0.0,
            late_ticks=self.recorder.late_ticks,
            success=self._held_success > 0,
            stick=stick,
            camera=self.camera,
            message=self.message,
            proposal=question.proposal if question else None,
            score=question.score if question else float("nan"),
            labels=pilot.labels if pilot else 0,
            label_budget=pilot.label_budget if pilot else 0,
        )
