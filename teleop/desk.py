"""Desk: stored states, one after the other, and a person's answer to each."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data.schema import Phase, Source
from teleop import feel
from teleop.bindings import DESK_CUES, Cue, cue_of
from teleop.clock import Clock
from teleop.dashboard import desk_status
from teleop.devices.device import Device, View
from teleop.envs.plant import Plant, Vector
from teleop.hands import Hands
from teleop.phases import next_phase
from teleop.pilot import Action, Obs, Way
from teleop.question import Question, answer_of, says_something
from teleop.rewind import wants_rewind
from teleop.screen import Fact, Screen
from teleop.seer import Seer
from teleop.sight import Sight
from teleop.stick import Stick

LEAD_TICKS = 10  # what led to a state is shown for half a second: a still does not say where the arm is going
LAST_LOOK_TICKS = 60  # so long the last answer can be taken back


@dataclass(frozen=True)
class Exhibit:
    """A stored state to be asked about: step `step` of episode `episode`, in the scene of `reset(seed=scene_seed)`.

    `states` (n, S) led there, the last is the state itself; `actions` (n, A) the policy did in them. `obs` was observed in it;
    `ways`, what the policy did first, are those that it saw. `score` is the gate's doubt, `steps_left` what the episode could
    still last.
    """

    episode: int
    step: int
    scene_seed: int
    states: NDArray[np.float64]
    actions: NDArray[np.float32]
    obs: Obs
    ways: Sequence[Way]
    score: float
    steps_left: int


@dataclass(frozen=True)
class Reply:
    """An answer and how it came about. `label` (A,): None where either is fine; `way`: which was accepted, -1 where none was.

    `latency_s` from the question to the answer, `shown_s` what led to the state was shown before.
    """

    label: Action | None
    way: int
    stick: NDArray[np.float32]
    heading_deg: float
    control_mode: int
    latency_s: float
    shown_s: float
    source: Source
    operator: str


class Pile(Protocol):
    """The states that wait, in the order in which they are asked about. `answered`: which of them are, and whether with a label.

    What `keep` was told is durable when it returns; a state may be answered again.
    """

    @property
    def answered(self) -> Mapping[int, bool]: ...

    def __len__(self) -> int: ...

    def exhibit(self, number: int) -> Exhibit: ...

    def keep(self, number: int, reply: Reply) -> None: ...


class Desk:
    """One sitting at a pile of states. Everything that touches time, screen or disk is handed in.

    A policy's way to a state is shown (Phase.POLICY), then it is asked about (Phase.ASKING) and answered as in the loop. An answer
    counts only once the sticks were let go of: one that is held would answer the next question, too.
    """

    def __init__(
        self,
        plant: Plant,
        device: Device,
        screen: Screen,
        clock: Clock,
        hands: Hands,
        pile: Pile,
        env_id: str,
        seer: Seer | None = None,
        learning: Callable[[], tuple[Fact, ...]] = tuple,
    ) -> None:
        self.plant, self.device, self.screen, self.clock, self.hands = plant, device, screen, clock, hands
        self.pile, self.env_id, self.seer, self.learning = pile, env_id, seer, learning
        self.phase, self.sight, self.stick, self.message = Phase.READY, Sight(), Stick(), ""
        self.question: Question | None = None
        self.late_s, self.stayed = 0.0, True
        self._thought_s = defaultdict[int, float](float)  # about what was left unanswered
        self._shown_s = defaultdict[int, float](float)
        self._pulled, self._looked_ticks = False, 0
        self._ticks: dict[Phase, Callable[[Stick], None]] = {
            Phase.READY: self._ready_tick,
            Phase.POLICY: self._lead_tick,
            Phase.ASKING: self._asking_tick,
        }
        first = self.next_open()
        self._show(len(pile) - 1 if first is None else first)
        self.heading_deg = self.hands.heading_deg(self.sight.heading_deg(self.plant))

    def run(self) -> bool:
        """Until all is answered or the operator leaves; whether they stayed."""
        if self.next_open() is None:
            return True
        self.clock.start()
        with self.clock.priority():
            while self.phase is not Phase.QUIT:
                self.tick(self.clock.wait())
        return self.stayed

    def tick(self, late_s: float = 0.0) -> None:
        """One control period: poll, obey the buttons, show or hear. `late_s`: how late it began."""
        self.late_s = late_s
        self.stick = self.device.poll(self.screen.poll(), self._view())
        stick = self.sight.look(self.stick)
        for cue in self._cues(stick):
            self._obey(cue)
        self.heading_deg = self.hands.heading_deg(self.sight.heading_deg(self.plant))
        if self.phase in self._ticks:
            self._ticks[self.phase](stick)
        self.screen.show(desk_status(self))

    def next_open(self) -> int | None:
        """The first state without an answer."""
        return next((number for number in range(len(self.pile)) if number not in self.pile.answered), None)

    # -- cues ------------------------------------------------------------------------------------------------------

    def _cues(self, stick: Stick) -> list[Cue]:
        if self.screen.wants_to_quit():
            return [Cue.QUIT]
        if not stick.connected:
            return [Cue.LOST]
        pulls, self._pulled = wants_rewind(stick) and not self._pulled, wants_rewind(stick)
        cue = cue_of(stick.pressed, self.phase)
        return [*([cue] if cue in DESK_CUES else []), *([Cue.REWIND] if pulls and self.phase is not Phase.PAUSED else [])]

    def _obey(self, cue: Cue) -> None:
        simple = {
            Cue.REWIND: self._back,
            Cue.CONTROL_MODE: self.hands.next_mode,
            Cue.DIRECTIONS: self.hands.swap_directions,
        }
        if cue in simple:
            simple[cue]()
            return
        if self.question is not None:
            self._put_off(self.question)
        self.stayed = cue is not Cue.QUIT
        ends = cue is Cue.START and self.next_open() is None
        before, self.phase = self.phase, Phase.QUIT if ends else next_phase(self.phase, cue, policy_drives=True)
        if self.phase is Phase.POLICY and before is not Phase.POLICY:
            self._show(self.number)

    def _put_off(self, question: Question) -> None:
        """Leave the question open; the time for thinking about it counts."""
        self._thought_s[self.number] = self.clock.now_s() - question.asked_at_s
        self.question = None

    def _back(self) -> None:
        """To the question before, which may be answered anew."""
        before = self.number if self.next_open() is None and self.phase is Phase.READY else self.number - 1
        if before < 0:
            self.message = "this is the first question"
            return
        if self.question is not None:
            self._put_off(self.question)
        self.phase = Phase.POLICY
        self._show(before)

    # -- showing -----------------------------------------------------------------------------------------------------

    def _show(self, number: int) -> None:
        """From the beginning of what led there."""
        self.number, self.exhibit = number, self.pile.exhibit(number)
        self.question, self.message, self._led, self._looked_ticks = None, "", 0, 0
        self.plant.begin_again(self.exhibit.scene_seed, self._lead(0))
        self.hands.begin(latched=True)

    def _lead(self, tick: int) -> Vector:
        """(S,) what is shown in this tick of the lead, the last of which is the state itself."""
        state: Vector = self.exhibit.states[max(0, len(self.exhibit.states) - LEAD_TICKS + tick)]
        return state

    def _ready_tick(self, stick: Stick) -> None:
        """Before the first question somebody has to be there; after the last answer it can be taken back for a while."""
        self._looked_ticks += self.next_open() is None
        if self._looked_ticks > LAST_LOOK_TICKS:
            self.phase = Phase.QUIT

    def _lead_tick(self, stick: Stick) -> None:
        self.hands.rest(stick)
        if self._led < LEAD_TICKS:
            self.plant.stand_as(self._lead(self._led))
            self._led += 1
            self._shown_s[self.number] += 1.0 / self.plant.control_hz
        elif says_something(stick, self.hands) or wants_rewind(stick):
            self.message = "let go of the sticks: here is another question"
        else:
            self._ask()

    def _ask(self) -> None:
        shown, obs = self.exhibit, self.exhibit.obs
        self.plant.restore(shown.states[-1])
        for action in shown.actions[:-1]:
            self.hands.note(action)
        self.phase, self.message = next_phase(self.phase, Cue.ASK, policy_drives=True), ""
        self.question = Question(shown.ways, shown.score, self.clock.now_s() - self._thought_s[self.number])
        self.device.rumble(feel.ASKED)
        if self.seer is not None:
            self.seer.look(shown.states[-1], obs, shown.scene_seed, shown.steps_left)

    # -- answering ---------------------------------------------------------------------------------------------------

    def _asking_tick(self, stick: Stick) -> None:
        assert self.question is not None
        answer = answer_of(self.question, stick, self.hands, self.heading_deg)
        if answer is None:
            return
        reply = Reply(
            label=answer.label,
            way=self.question.chosen if answer.chose and answer.label is not None else -1,
            stick=self.stick.to_array(),
            heading_deg=self.heading_deg,
            control_mode=self.hands.mode_index,
            latency_s=self.clock.now_s() - self.question.asked_at_s,
            shown_s=self._shown_s.pop(self.number, 0.0),
            source=self.device.source,
            operator=self.device.name,
        )
        self._thought_s.pop(self.number, None)
        self.pile.keep(self.number, reply)
        self.phase = next_phase(self.phase, Cue.ANSWER, policy_drives=True)
        following = self.next_open()
        if following is None:
            self.phase, self.question = Phase.READY, None
        else:
            self._show(following)

    # -- what can be seen ------------------------------------------------------------------------------------------

    def _view(self) -> View:
        """The policy's doings are its proposals while they are shown."""
        shown, watched = self.exhibit, self.phase in (Phase.POLICY, Phase.ASKING)
        at = -1 if self.phase is Phase.ASKING else max(0, len(shown.actions) - LEAD_TICKS + max(0, self._led - 1))
        proposal = shown.actions[min(at, len(shown.actions) - 1)] if watched else None
        return View(self.phase, False, proposal, self.heading_deg, "", shown.scene_seed)
