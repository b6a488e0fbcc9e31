"""Question: the policy waits for an answer; the ways it sees, and what a stick says to them."""

from collections.abc import Sequence
from dataclasses import dataclass

from teleop.hands import Hands
from teleop.pilot import Action, Way
from teleop.stick import Button, Stick


@dataclass
class Question:
    """The policy stands still here: the ways it sees, its own first, how doubtful it is, since when it waits.

    `chosen` is the way that A would accept.
    """

    ways: Sequence[Way]
    score: float
    asked_at_s: float
    chosen: int = 0

    @property
    def proposal(self) -> Action:
        """What the policy would have done."""
        return self.ways[0].action

    @property
    def way(self) -> Way:
        return self.ways[self.chosen]


@dataclass(frozen=True)
class Answer:
    """`label` (A,) is what to do here, None where either is fine; `chose`: by a button, not with the sticks."""

    label: Action | None
    chose: bool


def answer_of(question: Question, stick: Stick, hands: Hands, heading_deg: float) -> Answer | None:
    """What the stick answers; None where it says nothing yet, and then `question.chosen` may be another way.

    A accepts the chosen way, LB chooses the next; a deflected stick, or RB with the sticks as they are, is another
    answer; X: either is fine, so nothing is to be learned from it.
    """
    if Button.LB in stick.pressed:
        question.chosen = (question.chosen + 1) % len(question.ways)
    if Button.X in stick.pressed:
        return Answer(None, chose=True)
    if Button.A in stick.pressed:
        return Answer(question.way.action, chose=True)
    if says_something(stick, hands):
        return Answer(hands.action(stick, heading_deg), chose=False)
    hands.rest(stick)
    return None


def says_something(stick: Stick, hands: Hands) -> bool:
    """Whether the sticks, as they are, are an answer."""
    return Button.RB in stick.held or hands.is_deflected(stick)
