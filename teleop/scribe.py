"""Scribe: keeps the loop's entries. Every step is in the journal at once; another process makes episode files of journals.

The loop never waits for the disk: a thread of its process writes the journal, and what the disk refuses waits in memory.
Whoever is killed, the journal stays: the writer's process, or whoever opens the session next, makes an episode of it.
"""

import contextlib
import multiprocessing
import queue
import signal
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from data.errors import UserError
from data.journal import Journal, journal_path
from data.lock import lock
from data.recover import keep_journal, recover
from data.session import RUNNING_NAME, WRITER, WRITER_PATIENCE_S, Session
from data.takes import Entry, Finish
from teleop.clock import yield_to_control


@dataclass(frozen=True)
class Commit:
    """Make the files of episode `number` and of its branches: its journal is complete."""

    number: int


@dataclass(frozen=True)
class Trash:
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Tag:
    number: int
    behaviour_mode: str


Order = Commit | Trash | Tag
Message = Entry | Trash | Tag
RETRY_S = 2.0
LISTEN_S = 0.1


class Scribe(Protocol):
    """`put` returns at once. `news` are lines for the operator since the last call; `close` waits until all is on disk."""

    def put(self, message: Message) -> None: ...

    def news(self) -> list[str]: ...

    def close(self) -> None: ...


@dataclass
class Desk:
    """What is done to a session, in order: an order that the disk refuses waits, and those after it."""

    session: Session
    waiting: deque[Order] = field(default_factory=deque)

    def work(self) -> list[str]:
        """Do what waits; lines for the operator. Raises UserError, and keeps the order, when the disk refuses."""
        lines = []
        while self.waiting:
            lines += self._do(self.waiting[0])
            self.waiting.popleft()
        return lines

    def _do(self, order: Order) -> list[str]:
        match order:
            case Commit(number=number):
                return keep_journal(self.session, journal_path(self.session.path / RUNNING_NAME, number))
            case Trash(numbers=numbers):
                self.session.trash(*numbers)
            case Tag(number=number, behaviour_mode=mode) if self.session.episode_path(number).exists():
                self.session.tag(number, mode)
        return []


class InlineScribe:
    """For simulated time, where nothing can be late: everything is on disk when `put` returns."""

    def __init__(self, session: Session) -> None:
        self._journal, self._desk, self._news = Journal(session.path / RUNNING_NAME), Desk(session), list[str]()

    def put(self, message: Message) -> None:
        if not isinstance(message, Trash | Tag):
            with contextlib.suppress(OSError):  # the operator hears of it when the episode ends
                self._journal.add(message)
        order = _order_after(message, self._journal)
        if order is not None:
            self._desk.waiting.append(order)
            self._news += _work_off(self._journal, self._desk)

    def news(self) -> list[str]:
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        _end(self._journal, self._desk)


class ScribeProcess:
    """For real time: a thread keeps the journal, another process builds, compresses and writes the episodes."""

    def __init__(self, session: Session) -> None:
        context = multiprocessing.get_context("spawn")
        self._conn, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, session.path), name="scribe", daemon=False)
        self._process.start()
        theirs.close()
        self._journal, self._desk = Journal(session.path / RUNNING_NAME), Desk(session)
        self._sent = 0  # so many of the desk's orders are with the process
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._troubles = {"journal": "", "writer": ""}  # what the disk says to either, "" while it does not refuse
        self._renew_s = 0.0
        self._thread = threading.Thread(target=self._keep, name="scribe's journal", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        self._outbox.put(message)

    def news(self) -> list[str]:
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def close(self) -> None:
        """Wait for the disk; raises UserError when something could not be written."""
        self._outbox.put(None)
        self._thread.join()
        self._conn.close()
        self._process.join()
        _end(self._journal, self._desk)

    def _keep(self) -> None:
        """The thread: keep the journal, pass orders on, hear what came of them."""
        while True:
            try:
                message = self._outbox.get(timeout=LISTEN_S)
            except queue.Empty:
                self._journalise(None)
            else:
                if message is None:
                    break
                self._journalise(message)
            self._pass_on()
            self._hear(0.0)
        self._journalise(None)
        self._pass_on()
        with contextlib.suppress(OSError):
            self._conn.send(None)
        self._hear(None)

    def _journalise(self, message: Message | None) -> None:
        """Write a message, or, in a quiet moment, what the disk has refused and what has gone with it."""
        trouble = ""
        try:
            if message is None:
                if any(self._troubles.values()) and time.monotonic() >= self._renew_s:
                    self._renew_s = time.monotonic() + RETRY_S
                    self._journal.renew()
                self._journal.flush()
            elif not isinstance(message, Trash | Tag):
                self._journal.add(message)
        except OSError as error:
            trouble = f"the running episode could not be written ({error})"
        self._tell("journal", [], trouble)
        order = None if message is None else _order_after(message, self._journal)
        if order is not None:
            self._desk.waiting.append(order)

    def _pass_on(self) -> None:
        """Send the process what can be done now; what it cannot hear is done at the end."""
        with contextlib.suppress(OSError):
            while self._sent < len(self._desk.waiting):
                order = self._desk.waiting[self._sent]
                if isinstance(order, Commit) and not self._journal.is_kept(order.number):
                    return
                self._conn.send(order)
                self._sent += 1

    def _hear(self, wait_s: float | None) -> None:
        """Take in the process's reports: those that are there, or (None) all until it ends."""
        with contextlib.suppress(EOFError, OSError):
            while wait_s is None or self._conn.poll(wait_s):
                lines, trouble, done = self._conn.recv()
                for _ in range(done):
                    order = self._desk.waiting.popleft()
                    self._sent -= 1
                    if isinstance(order, Commit):
                        self._journal.forget(order.number)
                self._tell("writer", lines, trouble)

    def _tell(self, who: str, lines: list[str], trouble: str) -> None:
        """News for the operator; the same trouble is told once."""
        if trouble != self._troubles[who]:
            self._troubles[who] = trouble
            if trouble or not any(self._troubles.values()):
                self._lines.put(f"not on disk yet: {trouble}" if trouble else "on disk again")
        for line in lines:
            self._lines.put(line)


def _order_after(message: Message, journal: Journal) -> Order | None:
    """What a message asks to be done to the session."""
    if isinstance(message, Finish):
        return Commit(journal.current)
    return message if isinstance(message, Trash | Tag) else None


def _work_off(journal: Journal, desk: Desk) -> list[str]:
    """Do all that waits, from a whole journal; raises UserError when the disk refuses."""
    try:
        journal.renew()
        journal.flush()
    except OSError as error:
        raise UserError(f"the running episode could not be written ({error}); free some space or give another --session") from error
    numbers = [order.number for order in desk.waiting if isinstance(order, Commit)]
    lines = desk.work()
    for number in numbers:
        journal.forget(number)
    return lines


def _end(journal: Journal, desk: Desk) -> None:
    """Do what is left; what the disk still refuses becomes a session in the temporary folder, and a UserError says so."""
    try:
        _work_off(journal, desk)
    except UserError as error:
        refuge = Session.create(tempfile.mkdtemp(prefix="rescued-session-"))
        journal.copy_to(refuge.path / RUNNING_NAME)
        recover(refuge)
        back = f"python -m data merge {desk.session.path} {refuge.path}"
        raise UserError(f"{error}; meanwhile what was left is in {refuge.path} (later: {back})") from error
    finally:
        journal.close()


def _work(conn: Connection, path: Path) -> None:
    """The scribe's process. Ctrl-C is the loop's business; a closed pipe means that the loop is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield_to_control(5)
    # What cannot be done here the loop's process does at the end, or, when it is gone, whoever opens the session next.
    with contextlib.suppress(UserError), lock(path, WRITER, WRITER_PATIENCE_S):
        desk = Desk(Session(path))
        try:
            while (order := _next(conn, desk)) is not None:
                desk.waiting.append(order)
                _report(conn, desk)
        except (EOFError, OSError):
            recover(desk.session)


def _next(conn: Connection, desk: Desk) -> Order | None:
    """The next order, None at the end; what the disk refused is tried again meanwhile."""
    while desk.waiting and not conn.poll(RETRY_S):
        _report(conn, desk)
    order: Order | None = conn.recv()
    return order


def _report(conn: Connection, desk: Desk) -> None:
    """Work, and send (lines, trouble, how many orders are done): nothing is given up when the disk refuses."""
    before, lines, trouble = len(desk.waiting), list[str](), ""
    try:
        lines = desk.work()
    except (UserError, OSError) as error:
        trouble = str(error)
    conn.send((lines, trouble, before - len(desk.waiting)))
