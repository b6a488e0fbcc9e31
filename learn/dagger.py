"""DAgger: the policy drives, asks where the gate doubts it, and learns from the answers.

Ross, Gordon and Bagnell, *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning*
(AISTATS 2011), with the gates of `learn.gates` in the place of asking everywhere.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from data.cores import core_count
from data.effort import ALONE
from data.errors import UserError
from data.session import Session
from learn.background import Job, Learner, LearnerInline, LearnerProcess, Lesson, learn
from learn.checkpoint import Checkpoint, load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED
from learn.futures.seer import GhostSeer
from learn.gates import BetaSchedule, GateConfig, build_gate
from learn.later.batch import Batch, answer_batch
from learn.log import open_log
from learn.promotion import SCENES, append_verdict
from learn.propagate.propagation import can_propagate
from learn.rescue.rescuer import Rescuer
from learn.rescue.trouble import find_troubles
from learn.rounds import (
    LESSONS_NAME,
    Round,
    begin_run,
    driver_of,
    first_episode,
    publish,
    read_rounds,
    round_dir,
    round_of,
    rows_of_round,
    write_rounds,
)
from learn.train import TrainConfig
from teleop.cockpit import Cockpit
from teleop.loop import LoopConfig, Seat
from teleop.pilot import Pilot
from teleop.screen import Fact
from teleop.tally import Tally


@dataclass(frozen=True)
class DaggerConfig:
    """How the loop runs. One round: roll out and ask, learn from everything, evaluate."""

    rounds: int = 3
    episodes: int = 10
    """rollouts a round"""
    labels: int = 200
    """most labels asked for in a round"""
    label_later: bool = False
    """the policy drives each round alone, you then answer about its most doubtful states in one batch, --labels of them"""
    steps_apart: int = 10
    """with --label-later: least distance between the states asked about in an episode, as long as there are enough"""
    gate: Annotated[GateConfig, tyro.conf.arg(name="")] = field(default_factory=GateConfig)
    beta: Annotated[BetaSchedule, tyro.conf.arg(name="")] = field(default_factory=BetaSchedule)
    propagate: int | None = None
    """scenes into which what you showed is carried over before it is learned from, each proven (60 in one sitting; in rounds 0: none)"""
    scenes: int = SCENES
    """in which a new policy is held against the old one, three times as many where it looks worse"""
    evaluation_episodes: int = 50
    evaluation_seed: int = FIRST_EVALUATION_SEED
    workers: int = field(default_factory=core_count)
    train: Annotated[TrainConfig, tyro.conf.Suppress] = field(default_factory=lambda: TrainConfig(members=5))

    def __post_init__(self) -> None:
        for name in ("rounds", "episodes", "labels", "steps_apart", "scenes", "evaluation_episodes", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at least 1")
        if self.propagate is not None and self.propagate < 0:
            raise UserError(f"--propagate {self.propagate}: give a number of scenes, 0 for none")
        if self.label_later and self.gate.kind == "human":
            raise UserError("--gate human --label-later: nobody can take over from a policy that drives alone; give a gate that asks")
        if self.label_later and self.gate.kind == "foresight":
            raise UserError("--gate foresight --label-later: it is about where to drive from, not about states; leave one out")
        if self.label_later and self.gate.kind == "every-step" and self.beta.start > 0.0:
            raise UserError(f"--beta-start {self.beta.start} --label-later: answers that are given later cannot be executed; leave one out")

    def executed_share(self, number: int) -> float:
        """How likely an answer is executed in round `number`."""
        return self.beta.beta(number) if self.gate.kind == "every-step" else 1.0


OnRollout = Callable[[int, Tally, Pilot], None]


@dataclass(frozen=True)
class Watchers:
    """Who is told how it goes: after a round, after a rollout of it, after an answer that is given later (how many, of how many),
    and while nothing can be done but wait for the learning.
    """

    on_round: Callable[[Round], None] = lambda done: None
    on_rollout: OnRollout = lambda number, report, pilot: None
    waiting: Callable[[str], AbstractContextManager[None]] = lambda words: nullcontext()
    on_answer: Callable[[int, int], None] = lambda answered, asked: None


def run_dagger(session: Session, cockpit: Cockpit, config: DaggerConfig, out: Path, watchers: Watchers | None = None) -> list[Round]:
    """Learn from the session, then repeat: roll out and ask, learn from all labels, evaluate. Goes on where `out` stopped.

    Every rollout is an episode of the same session, its answers in `labels`. `out` holds the promoted policy,
    `out/rounds/<n>` each one, `out/dagger.json` and `out/dagger.png` the curve, `out/promotions.jsonl` who took whose place.
    In real time a round is learned from while the next is driven; in simulated time before.
    """
    with ExitStack() as held:
        learner: Learner[Lesson] = LearnerProcess() if cockpit.clock.kind == "real" else LearnerInline()
        held.callback(learner.close)
        return held.enter_context(closing(_Run(session, cockpit, config, out, learner, watchers or Watchers()))).run()


class _Run:
    """One call of `run_dagger`. `champion` is the number of the policy that drives."""

    def __init__(
        self,
        session: Session,
        cockpit: Cockpit,
        config: DaggerConfig,
        out: Path,
        learner: Learner[Lesson],
        watchers: Watchers,
    ) -> None:
        self.session, self.cockpit, self.config, self.out = session, cockpit, config, out
        self.learner, self.watchers = learner, watchers
        self.rounds = read_rounds(out)
        self.seer: GhostSeer | None = None
        self.first = 0
        self.lessons = out / LESSONS_NAME if config.propagate else None
        self.champion = max((r.number for r in self.rounds if r.promoted), default=None)

    def close(self) -> None:
        if self.seer is not None:
            self.seer.close()

    def run(self) -> list[Round]:
        done, config = len(self.rounds), self.config
        config.gate.check_policy(config.train.policy, config.train.members)
        if self.lessons is not None and not can_propagate(self.cockpit.plant):
            raise UserError(
                f"--propagate: {self.cockpit.config.env_id} does not say where the operator has to go, so nothing can be carried over; "
                "leave it out"
            )
        if config.label_later and not self.cockpit.plant.can_restore:
            raise UserError(f"--label-later: {self.cockpit.config.env_id} cannot be put back into a state; leave it out")
        if done > config.rounds + 1:
            raise UserError(f"{self.out} already holds {done - 1} rounds; give --rounds {done - 1} or more to go on, or another --out")
        self.first = begin_run(self.out, self.session) if not self.rounds else first_episode(self.out)
        if not self.rounds:
            self._learn_first()
        for number in range(max(1, done), config.rounds + 1):
            self._drive(number)
            self._wait()  # of the round before, where that is still being learned from
            self._submit(number)
            if self.cockpit.clock.kind == "simulated" or config.label_later:  # it is the newest policy's states that are worth a label
                self._wait()
        self._wait()
        return self.rounds

    # -- learning ------------------------------------------------------------------------------------------------------

    def _learn_first(self) -> None:
        """In this process: nobody drives yet, so nothing has to give way."""
        with self._waiting(0):
            lesson = learn(self._job(0))
        self._conclude(lesson)

    def _job(self, number: int) -> Job:
        meta = self.session.env_of()
        few = len(self.session.rows()) < 2  # one demonstration is learned from, too: nothing is held out of it
        training = replace(self.config.train, valid_fraction=0.0) if few else self.config.train
        old = None if self.champion is None else round_dir(self.out, self.champion)
        judged = (self.config.evaluation_episodes, self.config.evaluation_seed, self.config.workers, self.config.scenes)
        return Job(
            number,
            self.session.path,
            training,
            round_dir(self.out, number),
            meta.env_id,
            meta.env_kwargs,
            old,
            self.champion,
            *judged,
            self.lessons,
            self.config.propagate or 0,
        )

    def _submit(self, number: int) -> None:
        with self.watchers.waiting(_learning(number)):
            self.learner.submit(self._job(number))

    def _wait(self) -> None:
        if not self.learner.busy:
            return
        with self._waiting(len(self.rounds)):
            lesson = self.learner.wait()
        if lesson is not None:
            self._conclude(lesson)

    def _waiting(self, number: int) -> AbstractContextManager[None]:
        return self._waiting_for(_learning(number))

    def _waiting_for(self, words: str) -> AbstractContextManager[None]:
        """Nothing can be done but wait: says so, in the window too."""
        if self.cockpit.screen.is_seen:
            self.cockpit.tell(f"{words}; the window goes on afterwards")
        return self.watchers.waiting(words)

    def _conclude(self, lesson: Lesson) -> None:
        """Keep what came of a round; the policy in `out` is the promoted one."""
        append_verdict(self.out, lesson.verdict)
        if lesson.verdict.promoted:
            self.champion = lesson.number
            publish(self.out, lesson.number)
        wished = None if self.config.label_later else self.config.gate.wished_share
        done = round_of(self.session, lesson, self.config.gate.kind, wished, self.config.labels, self.first)
        self.rounds.append(done)
        write_rounds(self.out, self.rounds, self.session)
        with open_log(self.out) as log:
            log.scalars(
                done.number,
                {"rounds/success": done.success_rate, "rounds/labels": done.total_labels, "rounds/minutes": done.human_s / 60.0},
            )
        self.watchers.on_round(done)

    # -- driving -------------------------------------------------------------------------------------------------------

    def _drive(self, number: int) -> None:
        """What is missing of one round's rollouts, in which the policy asks, or which are asked about afterwards."""
        mine = rows_of_round(self.session.rows(), number, self.first)
        left = self.config.labels - sum(row.labels for row in mine)
        if self.config.gate.kind == "foresight":
            self._rescue(number, {row.seed for row in mine}, left)
            return
        missing = self.config.episodes - sum(row.usable for row in mine)
        if missing > 0:
            self._roll_out(number, missing, left)
        if self.config.label_later:
            self._answer(number)

    def _roll_out(self, number: int, missing: int, budget: int) -> None:
        later = self.config.label_later
        if later and self.cockpit.screen.is_seen:
            self.cockpit.tell(f"round {number}: the policy drives alone, then its questions come")
        cockpit = self.cockpit.alone() if later else self.cockpit
        pilot = self._pilot(number, 0 if later else budget)
        loop_config = LoopConfig(mapping=self.cockpit.config.mapping, episodes=missing, seed=self.cockpit.config.seed, dagger_round=number)

        def on_episode(report: Tally) -> None:
            self.watchers.on_rollout(number, report, pilot)
            self._take_up(pilot)

        loop = cockpit.loop(
            self.session,
            loop_config,
            pilot,
            on_episode=on_episode,
            learning=lambda: self._facts(number, pilot),
            next_seat=(lambda: Seat(pilot, number, about={ALONE: True})) if later else None,
            seer=self._seer(),
        )
        if loop.run().counted < missing:
            raise KeyboardInterrupt  # the operator quit: what was recorded is kept, a later call goes on

    def _rescue(self, number: int, done: set[int], budget: int) -> None:
        """The round's scenes in which the policy fails, each from where it goes wrong, as far as the labels reach."""
        policy, env = self._champion().policy, (self.cockpit.config.env_id, self.cockpit.config.env_kwargs)
        with self._waiting_for(f"round {number}: looking for scenes in which the policy fails"):
            found = find_troubles(policy, self.session, *env, number, self.config.episodes, self.lessons)
        troubles = deque(trouble for trouble in found if trouble.seed not in done)
        pilot = self._pilot(number, budget)
        with closing(Rescuer.beside(self.cockpit.clock, policy, *env)) as rescuer:

            def next_seat() -> Seat:
                return rescuer.seat(troubles[0], pilot, number, self.cockpit.plant.control_hz) if troubles else Seat(pilot, number)

            def on_episode(report: Tally) -> None:
                troubles.popleft()
                self.watchers.on_rollout(number, report, pilot)

            self.cockpit.loop(
                self.session,
                LoopConfig(mapping=self.cockpit.config.mapping, seed=self.cockpit.config.seed, dagger_round=number),
                on_episode=on_episode,
                learning=lambda: self._facts(number, pilot),
                next_seat=next_seat,
                is_over=lambda: not troubles or pilot.left == 0,
                seer=self._seer(),
            ).run()
        if troubles and pilot.left:
            raise KeyboardInterrupt  # the operator quit

    def _answer(self, number: int) -> None:
        """What is unanswered of the round's states that are asked about."""
        driven = [row.number for row in self.session.rows() if row.usable and row.number >= self.first and row.dagger_round == number]
        batch = Batch(
            self.session, driven, self._champion().policy, round_dir(self.out, number), self.config.labels, self.config.steps_apart
        )
        if not answer_batch(batch, self.cockpit, self._seer(), lambda: self._standing(number), self.watchers.on_answer):
            raise KeyboardInterrupt

    def _pilot(self, number: int, budget: int) -> Pilot:
        loaded = self._champion()
        gate = build_gate(self.config.gate, loaded.policy, self.session, self.config.train.seed + number)
        share, about = self.config.executed_share(number), driver_of(self.champion, loaded)
        return Pilot(Driver(loaded.policy), gate, max(0, budget), share, about=about)

    def _champion(self) -> Checkpoint:
        """The policy that drives."""
        assert self.champion is not None
        return load_policy(round_dir(self.out, self.champion))

    def _seer(self) -> GhostSeer | None:
        """Ghost futures where somebody can see them; one for the whole run."""
        sees = self.cockpit.screen.is_seen and self.cockpit.plant.can_restore
        if sees and self.seer is None:
            self.seer = GhostSeer(self._champion().policy, self.cockpit.config.env_id, self.cockpit.config.env_kwargs)
        return self.seer

    def _take_up(self, pilot: Pilot) -> None:
        """Where a policy was promoted meanwhile, it drives from the next episode on."""
        lesson = self.learner.poll()
        if lesson is None:
            return
        self._conclude(lesson)
        if lesson.verdict.promoted:
            pilot.successor = self._pilot(lesson.number + 1, 0)
            if self.seer is not None:
                self.seer.swap(self._champion().policy)

    def _facts(self, number: int, pilot: Pilot) -> tuple[Fact, ...]:
        """For the window: how good the policy is, how much of the budget is left."""
        facts = [*self._standing(number), Fact("labels left", str(pilot.left), pilot.left / self.config.labels)]
        if pilot.states and 0.0 < self.config.gate.wished_share < 1.0:
            asked = (pilot.labels + pilot.either) / pilot.states
            facts.append(Fact("asked", f"{100 * asked:.0f} %, wished {100 * self.config.gate.wished_share:.0f} %"))
        if self.learner.busy:
            facts.append(Fact("learning", "meanwhile"))
        return tuple(facts)

    def _standing(self, number: int) -> tuple[Fact, ...]:
        best = next((r for r in reversed(self.rounds) if r.number == self.champion), None)
        facts = [Fact("round", f"{number} of {self.config.rounds}", number / self.config.rounds)]
        if best is not None:
            facts.append(Fact("success", f"{100 * best.success_rate:.0f} %", best.success_rate))
            facts.append(Fact("95 %", f"{100 * best.ci_low:.0f} … {100 * best.ci_high:.0f} %"))
        return tuple(facts)


def _learning(number: int) -> str:
    return f"learning from round {number}" if number else "learning from the demonstrations"
