"""Scribe: turns the loop's steps into episode files. Beside the loop in a process of its own, or in the loop's for simulated time.

The loop sends small messages and never waits for the disk. A scribe outlives a loop that is killed: what it was sent
until then becomes a partial episode.
"""

import contextlib
import functools
import multiprocessing
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from data.episode import Array, Step, build_episode
from data.errors import UserError
from data.schema import EpisodeMeta, Outcome
from data.session import Session
from data.trim import idle_ends, trim
from teleop.clock import yield_to_control


@dataclass(frozen=True)
class End:
    """What the arm came to after the last step."""

    obs: Mapping[str, Array]
    sim_state: Array


@dataclass(frozen=True)
class Begin:
    """A new episode `number`; `meta` is what it will be kept with if nobody ever says how it ended."""

    number: int
    meta: EpisodeMeta


@dataclass(frozen=True)
class Rewind:
    """Back to `step`: the steps so far, ending in `end`, become the abandoned episode `number`; the first `step` go on."""

    step: int
    number: int
    end: End


@dataclass(frozen=True)
class Finish:
    meta: EpisodeMeta
    end: End


@dataclass(frozen=True)
class Trash:
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Tag:
    number: int
    behaviour_mode: str


Message = Begin | Step | Rewind | Finish | Trash | Tag


@dataclass(frozen=True)
class Take:
    """An episode that is not on disk yet."""

    number: int
    steps: tuple[Step, ...]
    end: End
    meta: EpisodeMeta


class Scribe(Protocol):
    """`put` returns at once. `news` are lines for the operator since the last call; `close` waits until all is on disk."""

    def put(self, message: Message) -> None: ...

    def news(self) -> list[str]: ...

    def close(self) -> None: ...


@dataclass
class Desk:
    """The scribe's work itself: gathers a running episode and its branches, writes them when it ends."""

    session: Session
    trims: bool = True
    waiting: list[Take] = field(default_factory=list)
    _begin: Begin | None = None
    _steps: list[Step] = field(default_factory=list)
    _branches: list[tuple[Rewind, tuple[Step, ...]]] = field(default_factory=list)

    def take_in(self, message: Message) -> str | None:
        """Act on one message; a line for the operator where something was kept."""
        match message:
            case Step():
                self._steps.append(message)
            case Begin():
                self._begin, self._steps, self._branches = message, [], []
            case Rewind(step=step):
                self._branches.append((message, tuple(self._steps)))
                del self._steps[step:]
            case Finish():
                return self._finish(message)
            case Trash(numbers=numbers):
                self.session.trash(*numbers)
            case Tag(number=number, behaviour_mode=mode):
                self.session.tag(number, mode)
        return None

    def write(self) -> str | None:
        """Write what waits; raises UserError, and keeps it waiting, when the disk refuses."""
        line = None
        while self.waiting:
            line = self._write(self.waiting[0])
            self.waiting.pop(0)
        return line

    def rescue(self) -> None:
        """The loop is gone: keep the running episode as a partial one. What came of its last step nobody knows."""
        if self._begin is not None and len(self._steps) > 1:
            last = self._steps.pop()
            with contextlib.suppress(UserError):
                self.take_in(Finish(self._begin.meta, End(last.obs, last.sim_state)))
        self.part()

    def part(self) -> None:
        """Write what waits, at the end of all work; what the disk still refuses goes to the temporary folder."""
        try:
            self.write()
        except UserError as error:
            refuge = Desk(Session.create(tempfile.mkdtemp(prefix="rescued-session-")), self.trims, self.waiting)
            refuge.write()
            raise UserError(f"{error}; meanwhile what was left is in {refuge.session.path}") from error

    def _finish(self, message: Finish) -> str | None:
        assert self._begin is not None
        number, steps = self._begin.number, tuple(self._steps)
        branches, self._branches, self._begin, self._steps = self._branches, [], None, []
        if steps:
            self.waiting.append(Take(number, steps, message.end, message.meta))
        for rewind, walked in branches:
            abandoned = replace(
                message.meta, outcome=Outcome.ABANDONED, parent=number if steps else -1, branch_step=rewind.step if steps else -1
            )
            self.waiting.append(Take(rewind.number, walked, rewind.end, abandoned))
        return self.write()

    def _write(self, take: Take) -> str:
        start, end = idle_ends(take.steps) if self.trims else (0, 0)
        meta = replace(take.meta, branch_step=max(0, take.meta.branch_step - start)) if take.meta.branch_step >= 0 else take.meta
        episode = build_episode(take.steps, take.end.obs, take.end.sim_state, meta)
        self.session.append(trim(episode, start, end), take.number)
        idle = f", {start + end} idle steps set aside" if start + end else ""
        return f"episode {take.number} kept: {meta.outcome}{idle}"


class InlineScribe:
    """For simulated time, where nothing can be late: everything is on disk when `put` returns."""

    def __init__(self, session: Session, *, trims: bool = True) -> None:
        self._desk, self._news = Desk(session, trims), list[str]()

    def put(self, message: Message) -> None:
        line = self._desk.take_in(message)
        self._news += [line] if line else []

    def news(self) -> list[str]:
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        self._desk.part()


class ScribeProcess:
    """For real time: a thread sends, another process builds, compresses and writes."""

    def __init__(self, session: Session, *, trims: bool = True) -> None:
        context = multiprocessing.get_context("spawn")
        self._conn, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, session.path, trims), name="scribe", daemon=False)
        self._process.start()
        theirs.close()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send, name="scribe's messages", daemon=True)
        self._sender.start()
        self._trouble = ""

    def put(self, message: Message) -> None:
        self._outbox.put(message)

    def news(self) -> list[str]:
        lines = []
        with contextlib.suppress(EOFError, OSError):
            while self._conn.poll():
                line, self._trouble = self._conn.recv()
                lines.append(line)
        return lines

    def close(self) -> None:
        """Wait for the disk; raises UserError when something could not be written, or the scribe died."""
        self._outbox.put(None)
        self._sender.join()
        while self._process.is_alive():
            self.news()
            self._process.join(0.02)
        self.news()
        self._conn.close()
        if self._trouble:
            raise UserError(self._trouble)
        if self._process.exitcode:
            raise UserError("the process that writes episodes died; what it had finished is in the session")

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # it died: `close` says so
            while (message := self._outbox.get()) is not None:
                self._conn.send(message)
            self._conn.send(None)


RETRY_S = 2.0


def _work(conn: Connection, path: Path, trims: bool) -> None:
    """The scribe's process. Ctrl-C is the loop's business; a closed pipe means that the loop is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield_to_control(5)
    desk, retry_at_s = Desk(Session(path), trims), 0.0
    with contextlib.suppress(EOFError, OSError):
        while True:
            if desk.waiting and time.monotonic() >= retry_at_s:
                _report(conn, desk, desk.write)
                retry_at_s = time.monotonic() + RETRY_S
            if desk.waiting and not conn.poll(max(0.0, retry_at_s - time.monotonic())):
                continue
            message: Message | None = conn.recv()
            if message is None:
                _report(conn, desk, desk.part)
                return
            _report(conn, desk, functools.partial(desk.take_in, message))
    desk.rescue()


def _report(conn: Connection, desk: Desk, work: Callable[[], str | None]) -> None:
    """Send (line, trouble) where there is something to say: nothing is given up when the disk refuses, only tried again."""
    troubled = bool(desk.waiting)
    try:
        line, trouble = work(), ""
    except (UserError, OSError) as error:
        line, trouble = f"not on disk yet: {error}", str(error)
    if line or (troubled and not desk.waiting):
        with contextlib.suppress(OSError):  # nobody there to hear it; what they sent before is still to be read
            conn.send((line or "on disk again", trouble))
