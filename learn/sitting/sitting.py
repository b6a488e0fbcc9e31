"""One sitting: from an empty session to a policy that no longer needs the person, in one run of the loop."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.cores import core_count
from data.errors import UserError
from data.schema import Phase
from data.session import Session
from learn.background import Learner, LearnerInline, LearnerProcess
from learn.checkpoint import Checkpoint, load_policy
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.futures.future import check_restorable
from learn.futures.seer import GhostSeer
from learn.gates.foresight import ForesightGate
from learn.promotion import SCENES, append_verdict
from learn.propagate.propagation import can_propagate
from learn.rescue.rescuer import Rescuer
from learn.rescue.trouble import Trouble
from learn.rounds import LESSONS_NAME, driver_of, publish, round_dir
from learn.sitting.homework import Findings, Homework, SecondLook
from learn.sitting.log import SittingLog, minutes_left, read_log, write_log
from learn.sitting.panel import panel, standing
from learn.sitting.spent import Spent
from learn.train import TrainConfig
from teleop.cockpit import Cockpit
from teleop.loop import Loop, LoopConfig, Seat
from teleop.pilot import UNLIMITED, Pilot
from teleop.screen import Fact
from teleop.tally import Tally

CHUNK, STEPS = 8, 2000
COUNTED_EVERY_S = 1.0  # what is carried over: of hundreds of files that takes milliseconds
MOST_ALONE = 3  # policies in a row without another episode of the person
Waiting = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class SittingConfig:
    """When it is good enough, and how it is learned. The last policy is evaluated in `evaluation_episodes` from `evaluation_seed` on.

    `most_minutes` of the person's time, then it ends in any case (None: when they quit).
    """

    target: float = 0.95
    scenes: int = SCENES
    """in which a new policy is held against the old one, and looked at again up to ten times as many"""
    most_minutes: float | None = None
    propagate: int = 60
    """scenes into which what was shown is carried over before the first policy, where the environment can; 0: none"""
    evaluation_episodes: int = 100
    evaluation_seed: int = FIRST_EVALUATION_SEED
    workers: int = field(default_factory=core_count)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if not 0.0 < self.target < 1.0:
            raise UserError(f"--target {self.target}: give a success rate between 0 and 1, e.g. 0.95")
        for name in ("evaluation_episodes", "workers", "scenes"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at least 1")
        if self.propagate < 0:
            raise UserError(f"--propagate {self.propagate}: give a number of scenes, 0 for none")


@dataclass(frozen=True)
class Watchers:
    """Who is told how it goes: after a homework, after an episode, and while nothing can be done but wait."""

    on_findings: Callable[[SittingLog], None] = lambda log: None
    on_episode: Callable[[Tally, SittingLog], None] = lambda tally, log: None
    waiting: Waiting = lambda words: nullcontext()


def run_sitting(session: Session, cockpit: Cockpit, config: SittingConfig, out: Path, watchers: Watchers | None = None) -> SittingLog:
    """The person drives, and behind them the policy learns after every episode and tries itself out in scenes of its own.

    What they showed is carried over to other scenes (`learn.propagate`), and learned from there. Where the policy fails all the
    same and nothing that was shown can be carried over, the person is asked for the whole of it. In an environment where nothing
    can be carried over they are asked from where it went wrong, until both agree and the simulator shows that the policy gets
    there from here. So they do less the better it is. It ends when rollouts make it
    `SURE` that the target is reached, or when the person quits; the same call goes on. `out` holds the promoted policy,
    `out/rounds/<n>` each one, `out/sitting.json` the log, `out/promotions.jsonl` who took whose place.
    """
    check_restorable(cockpit.plant, cockpit.config.env_id)
    with ExitStack() as held:
        real = cockpit.clock.kind == "real"
        learner: Learner[Findings] = LearnerProcess() if real else LearnerInline(lambda found: found.takes_s)
        sitting = _Sitting(session, cockpit, config, out, learner, watchers or Watchers())
        held.callback(sitting.close)
        held.callback(learner.close)  # first: it would keep the others from ending
        return sitting.run()


class _Sitting:
    """One call of `run_sitting`."""

    def __init__(
        self, session: Session, cockpit: Cockpit, config: SittingConfig, out: Path, learner: Learner[Findings], watchers: Watchers
    ) -> None:
        self.session, self.cockpit, self.config, self.out = session, cockpit, config, out
        self.learner, self.watchers = learner, watchers
        self.env_id, self.env_kwargs = cockpit.config.env_id, cockpit.config.env_kwargs
        log = read_log(out) or SittingLog(self.env_id, config.train.policy, config.target)
        if log.findings and log.policy != config.train.policy:
            kinds = f"of a {log.policy}, not of a {config.train.policy}"
            raise UserError(f"the sitting in {out} is {kinds}; give --policy {log.policy} or another --out")
        over = log.reached and config.target <= log.target
        self.log = replace(log, policy=config.train.policy, target=config.target, reached=over, successes=log.successes if over else None)
        self.troubles: deque[Trouble] = deque()
        self.policy: Checkpoint | None = None
        self.rescuer: Rescuer | None = None
        self.seer: GhostSeer | None = None
        self.spent = Spent(session)
        self.learned_from, self.credit, self.left = 0, 0.0, minutes_left(self.log)
        self.facts: tuple[Fact, ...] = ()
        self.looks_again, self.now_s = False, cockpit.clock.now_s()
        self.loop: Loop | None = None
        self.lessons = out / LESSONS_NAME if config.propagate and can_propagate(cockpit.plant) else None
        self.alone = 0
        self.newest: int | None = None
        self.carried, self.counts_at_s = 0, 0.0
        if self.log.champion is not None:
            self._take_up(self.log.champion)

    def close(self) -> None:
        for held in (self.rescuer, self.seer):
            if held is not None:
                held.close()

    def run(self) -> SittingLog:
        if self.log.reached and self.log.successes is not None:
            raise UserError(
                f"the sitting in {self.out} has reached its target of {self.log.target}; give a higher --target, or another --out"
            )
        config = LoopConfig(mapping=self.cockpit.config.mapping, seed=self.cockpit.config.seed)
        self.loop = self.cockpit.loop(
            self.session, config, on_episode=self._on_episode, learning=self._tick, next_seat=self._next_seat, is_over=self._is_over
        )
        self.loop.seer = self.seer
        write_log(self.out, self.log)  # from now on the same command goes on with the sitting
        self.loop.run()
        write_log(self.out, self.log)
        if self._is_over() and self.log.findings:
            self._judge()
        return self.log

    # -- learning ------------------------------------------------------------------------------------------------------

    def _tick(self) -> tuple[Fact, ...]:
        """Once in every tick; between two episodes, where nobody waits for the loop: hear what was found out, set homework."""
        before_s, self.now_s = self.now_s, self.cockpit.clock.now_s()
        if self.loop is None or self.loop.phase is not Phase.READY:
            return self.facts
        if self.loop.seat.rests():
            self.log = replace(self.log, rested_s=self.log.rested_s + self.now_s - before_s)
        self._listen()
        if len(self.session) > self.spent.episodes:
            self.spent.look()
        self._set_work()
        if self.lessons is not None and self.now_s >= self.counts_at_s:
            self.carried, self.counts_at_s = max(0, len(Session(self.lessons)) - len(self.session)), self.now_s + COUNTED_EVERY_S
        self.facts = self._facts()
        return self.facts

    def _set_work(self) -> None:
        """A second look at what may be good enough already; homework as soon as there is another episode, or where what was shown could
        be carried over into scenes in which the policy failed; else, where nothing is known that the person could show, a second
        look for that.
        """
        if self.learner.busy or self.log.reached:
            return
        there, found = len(self.session), self.log.findings[-1] if self.log.findings else None
        looked = found is None or found.looked_again
        if not looked and found is not None and found.success_rate >= self.config.target:
            self._look_again(found)
        elif there > self.learned_from and self._teaches():
            self.learned_from, self.alone = there, 0
            self.learner.submit(self._homework())
        elif found is not None and found.solved and not self.troubles and self.alone < MOST_ALONE:
            self.alone += 1
            self.learner.submit(self._homework())
        elif not looked and found is not None and not self.troubles:
            self._look_again(found)

    def _look_again(self, found: Findings) -> None:
        found = replace(found, out=round_dir(self.out, found.number), troubles=tuple(self.troubles))
        about = (self.session.path, self.env_id, self.env_kwargs, self.config.target, self.config.scenes, self.lessons)
        self.looks_again = True
        self.learner.submit(SecondLook(found, round_dir(self.out, found.champion), *about))

    def _rests(self) -> bool:
        """Whether there is nothing that the person has to do before more is known; what they have just shown may be on its way still."""
        on_its_way = self.lessons is not None and self.newest is not None and not self.session.holds(self.newest)
        return (self.learner.busy or on_its_way) and not self.log.reached

    def _listen(self) -> None:
        if isinstance(self.learner, LearnerInline):
            self.learner.now_s = self.cockpit.clock.now_s()
        found = self.learner.poll()
        if found is not None:
            self._conclude(found)

    def _teaches(self) -> bool:
        """Whether there is anything to learn from: a success, or an answer."""
        return any(row.success or (row.teaches and row.labels) for row in self.session.catalog().rows.values())

    def _homework(self) -> Homework:
        number, champion = len(self.log.findings), self.log.champion
        old = None if champion is None else round_dir(self.out, champion)
        folder = round_dir(self.out, number)
        config = self.config
        about = (self.session.path, config.train, folder, self.env_id, self.env_kwargs, config.target)
        return Homework(number, *about, old, champion, config.scenes, self.lessons, config.propagate)

    def _conclude(self, found: Findings) -> None:
        self.looks_again = False
        append_verdict(self.out, found.verdict)
        self.log = self.log.with_findings(found)
        self.troubles, self.left = deque(found.troubles), minutes_left(self.log)
        if found.verdict.promoted and not found.looked_again:
            publish(self.out, found.number)
            self._take_up(found.number)
        write_log(self.out, self.log)
        self.watchers.on_findings(self.log)

    def _take_up(self, number: int) -> None:
        """From the next episode on this policy drives."""
        self.policy = load_policy(round_dir(self.out, number))
        policy = self.policy.policy
        if self.rescuer is None:
            self.rescuer = Rescuer.beside(self.cockpit.clock, policy, self.env_id, self.env_kwargs)
            self.seer = GhostSeer(policy, self.env_id, self.env_kwargs) if self.cockpit.screen.is_seen else None
        else:
            self.rescuer.swap(policy)
            if self.seer is not None:
                self.seer.swap(policy)
        if self.loop is not None:
            self.loop.seer = self.seer

    def _judge(self) -> None:
        """The last policy, on seeds that had no part in anything."""
        champion = self.log.champion
        assert champion is not None
        policy, config = load_policy(round_dir(self.out, champion)).policy, self.config
        with self._waiting(f"trying it in {config.evaluation_episodes} new scenes"):
            judged = evaluate(policy, self.env_id, self.env_kwargs, config.evaluation_episodes, config.evaluation_seed, config.workers)
        self.log = replace(self.log, successes=judged.successes, rollouts=judged.episodes)
        write_log(self.out, self.log)

    def _waiting(self, words: str) -> AbstractContextManager[None]:
        if self.cockpit.screen.is_seen:
            why = "there" if self.log.reached else "the minutes are over"
            self.cockpit.tell(f"{why}: {words}", standing(self.log))
        return self.watchers.waiting(words)

    # -- driving -------------------------------------------------------------------------------------------------------

    def _next_seat(self) -> Seat:
        """Where the policy is known to fail, the person. Else, where what was shown can be carried over, they rest until that is done.
        Elsewhere the policy tries itself out alone, as often as the evidence for it allows, and the person rests; the other times they
        show a new scene.
        """
        self._listen()
        self._set_work()
        if self.troubles:
            return self._rescue(self.troubles.popleft())
        if self.lessons is not None and self._rests():
            return Seat(
                words="you may rest: what you showed is tried in other scenes, and it calls you where that is not enough", rests=self._rests
            )
        if self.policy is None:
            return Seat(words="show the policy how it is done; it learns while you drive")
        self.credit += self.log.evidence
        if self.credit < 1.0:
            return Seat(words="a new scene: show it once more")
        self.credit -= 1.0
        return Seat(words="you may rest: it drives by itself, and calls you where it fails", rests=self._rests)

    def _rescue(self, trouble: Trouble) -> Seat:
        assert self.rescuer is not None
        assert self.policy is not None
        champion = self.log.champion or 0
        pilot = Pilot(Driver(self.policy.policy), ForesightGate(), UNLIMITED, about=driver_of(champion, self.policy))
        return self.rescuer.seat(trouble, pilot, champion + 1, self.cockpit.plant.control_hz)

    def _is_over(self) -> bool:
        most = self.config.most_minutes
        return self.log.reached or (most is not None and self.spent.minutes >= most)

    def _on_episode(self, tally: Tally) -> None:
        self.newest = tally.kept[-1].number
        self.watchers.on_episode(tally, self.log)

    def _facts(self) -> tuple[Fact, ...]:
        """For the window."""
        learns = f"learning policy {len(self.log.findings)}" if self.learner.busy else ""
        work = f"trying policy {self.log.champion}" if self.looks_again else learns
        return panel(self.log, self.spent.minutes, self.left, len(self.troubles), work, self.carried)


def in_chunks(train: TrainConfig) -> TrainConfig:
    """For a `bc`: chunks that are carried out whole, where nothing else was asked for, and half as many minibatches.

    From 15 demonstrations of PandaPickPlace that succeeds in 64 % of 80 scenes, looking again at every step in 35 %.
    """
    if train.policy != "bc" or train.chunk is not None:
        return train
    return replace(train, chunk=CHUNK, execute=CHUNK, steps=train.steps or STEPS)
