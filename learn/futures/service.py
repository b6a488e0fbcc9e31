"""The ghost service: ghosts found in a process of their own, so that the loop that drives never waits for them."""

import contextlib
import queue
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from data.cores import DeafContext
from data.errors import UserError
from learn.futures.future import Futures
from learn.futures.ghosts import Ghost, GhostConfig, Paused, unfolding
from learn.futures.packed import PackedPolicy
from learn.policies import Policy
from teleop.clock import yield_to_control

NICENESS = 10  # as the window
LEAVE_S = 5.0  # what a process has to end by itself


@dataclass(frozen=True)
class Foresight:
    """What is known by now about request `number`: `ghosts`, likeliest first; `complete` with all predictions."""

    number: int
    ghosts: tuple[Ghost, ...]
    complete: bool


class GhostService:
    """Owns the process with the twin and the policy's weights. `request` and `poll` return at once; the newest request counts.

    Of each request first come the paths, then every prediction as it is known. What cannot be done there (a guest that
    cannot be put back) is said by `poll`, as a UserError, once; nothing comes afterwards.
    """

    def __init__(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any], config: GhostConfig | None = None) -> None:
        seat = _Seat(env_id, dict(env_kwargs), config or GhostConfig())
        context = DeafContext()  # Ctrl-C is the loop's business
        self._conn, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, seat), name="ghosts", daemon=True)
        self._process.start()
        theirs.close()
        self._number, self._ended = 0, False
        self._outbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._outbox.put(PackedPolicy.of(policy))  # not with the seat: starting would wait until the weights are read
        self._thread = threading.Thread(target=self._send, name="ghosts' letters", daemon=True)
        self._thread.start()

    def request(self, paused: Paused) -> int:
        """Ask for the ghosts of a state, instead of those asked for before; the request's number."""
        self._number += 1
        obs = {key: np.array(value) for key, value in paused.obs.items()}  # the env may write over its own
        self._outbox.put(_Request(self._number, replace(paused, obs=obs, sim_state=np.array(paused.sim_state))))
        return self._number

    def swap(self, policy: Policy) -> None:
        """Requests from now on are about `policy`, as it is now; what is not answered yet never will be."""
        self._number += 1
        self._outbox.put(PackedPolicy.of(policy))

    def poll(self, timeout_s: float = 0.0) -> Foresight | None:
        """What has become known about the newest request since the last call, None when nothing has; waits `timeout_s` for it."""
        news: Foresight | None = None
        try:
            while not self._ended and self._conn.poll(0.0 if news else timeout_s):
                message: Foresight | str = self._conn.recv()
                if isinstance(message, str):
                    self._ended = True
                    raise UserError(message)
                news = message if message.number == self._number else news
        except (EOFError, OSError) as error:
            self._ended = True
            raise UserError("the process of the ghost futures has died (out of memory?); go on without, or begin again") from error
        return news

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._outbox.put(None)
        self._process.join(LEAVE_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()
        self._thread.join()
        self._conn.close()

    def _send(self) -> None:
        """The thread: a pipe that is full makes it wait, and not the loop."""
        with contextlib.suppress(OSError):  # the process is gone; `poll` says so
            while (message := self._outbox.get()) is not None:
                self._conn.send(message)
            self._conn.send(None)


@dataclass(frozen=True)
class _Seat:
    """What the process is started with."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    config: GhostConfig


@dataclass(frozen=True)
class _Request:
    number: int
    paused: Paused


_Message = _Request | PackedPolicy | None


# -- in the process ----------------------------------------------------------------------------------------------------


class _OvertakenError(Exception):
    """There is a newer message: what is being done is not wanted any more."""


def _work(conn: Connection, seat: _Seat) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loop's business; a closed pipe means that it is gone
    yield_to_control(NICENESS)
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, OSError):
        try:
            _answer_all(conn, seat)
        except UserError as error:
            conn.send(str(error))


def _answer_all(conn: Connection, seat: _Seat) -> None:
    first: PackedPolicy | None = conn.recv()
    if first is None:
        return
    policy = first.unpack()
    with contextlib.closing(Futures(policy, seat.env_id, seat.env_kwargs)) as futures:
        while (message := conn.recv()) is not None:
            if isinstance(message, PackedPolicy):
                policy = message.unpack()
            elif not conn.poll():
                with contextlib.suppress(_OvertakenError):
                    _answer(conn, futures, policy, message, seat.config)


def _answer(conn: Connection, futures: Futures, policy: Policy, request: _Request, config: GhostConfig) -> None:
    def look_up() -> None:
        if conn.poll():
            raise _OvertakenError

    for known in unfolding(futures, policy, request.paused, config, look_up):
        conn.send(Foresight(request.number, known, all(ghost.predicted is not None for ghost in known)))
