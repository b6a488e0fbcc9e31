"""Homework: what the policy does while the person drives: learn from all there is, try itself out, find where it needs help."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data.effort import effort_of
from data.intervals import wilson
from data.session import Session
from learn.background import train_or_go_on
from learn.checkpoint import load_policy
from learn.futures.future import Futures
from learn.promotion import SCENES, Verdict, first_scene, held_against
from learn.propagate.propagation import FIRST_SCENE, Propagated, carried_over
from learn.rescue.trouble import Scout, Trouble, most_steps_of
from learn.sitting.belief import belief
from learn.train import TrainConfig

SURE, HOPELESS = 0.9, 0.05  # of the belief that the target is reached
FIRST_LOOKS, MOST_LOOKS = 4, 10  # of so many scenes each, at one policy: in homework, and in all
FEWEST_MINIBATCHES, MINIBATCHES_AN_EPISODE = 200, 100
MOST_TROUBLES = 6  # as many as a person sees to before the next homework is done
MINIBATCH_S, STEP_S = 0.005, 0.0025  # what they take on one core of a laptop, for simulated time; the others' are near nothing


@dataclass(frozen=True)
class Findings:
    """What came of homework `number`. `minutes`: of the person's time there was to learn from.

    `successes` of `rollouts` scenes that nobody has learned from are those of the policy that drives from now on, `champion`; with
    `sure`, the belief that it has reached the target. `troubles` are where it needs help. `minibatches` and `steps` are the work.
    `looked_again`: in as many scenes as it takes to be sure of one or the other. `propagated`: so many of the `episodes` nobody
    drove, what was shown was carried over; `solved`: in so many scenes in which the policy fails it could be.
    """

    number: int
    out: Path
    verdict: Verdict
    champion: int
    minutes: float
    episodes: int
    successes: int
    rollouts: int
    sure: float
    troubles: tuple[Trouble, ...]
    fingerprint: str
    minibatches: int
    steps: int
    looked_again: bool = False
    propagated: int = 0
    solved: int = 0

    @property
    def success_rate(self) -> float:
        return self.successes / self.rollouts

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        return wilson(self.successes, self.rollouts)

    @property
    def reached(self) -> bool:
        return self.sure >= SURE

    @property
    def takes_s(self) -> float:
        """What it takes a laptop, as near as a person who goes on driving would notice."""
        return MINIBATCH_S * self.minibatches + STEP_S * self.steps


@dataclass(frozen=True)
class Homework:
    """Learn policy `number` from the session as it is, hold it against the policy in `old` (number `against`), try out the winner.

    With `lessons`, a folder, what was shown is carried over to other scenes and learned from there: to `propagate` of them in the first
    homework, half as many more in each that follows, and to those in which the winner fails. The person is wanted where that cannot be.
    """

    number: int
    session: Path
    train: TrainConfig
    out: Path
    env_id: str
    env_kwargs: Mapping[str, Any]
    target: float
    old: Path | None = None
    against: int | None = None
    scenes: int = SCENES
    lessons: Path | None = None
    propagate: int = 0

    def alone(self) -> "Homework":
        return self

    def do(self) -> Findings:
        session = Session.at(self.session)
        minutes, most_steps = effort_of(session).total_s / 60.0, most_steps_of(session)
        carried = carried_over(session, self.lessons, self._scenes())
        lessons = session if carried is None else carried.lessons
        result = train_or_go_on(lessons, self._training(lessons), self.out)
        old = None if self.old is None else load_policy(self.old).policy
        with closing(Futures(result.policy, self.env_id, self.env_kwargs)) as futures:
            mine = Scout(result.policy, futures, most_steps)
            theirs = None if old is None else Scout(old, futures, most_steps)
            verdict = held_against(mine.tries, None if theirs is None else theirs.tries, self.number, self.against, self.scenes)
            winner = mine if theirs is None or verdict.promoted else theirs
            while winner.failures < MOST_TROUBLES and winner.rollouts < FIRST_LOOKS * self.scenes:
                winner.tries(_next_scenes(self.number, winner.rollouts, self.scenes))
            troubles, solved = _troubles(winner, session, self.lessons)
        return Findings(
            number=self.number,
            out=self.out,
            verdict=verdict,
            champion=self.number if verdict.promoted else self.against or 0,
            minutes=minutes,
            episodes=result.episodes,
            successes=winner.successes,
            rollouts=winner.rollouts,
            sure=belief(winner.successes, winner.rollouts, self.target),
            troubles=troubles,
            fingerprint=load_policy(self.out).fingerprint,
            minibatches=result.steps,
            steps=sum(each.steps for each in (mine, theirs, carried, solved) if each is not None),
            propagated=0 if carried is None else carried.episodes,
            solved=0 if solved is None else len(solved.proven),
        )

    def _scenes(self) -> range:
        """Into which what was shown is carried over before anything is learned."""
        return range(FIRST_SCENE, FIRST_SCENE + self.propagate + self.propagate * self.number // 2)

    def _training(self, session: Session) -> TrainConfig:
        """Everything is learned from: rollouts judge, not losses. From few episodes not for long: the next are on their way."""
        teaching = sum(row.teaches for row in session.rows())
        steps = min(self.train.recipe().steps, max(FEWEST_MINIBATCHES, MINIBATCHES_AN_EPISODE * teaching))
        return replace(self.train, valid_fraction=0.0, steps=steps)


@dataclass(frozen=True)
class SecondLook:
    """More scenes for the champion of what homework has `found`, in `folder`: until it is sure that the target is reached, until
    it is hopeless and there are troubles enough, or for as many scenes as there may be.
    """

    found: Findings
    folder: Path
    session: Path
    env_id: str
    env_kwargs: Mapping[str, Any]
    target: float
    scenes: int = SCENES
    lessons: Path | None = None

    def alone(self) -> "SecondLook":
        return self

    def do(self) -> Findings:
        found, policy = self.found, load_policy(self.folder).policy
        with closing(Futures(policy, self.env_id, self.env_kwargs)) as futures:
            scout = Scout(policy, futures, most_steps_of(Session.at(self.session)))
            successes, rollouts, sure = found.successes, found.rollouts, found.sure
            while rollouts < MOST_LOOKS * self.scenes and sure < SURE and (sure > HOPELESS or scout.failures < MOST_TROUBLES):
                successes += sum(scout.tries(_next_scenes(found.number, rollouts, self.scenes)))
                rollouts += self.scenes
                sure = belief(successes, rollouts, self.target)
            more, solved = ((), None) if sure >= SURE else _troubles(scout, Session.at(self.session), self.lessons)
        return replace(
            found,
            successes=successes,
            rollouts=rollouts,
            sure=sure,
            troubles=() if sure >= SURE else (*found.troubles, *more),
            minibatches=0,
            steps=scout.steps + (0 if solved is None else solved.steps),
            looked_again=True,
            solved=found.solved + (0 if solved is None else len(solved.proven)),
        )


def _troubles(scout: Scout, session: Session, lessons: Path | None) -> tuple[tuple[Trouble, ...], Propagated | None]:
    """Where the person is wanted: in scenes that were failed in, those into which nothing that was shown can be carried over."""
    solved = carried_over(session, lessons, scout.failed)
    if solved is None:
        return tuple(scout.troubles(MOST_TROUBLES)), None
    return tuple(Trouble(seed, whole=True) for seed in solved.unproven[:MOST_TROUBLES]), solved


def _next_scenes(number: int, rollouts: int, scenes: int) -> range:
    """Of homework `number`, after so many."""
    first = first_scene(number) + rollouts
    return range(first, first + scenes)
