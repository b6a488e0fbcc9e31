"""THE loop: stick → action → step → record, for a person, a scripted operator and a policy that asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.episode import Step
from data.schema import Outcome, Phase, Source
from data.takes import End
from teleop import feel
from teleop.bindings import MODE_TAGS, Cue, cue_of
from teleop.clock import Clock
from teleop.dashboard import status_of
from teleop.devices.device import Device, View
from teleop.envs.plant import Obs, Plant
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.mapping import Directions, MappingConfig
from teleop.phases import next_phase
from teleop.pilot import Pilot
from teleop.recorder import Recorder
from teleop.rewind import Scrub, wants_rewind
from teleop.screen import Fact, Kept, Screen
from teleop.seer import Seer
from teleop.sight import Sight
from teleop.stick import Button, Stick
from teleop.stick_map import StickMap
from teleop.tally import Tally
from teleop.wheel import Turn, Wheel

FAR_TICKS = 400  # how far to look ahead where an episode has no end: 20 s


@dataclass(frozen=True)
class LoopConfig:
    """When to stop and what to help with.

    `episodes` to keep in this sitting, `target` successes to have in the session (None: until the operator quits);
    `hold_ticks` of success end an episode (0: never), `max_ticks` end it in any case (0: never). `mode_names` are the
    behaviour modes on the D-pad, `plan` how many successes of each are wished; `sticks` is the map of a guest environment.
    """

    mapping: MappingConfig = field(default_factory=MappingConfig)
    episodes: int | None = None
    target: int | None = None
    hold_ticks: int = 10
    max_ticks: int = 0
    mode: str = ""
    seed: int = 0
    dagger_round: int = -1
    directions: Directions = Directions.CAMERA
    grip: GripStyle = GripStyle.HOLD
    countdown_s: float = 0.0
    mode_names: Mapping[Button, str] = field(default_factory=lambda: MODE_TAGS)
    plan: Mapping[str, int] = field(default_factory=dict)
    sticks: StickMap | None = None


@dataclass(frozen=True)
class Seat:
    """Who drives the next episode: a policy with a person beside it, or without a `pilot` the person alone; and from where.

    `seed` of the scene (None: the next one's own), `start` a simulator state (S,) of that scene (None: as it is reset);
    With `handed_over` the person drives from the first step on, until they give the policy the wheel. `about` is kept with the
    episode; `words` tell the operator before it. `is_enough` is asked after each step: whether
    the episode may end here, because what would come is known; it is kept as a partial one. `rests`: there is nothing that has to
    be driven, though one may; when it ends, who has the next seat is asked anew.
    """

    pilot: Pilot | None = None
    dagger_round: int = -1
    seed: int | None = None
    start: NDArray[np.float64] | None = None
    handed_over: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    is_enough: Callable[["Loop"], bool] = lambda loop: False
    rests: Callable[[], bool] = lambda: False


OUTCOMES: dict[Cue, Outcome] = {
    Cue.SUCCESS: Outcome.SUCCESS,
    Cue.FAILURE: Outcome.FAILURE,
    Cue.DISCARD: Outcome.DISCARDED,
    Cue.QUIT: Outcome.PARTIAL,
    Cue.CUT: Outcome.PARTIAL,
}


class Loop:
    """One run at the sticks. Everything that touches time, screen or disk is handed in.

    `on_episode` is called after each, `learning` once a tick: how the policy's learning goes, for the window. `next_seat` is
    asked before each who drives it (None: `pilot` all of them), `is_over` between two whether that was the last. `seer` looks
    ahead from where the policy asks.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        plant: Plant,
        device: Device,
        screen: Screen,
        clock: Clock,
        recorder: Recorder,
        config: LoopConfig,
        pilot: Pilot | None = None,
        on_episode: Callable[[Tally], None] | None = None,
        learning: Callable[[], tuple[Fact, ...]] = tuple,
        next_seat: Callable[[], Seat] | None = None,
        seer: Seer | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.env, self.plant, self.device, self.screen, self.clock = env, plant, device, screen, clock
        self.recorder, self.config, self.pilot, self.on_episode, self.learning = recorder, config, pilot, on_episode, learning
        self.seer, self.is_over = seer, is_over
        self.next_seat = next_seat or (lambda: Seat(pilot, config.dagger_round))
        self.phase, self.mode, self.message = Phase.READY, config.mode, ""
        self.tally, self.sight = Tally.of(recorder.session), Sight()
        self.hands = hands_of(plant, config.mapping, config.grip, config.directions, config.sticks)
        self.stick = Stick()
        self.wheel = Wheel(pilot)
        self.scrub: Scrub | None = None
        self.starts_at_s: float | None = None
        self._edges: tuple[str, ...] = ()
        self._unplugged = False
        self.started_s = self._paused_at_s = self.late_s = self._heading_deg = 0.0
        self._ticks: dict[Phase, Callable[[Stick], None]] = {
            Phase.READY: self._ready_tick,
            Phase.HUMAN: self._human_tick,
            Phase.POLICY: self._policy_tick,
            Phase.ASKING: self._asking_tick,
            Phase.REWIND: self._rewind_tick,
        }
        self._new_scene()
        self._heading_deg = self.hands.heading_deg(self.sight.heading_deg(self.plant))

    def run(self) -> Tally:
        """Until enough is kept or the operator quits; a running episode is never lost."""
        try:
            self.clock.start()
            with self.clock.priority():
                while self.phase is not Phase.QUIT and not self._enough():
                    self.tick(self.clock.wait())
        finally:
            try:
                if self.recorder.running:
                    self._keep(Outcome.PARTIAL)
            finally:
                self.recorder.close()
        return self.tally

    def tick(self, late_s: float = 0.0) -> None:
        """One control period: poll, obey the buttons, act, show. `late_s`: how late it began."""
        self.late_s = late_s
        self.stick = self.device.poll(self.screen.poll(), self._view())
        stick = self.sight.look(self.stick)
        for cue in self._cues(stick):
            self._obey(cue)
        self._set_modes(stick)
        self._heading_deg = self.hands.heading_deg(self.sight.heading_deg(self.plant))
        if self.phase in self._ticks:
            self._ticks[self.phase](stick)
        for line in self.recorder.scribe.news():
            if self.phase is not Phase.PAUSED:
                self.message = line
        self.status = status_of(self)
        self.screen.show(self.status)

    def _enough(self) -> bool:
        enough = self.config.episodes is not None and self.tally.counted >= self.config.episodes
        enough = enough or (self.phase is Phase.READY and self.is_over())
        return enough or (self.config.target is not None and self.tally.all_successes >= self.config.target)

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
        if self.phase is Phase.REWIND:
            return cues if wants_rewind(stick) else [*cues, Cue.RELEASE]
        if wants_rewind(stick) and self.recorder.states:
            if self.plant.can_restore:
                return [*cues, Cue.REWIND]
            self.message = f"no rewind: {self.plant.task} has no MuJoCo underneath, its states cannot be put back"
        if self.pilot is not None and self.phase in (Phase.POLICY, Phase.HUMAN):
            cues += self.wheel.cues(stick, self.phase, deflected=self.hands.is_deflected(stick))
        return cues

    def _obey(self, cue: Cue) -> None:
        simple: dict[Cue, Callable[[], None]] = {
            Cue.UNDO: self._undo,
            Cue.AGAIN: self._again,
            Cue.CONTROL_MODE: self.hands.next_mode,
            Cue.DIRECTIONS: self.hands.swap_directions,
        }
        if cue in simple:
            simple[cue]()
        elif cue is Cue.START and self.config.countdown_s > 0:
            counting = self.starts_at_s is not None  # pressed again: not yet
            self.starts_at_s = None if counting else self.clock.now_s() + self.config.countdown_s
        else:
            self._change_phase(cue)

    def _change_phase(self, cue: Cue) -> None:
        before, self.phase = self.phase, next_phase(self.phase, cue, policy_drives=self.pilot is not None)
        if before is self.phase:
            return
        if before is Phase.REWIND:
            self._end_rewind(cue)
        if cue is Cue.START:
            self._start()
        elif self.phase in (Phase.READY, Phase.QUIT):
            if before is not Phase.READY:
                self._keep(OUTCOMES.get(cue, Outcome.SUCCESS if self.plant.is_success() else Outcome.FAILURE))
        elif self.phase is Phase.REWIND:
            self.scrub = Scrub.from_tip(self.recorder.states, self._end())
            self.wheel.forget()
        elif self.phase is Phase.PAUSED:
            self._paused_at_s = self.clock.now_s()
            self.message = self.message if cue is Cue.LOST else "paused"
        elif self.phase is Phase.ASKING:
            self._asked()
        elif before is Phase.PAUSED:
            self._go_on()

    def _go_on(self) -> None:
        """After a pause: an open question is still open, and the pause was no time for thinking."""
        self.message = ""
        if self.wheel.question is not None:
            self.wheel.question.asked_at_s += self.clock.now_s() - self._paused_at_s
            self.phase = Phase.ASKING
        elif self.wheel.handed_over:
            self.phase = Phase.HUMAN

    def _asked(self) -> None:
        """By the gate, which has its question open already, or by a tap."""
        if self.wheel.question is None:
            self.wheel.ask_at_once(self.obs, self.clock.now_s())
        self.device.rumble(feel.ASKED)
        if self.seer is not None:
            steps_left = self.config.max_ticks - len(self.recorder.states) if self.config.max_ticks else FAR_TICKS
            self.seer.look(self.plant.sim_state(), self.obs, self.seed, steps_left)

    def _set_modes(self, stick: Stick) -> None:
        """The D-pad: behaviour modes while nothing drives, joints in joint mode."""
        if self.phase not in (Phase.READY, Phase.PAUSED):
            self.hands.choose(stick)
            return
        for button in MODE_TAGS:
            if button in stick.pressed:
                self._tag(self.config.mode_names.get(button, ""), last=Button.LB in stick.held)

    def _tag(self, name: str, *, last: bool) -> None:
        if not last:
            self.mode = "" if self.mode == name else name
        elif self.phase is Phase.READY and self.tally.kept:
            kept = self.tally.tag_last("" if self.tally.kept[-1].mode == name else name)
            self.recorder.tag(kept.number, kept.mode)
            self.message = f"episode {kept.number} is tagged {kept.mode or 'nothing'}"

    # -- episodes --------------------------------------------------------------------------------------------------

    def _new_scene(self, seed: int | None = None) -> None:
        """The seed is the number the next episode will have, so that a resumed session goes on where it stopped.

        With `seed` the last scene once more, and who had its seat.
        """
        if seed is None:
            self.seat = self.next_seat()
            self.pilot, self.wheel = self.seat.pilot, Wheel(self.seat.pilot)
            self._rested = False
            seed = self.config.seed + self.recorder.next_number if self.seat.seed is None else self.seat.seed
        self.seed = seed
        self.obs: Obs
        self.obs, _ = self.env.reset(seed=self.seed)
        if self.seat.start is not None:
            self.obs = self.plant.restore(self.seat.start)
        self.held_success = 0
        self.wheel.forget()

    def _start(self) -> None:
        self.wheel.begin(self.seed)
        about = {**self.seat.about, **({"policy": dict(self.pilot.about)} if self.pilot is not None and self.pilot.about else {})}
        self.recorder.begin(self.mode, about, seed=self.seed, dagger_round=self.seat.dagger_round)
        self.started_s, self.starts_at_s = self.clock.now_s(), None
        self.hands.begin(latched=self.pilot is not None)
        if self.seat.handed_over:
            self.phase, self.wheel.handed_over = Phase.HUMAN, True
        self.message = ""

    def _end(self) -> End:
        return End(self.obs, self.plant.sim_state())

    def _keep(self, outcome: Outcome) -> None:
        end = self._end()
        found = self.plant.behaviour_mode()
        number = self.recorder.finish(outcome, self.mode, end, found)
        if number is not None:
            self.tally.keep(Kept(number, outcome, self.mode, self.plant.sim_state(), self.seed))
            self.tally.late_ticks += self.recorder.late_ticks
            self.message = f"episode {number}: {outcome}{found and f' ({found})'}, on its way to the disk"
            if self.on_episode is not None:
                self.on_episode(self.tally)
        if self.phase is not Phase.QUIT:
            self._new_scene()

    def _undo(self) -> None:
        """Only what was kept in this sitting; earlier ones are not a slip of the thumb away."""
        self._undo_last()
        self._new_scene()

    def _again(self) -> None:
        self._new_scene(self._undo_last())

    def _undo_last(self) -> int | None:
        """The seed of what was undone; None when there was nothing."""
        if not self.tally.kept:
            self.message = "nothing to undo in this sitting"
            return None
        kept = self.tally.drop_last()
        self.recorder.undo(kept.number)
        self.message = f"episode {kept.number} moved to trash/"
        return kept.seed

    # -- rewind ----------------------------------------------------------------------------------------------------

    def _rewind_tick(self, stick: Stick) -> None:
        assert self.scrub is not None
        self.obs = self.plant.restore(self.scrub.back(stick))
        self.hands.rest(stick)
        self.message = ""

    def _end_rewind(self, cue: Cue) -> None:
        """Drive on from the step that is shown; who quits meanwhile keeps everything."""
        assert self.scrub is not None
        scrub, self.scrub = self.scrub, None
        if cue is Cue.QUIT:
            self.obs = self.plant.restore(np.asarray(scrub.tip.sim_state))
        elif scrub.at < len(self.recorder.states):
            number = self.recorder.rewind_to(scrub.at, scrub.tip)
            self.wheel.led()
            self.message = f"on from {scrub.at / self.plant.control_hz:.1f} s; the branch that was left is episode {number}"
            self.held_success = 0

    # -- who acts --------------------------------------------------------------------------------------------------

    def _ready_tick(self, stick: Stick) -> None:
        if self.starts_at_s is not None and self.clock.now_s() >= self.starts_at_s:
            self._change_phase(Cue.START)
        elif self.seat.rests():
            self._rested = True
        elif self._rested:
            self._new_scene()

    def _human_tick(self, stick: Stick) -> None:
        action = self.hands.action(stick, self._heading_deg)
        self._step(self.wheel.person_turn(self.obs, action, self.device.source))

    def _policy_tick(self, stick: Stick) -> None:
        self.hands.rest(stick)
        if self.wheel.waits:
            return
        turn = self.wheel.policy_turn(self.obs, self.clock.now_s())
        if turn is None:
            self._change_phase(Cue.ASK)
        else:
            self._step(turn)

    def _asking_tick(self, stick: Stick) -> None:
        """The scene stands still until there is an answer."""
        turn = self.wheel.answer_turn(stick, self.hands, self._heading_deg, self.clock.now_s(), self.device.source)
        if turn is not None:
            self._change_phase(Cue.HAND_OVER if self.wheel.handed_over else Cue.ANSWER)
            self._step(turn)

    def _step(self, turn: Turn) -> None:
        before, sim_state, state = self.obs, self.plant.sim_state(), self.plant.flat_state()
        action = turn.action
        at_rest = turn.source is not Source.POLICY and self.hands.is_at_rest(action)
        try:
            self.obs, reward, terminated, truncated, info = self.env.step(action)
        except KeyboardInterrupt:
            if self.plant.can_restore:
                self.plant.restore(sim_state)  # half a step must not become the end of the record
            raise
        self.hands.note(action)
        if not turn.as_planned:
            self.wheel.led()
        self.wheel.moved_on()
        self.recorder.add(
            Step(
                obs=before,
                sim_state=sim_state,
                state=state,
                action=action,
                reward=float(reward),
                source=turn.source,
                phase=turn.phase,
                stick=self.stick.to_array(),
                time_s=self.clock.now_s(),
                label=turn.label,
                policy_action=turn.proposal,
                gate_score=turn.score,
                decision_latency_s=turn.latency_s,
                lateness_s=self.late_s,
                control_mode=self.hands.mode_index,
                heading_deg=self._heading_deg,
                at_rest=at_rest,
            )
        )
        if turn.label is not None:
            self.recorder.landed(self._end())
        self.tally.steps += 1
        self.held_success = self.held_success + 1 if info["success"] else 0
        self._rumble()
        out_of_time = self.config.max_ticks and len(self.recorder.states) >= self.config.max_ticks
        if terminated or truncated or out_of_time or (self.config.hold_ticks and self.held_success >= self.config.hold_ticks):
            self._change_phase(Cue.ENDED)
        elif self.seat.is_enough(self):
            self._change_phase(Cue.CUT)

    def _rumble(self) -> None:
        edges, self._edges = self._edges, self.plant.edges()
        if self.held_success == 1:
            self.device.rumble(feel.SUCCEEDED)
        elif set(self._edges) - set(edges):
            self.device.rumble(feel.AT_LIMIT)

    # -- what can be seen ------------------------------------------------------------------------------------------

    def _view(self) -> View:
        watched = self.pilot is not None and self.phase in (Phase.POLICY, Phase.HUMAN, Phase.ASKING)
        return View(
            self.phase,
            self.held_success > 0,
            self.wheel.proposed(self.obs) if watched else None,
            self._heading_deg,
            self.mode,
            self.seed,
            handed_over=self.wheel.handed_over,
            rests=self.seat.rests(),
        )
