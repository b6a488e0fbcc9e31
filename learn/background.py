"""Background: a process that learns from the finished episodes while the person drives, and offers what is no worse.

It reads the session's immutable episode files and writes model folders; the loop hears of it through a pipe and never waits.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from data.cores import DeafContext
from data.errors import UserError
from data.session import Session
from learn.checkpoint import load_policy
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation, evaluate
from learn.progress import PROGRESS_NAME, OtherTrainingError
from learn.promotion import SCENES, Verdict, contest
from learn.propagate.propagation import FIRST_SCENE, carried_over
from learn.train import TrainConfig, TrainResult, train
from teleop.clock import yield_to_control

NICENESS = 15  # behind the window and the writer
L = TypeVar("L")
L_co = TypeVar("L_co", covariant=True)


class Task(Protocol[L_co]):
    """Something to be found out beside the loop, as plain data; `alone`: the same with one core."""

    def do(self) -> L_co: ...

    def alone(self) -> "Task[L_co]": ...


@dataclass(frozen=True)
class Job:
    """Learn policy `number` from the session as it is now, into the folder `out`, and hold it against the policy in `old`.

    `old` None: there is none yet; `against` is its number. Then evaluate it: `episodes` from `seed` on, by `workers`. `scenes` are
    the contest's. With `lessons`, a folder, its demonstrations are first carried over to `propagate` scenes, and it is learned from there.
    """

    number: int
    session: Path
    train: TrainConfig
    out: Path
    env_id: str
    env_kwargs: Mapping[str, Any]
    old: Path | None = None
    against: int | None = None
    episodes: int = 50
    seed: int = FIRST_EVALUATION_SEED
    workers: int = 1
    scenes: int = SCENES
    lessons: Path | None = None
    propagate: int = 0

    def do(self) -> "Lesson":
        return learn(self)

    def alone(self) -> "Job":
        return replace(self, workers=1)


@dataclass(frozen=True)
class Lesson:
    """What came of a job: the verdict, an evaluation, the loss and the data that the policy in `out` was learned from."""

    number: int
    out: Path
    verdict: Verdict
    evaluation: Evaluation
    train_loss: float
    fingerprint: str
    episodes: int
    seconds: float


class Learner(Protocol[L]):
    """`submit` returns at once, and a task that still waits gives way to a newer one. `poll`: what has come of one since, or
    None; raises UserError where a task failed. `wait` until the newest task is done.
    """

    @property
    def busy(self) -> bool: ...

    def submit(self, task: Task[L]) -> None: ...

    def poll(self) -> L | None: ...

    def wait(self) -> L | None: ...

    def close(self) -> None: ...


def learn(job: Job) -> Lesson:
    """Train, going on with a training that was cut off, then compare; raises KeyboardInterrupt where Ctrl-C cut it off."""
    started_s = time.perf_counter()
    session = Session.at(job.session)
    carried = carried_over(session, job.lessons, range(FIRST_SCENE, FIRST_SCENE + job.propagate))
    result = train_or_go_on(session if carried is None else carried.lessons, job.train, job.out)
    old = None if job.old is None else load_policy(job.old).policy
    verdict = contest(result.policy, old, job.number, job.against, job.env_id, job.env_kwargs, job.scenes)
    judged = evaluate(result.policy, job.env_id, job.env_kwargs, job.episodes, job.seed, job.workers)
    facts = (result.train_loss, load_policy(job.out).fingerprint, result.episodes)
    return Lesson(job.number, job.out, verdict, judged, *facts, time.perf_counter() - started_s)


def train_or_go_on(session: Session, config: TrainConfig, out: Path) -> TrainResult:
    """Train into `out`, going on with a training that was cut off there, unless there is more to learn from by now.

    Raises KeyboardInterrupt where Ctrl-C cut it off: half a training is none; a later call goes on with it.
    """
    try:
        result = train(session, config, out, resume=(out / PROGRESS_NAME).exists())
    except OtherTrainingError:
        result = train(session, config, out)
    if result.interrupted:
        raise KeyboardInterrupt
    return result


class LearnerInline(Generic[L]):
    """For simulated time: a task is done where it begins, and heard of as much of the loop's time later as `takes_s` says of it."""

    def __init__(self, takes_s: Callable[[L], float] = lambda lesson: 0.0) -> None:
        self.now_s, self._takes_s = 0.0, takes_s
        self._running: tuple[float, L] | None = None
        self._waiting: Task[L] | None = None

    @property
    def busy(self) -> bool:
        return self._running is not None

    def submit(self, task: Task[L]) -> None:
        self._waiting = task
        self._begin()

    def poll(self) -> L | None:
        return self._heard() if self._running is not None and self._running[0] <= self.now_s else None

    def wait(self) -> L | None:
        lesson = None
        while self._running is not None:
            lesson = self._heard()
        return lesson

    def close(self) -> None: ...

    def _begin(self) -> None:
        if self._running is None and self._waiting is not None:
            lesson, self._waiting = self._waiting.do(), None
            self._running = self.now_s + self._takes_s(lesson), lesson

    def _heard(self) -> L:
        assert self._running is not None
        (_, lesson), self._running = self._running, None
        self._begin()
        return lesson


class LearnerProcess(Generic[L]):
    """For real time: another process, behind everything else that runs here."""

    def __init__(self) -> None:
        context = DeafContext()  # Ctrl-C is the loop's business
        self._conn, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), name="learner", daemon=True)
        self._process.start()
        theirs.close()
        self._running: Task[L] | None = None
        self._waiting: Task[L] | None = None

    @property
    def busy(self) -> bool:
        return self._running is not None

    def submit(self, task: Task[L]) -> None:
        self._waiting = task.alone()  # it has no other core to give away
        self._send()

    def poll(self) -> L | None:
        return self._receive() if self._running is not None and self._conn.poll() else None

    def wait(self) -> L | None:
        lesson = None
        while self._running is not None:
            lesson = self._receive()
        return lesson

    def close(self) -> None:
        """What is being learned is cut off; its progress, like everything finished, is on disk."""
        with contextlib.suppress(OSError):
            self._conn.send(None)
        if self._running is not None:
            self._process.terminate()
        self._process.join(10.0)
        self._conn.close()

    def _send(self) -> None:
        if self._running is None and self._waiting is not None:
            self._running, self._waiting = self._waiting, None
            self._conn.send(self._running)

    def _receive(self) -> L:
        try:
            heard: L | str = self._conn.recv()
        except (EOFError, OSError) as error:
            self._running = self._waiting = None
            raise UserError(
                "the learning process has died (out of memory?); everything recorded is on disk: the same command goes on"
            ) from error
        self._running = None
        self._send()
        if isinstance(heard, str):
            raise UserError(heard)
        return heard


def _work(conn: Connection) -> None:
    """The learner's process: one task after the other; None ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield_to_control(NICENESS)
    with contextlib.suppress(EOFError, OSError):  # whoever listened is gone
        while (task := conn.recv()) is not None:
            conn.send(_done(task))


def _done(task: Task[Any]) -> Any:
    """What came of a task; where it failed, why, in one line."""
    try:
        return task.do()
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"what is learned in the background could not be ({error}); everything recorded is on disk: the same command goes on"
