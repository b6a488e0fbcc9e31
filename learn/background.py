"""Background: a process that learns from the finished episodes while the person drives, and offers what is no worse.

It reads the session's immutable episode files and writes model folders; the loop hears of it through a pipe and never waits.
"""

import contextlib
import signal
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from data.cores import DeafContext
from data.errors import UserError
from data.session import Session
from learn.checkpoint import load_policy
from learn.evaluate import FIRST_EVALUATION_SEED, Evaluation, evaluate
from learn.progress import PROGRESS_NAME, OtherTrainingError
from learn.promotion import SCENES, Verdict, contest
from learn.train import TrainConfig, TrainResult, train
from teleop.clock import yield_to_control

NICENESS = 15  # behind the window and the writer


@dataclass(frozen=True)
class Job:
    """Learn policy `number` from the session as it is now, into the folder `out`, and hold it against the policy in `old`.

    `old` None: there is none yet; `against` is its number. Then evaluate it: `episodes` from `seed` on, by `workers`. `scenes` are
    the contest's.
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


class Learner(Protocol):
    """`submit` returns at once, and a job that still waits gives way to a newer one. `poll`: a lesson that has come of one
    since, or None; raises UserError where a job failed. `wait` until the newest job is done.
    """

    @property
    def busy(self) -> bool: ...

    def submit(self, job: Job) -> None: ...

    def poll(self) -> Lesson | None: ...

    def wait(self) -> Lesson | None: ...

    def close(self) -> None: ...


def learn(job: Job) -> Lesson:
    """Train, going on with a training that was cut off, then compare; raises KeyboardInterrupt where Ctrl-C cut it off."""
    started_s = time.perf_counter()
    result = _train(job, resume=(job.out / PROGRESS_NAME).exists())
    if result.interrupted:
        raise KeyboardInterrupt  # half a training is none; a later call goes on with it
    old = None if job.old is None else load_policy(job.old).policy
    verdict = contest(result.policy, old, job.number, job.against, job.env_id, job.env_kwargs, job.scenes)
    judged = evaluate(result.policy, job.env_id, job.env_kwargs, job.episodes, job.seed, job.workers)
    facts = (result.train_loss, load_policy(job.out).fingerprint, result.episodes)
    return Lesson(job.number, job.out, verdict, judged, *facts, time.perf_counter() - started_s)


def _train(job: Job, *, resume: bool) -> TrainResult:
    try:
        return train(Session.at(job.session), job.train, job.out, resume=resume)
    except OtherTrainingError:
        return train(Session.at(job.session), job.train, job.out)  # there is more to learn from by now


@dataclass
class LearnerInline:
    """For simulated time: a job is done where it is submitted, and heard of `delay_s` of the loop's time later."""

    delay_s: float = 0.0
    now_s: float = 0.0
    _done: deque[tuple[float, Lesson]] = field(default_factory=deque)

    @property
    def busy(self) -> bool:
        return bool(self._done)

    def submit(self, job: Job) -> None:
        self._done.append((self.now_s + self.delay_s, learn(job)))

    def poll(self) -> Lesson | None:
        if self._done and self._done[0][0] <= self.now_s:
            return self._done.popleft()[1]
        return None

    def wait(self) -> Lesson | None:
        return self._done.popleft()[1] if self._done else None

    def close(self) -> None: ...


class LearnerProcess:
    """For real time: another process, behind everything else that runs here."""

    def __init__(self) -> None:
        context = DeafContext()  # Ctrl-C is the loop's business
        self._conn, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), name="learner", daemon=True)
        self._process.start()
        theirs.close()
        self._running: Job | None = None
        self._waiting: Job | None = None

    @property
    def busy(self) -> bool:
        return self._running is not None

    def submit(self, job: Job) -> None:
        self._waiting = replace(job, workers=1)  # it has no other core to give away
        self._send()

    def poll(self) -> Lesson | None:
        return self._receive() if self._running is not None and self._conn.poll() else None

    def wait(self) -> Lesson | None:
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

    def _receive(self) -> Lesson:
        try:
            heard = self._conn.recv()
        except (EOFError, OSError) as error:
            self._running = self._waiting = None
            raise UserError(
                "the learning process has died (out of memory?); everything recorded is on disk: the same command goes on"
            ) from error
        self._running = None
        self._send()
        if isinstance(heard, str):
            raise UserError(heard)
        assert isinstance(heard, Lesson)
        return heard


def _work(conn: Connection) -> None:
    """The learner's process: one job after the other; None ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield_to_control(NICENESS)
    with contextlib.suppress(EOFError, OSError):
        while (job := conn.recv()) is not None:
            try:
                conn.send(learn(job))
            except UserError as error:
                conn.send(str(error))
