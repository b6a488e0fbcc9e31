"""Wheel: who acts in this tick when a policy drives too; questions, answers, taking over, handing back."""

from dataclasses import dataclass

from data.schema import Phase, Source
from teleop.bindings import Cue
from teleop.hands import Hands
from teleop.pilot import Action, Obs, Pilot, Way
from teleop.question import Answer, Question, answer_of
from teleop.stick import Axis, Button, Stick

TAP_TICKS = 5  # RB released within a quarter of a second was a tap
TRIGGER_MOVED = 0.1
NOT_A_NUMBER = float("nan")


@dataclass(frozen=True)
class Turn:
    """What is executed in a tick, who said so, and what is kept beside it. `as_planned`: the policy need not look again."""

    action: Action
    source: Source
    phase: Phase
    label: Action | None = None
    proposal: Action | None = None
    score: float = NOT_A_NUMBER
    latency_s: float = NOT_A_NUMBER
    as_planned: bool = True


class Wheel:
    """Owns the open question and what RB is about: held it drives, tapped it stops the policy and asks.

    `handed_over`: a gate has given the person the wheel until it takes it back; they need not hold RB, and may give it back
    earlier by pressing and letting go of it.
    """

    def __init__(self, pilot: Pilot | None) -> None:
        self.pilot = pilot
        self.question: Question | None = None
        self.proposal: Action | None = None
        self.handed_over = False
        self._held_ticks, self._was_held, self._answered_by_rb, self._trigger = 0, False, False, 0.0

    @property
    def waits(self) -> bool:
        """RB is down and nobody knows yet whether it is a tap: the scene stands still."""
        return self._held_ticks > 0

    def begin(self, seed: int) -> None:
        self.forget()
        if self.pilot is not None:
            self.pilot.begin(seed)

    def forget(self) -> None:
        """Nothing is asked any more, and nobody holds what was handed over."""
        self.question, self.proposal, self.handed_over, self._held_ticks = None, None, False, 0

    def led(self) -> None:
        """Somebody led elsewhere than the policy went."""
        if self.pilot is not None:
            self.pilot.policy.replan()

    def moved_on(self) -> None:
        """There is another state now."""
        self.proposal = None

    def proposed(self, obs: Obs) -> Action:
        """What the policy would do in this state; asked once in each, for asking moves its plan on."""
        assert self.pilot is not None
        if self.proposal is None:
            self.proposal = self.pilot.propose(obs)
        return self.proposal

    # -- RB ------------------------------------------------------------------------------------------------------------

    def cues(self, stick: Stick, phase: Phase, *, deflected: bool) -> list[Cue]:
        """What RB means while somebody drives."""
        down = Button.RB in stick.held
        self._answered_by_rb = self._answered_by_rb and down  # one press answers or takes over, not both
        down = down and not self._answered_by_rb
        if phase is Phase.POLICY:
            return self._policy_cues(stick, down=down, deflected=deflected)
        let_go = (self._was_held or not self.handed_over) and not down
        self._was_held = down
        self.handed_over = self.handed_over and not let_go
        return [Cue.LET_GO] if let_go else []

    def _policy_cues(self, stick: Stick, *, down: bool, deflected: bool) -> list[Cue]:
        trigger = stick.axis(Axis.RT)
        if not self.waits:
            self._trigger = trigger
        if down:
            self._held_ticks += 1
            moves = deflected or abs(trigger - self._trigger) > TRIGGER_MOVED
            if not moves and self._held_ticks <= TAP_TICKS:
                return []
        tapped = not down and (self.waits or Button.RB in stick.pressed - stick.held)
        if down or tapped:
            self._held_ticks, self._was_held = 0, down
        return [Cue.TAKE_OVER] if down else [Cue.ASK] if tapped else []

    # -- turns ---------------------------------------------------------------------------------------------------------

    def policy_turn(self, obs: Obs, now_s: float) -> Turn | None:
        """The policy's; None where it asks."""
        assert self.pilot is not None
        proposal = self.proposed(obs)
        asks, score = self.pilot.asks(obs)
        if asks:
            self._ask(obs, score, now_s)
            return None
        return Turn(proposal, Source.POLICY, Phase.POLICY, proposal=proposal, score=score)

    def ask_at_once(self, obs: Obs, now_s: float) -> None:
        """The person tapped: the question is theirs."""
        assert self.pilot is not None
        self._ask(obs, self.pilot.gate.score(obs), now_s)

    def _ask(self, obs: Obs, score: float, now_s: float) -> None:
        assert self.pilot is not None
        proposal = self.proposed(obs)
        others = list(self.pilot.policy.ways(obs))[1:]
        first = Way(proposal, max(0.0, 1.0 - sum(way.probability for way in others)))
        self.question = Question((first, *others), score, now_s)

    def person_turn(self, obs: Obs, action: Action, source: Source) -> Turn:
        """The one who drives; with a policy beside them every step is a label."""
        if self.pilot is None:
            return Turn(action, source, Phase.HUMAN)
        proposal = self.proposed(obs)
        back, score = self.pilot.note_driven(obs, action, proposal)
        if self.handed_over:
            self.handed_over = not back
        return Turn(action, source, Phase.HUMAN, action, proposal, score, as_planned=bool((action == proposal).all()))

    def answer_turn(self, stick: Stick, hands: Hands, heading_deg: float, now_s: float, source: Source) -> Turn | None:
        """The answer to the open question, once there is one."""
        assert self.pilot is not None
        assert self.question is not None
        question = self.question
        answer = answer_of(question, stick, hands, heading_deg)
        if answer is None:
            return None
        self._answered_by_rb = Button.RB in stick.held
        latency_s = now_s - question.asked_at_s
        self.pilot.note_answer(latency_s, labelled=answer.label is not None)
        self.handed_over, self._was_held = self.pilot.gate.hands_over and not answer.chose, False
        self.question = None
        return self._answered(question, answer, latency_s, source)

    def _answered(self, question: Question, answer: Answer, latency_s: float, source: Source) -> Turn:
        """Executed is the answer, or with probability 1 − β what the policy would have done."""
        assert self.pilot is not None
        executes = self.pilot.executes_answer() or self.handed_over
        if executes and answer.chose and question.chosen:
            self.pilot.policy.take(question.chosen)
        wanted = question.way.action if answer.label is None else answer.label
        action = wanted if executes else question.proposal
        by = source if executes and answer.label is not None else Source.POLICY
        as_planned = bool((action == question.proposal).all()) or answer.chose
        return Turn(action, by, Phase.ASKING, answer.label, question.proposal, question.score, latency_s, as_planned)
