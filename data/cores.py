"""Cores: how many processes can work at once, and a pool of them."""

import contextlib
import multiprocessing
import multiprocessing.context
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from data.errors import UserError


def core_count() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def worker_pool(workers: int, begin: Callable[..., None], *arguments: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes, each of which first calls `begin(*arguments)`; they leave Ctrl-C to this one.

    Leaving the block waits for what runs and drops what waits. Raises UserError when a worker dies.
    """
    pool = _Pool(workers, DeafContext(), _begin_worker, (begin, *arguments))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise UserError("a worker process has died (out of memory, or it could not make the environment?); try --workers 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker(multiprocessing.context.SpawnProcess):
    """Deaf to Ctrl-C from its birth: the imports before its first call would answer it with a traceback."""

    def start(self) -> None:
        if not hasattr(signal, "pthread_sigmask"):
            return super().start()
        multiprocessing.resource_tracker.ensure_running()  # whose start would unblock the signal
        with _ctrl_c_waits():
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                super().start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DeafContext(multiprocessing.context.SpawnContext):
    """Fresh processes that do not hear Ctrl-C; they end when they are told to."""

    Process = _Worker


class _Pool(ProcessPoolExecutor):
    """Ctrl-C is answered once a process that is being started is the pool's: one it does not know would never be ended,
    and would take the word to end from one it waits for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with _ctrl_c_waits():
            return super().submit(fn, *args, **kwargs)


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Half a start is none: Ctrl-C, which any thread may hear although this one is deaf, is answered afterwards."""
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(answer):
        yield
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
    for number in heard[:1]:
        answer(number, None)


def _begin_worker(begin: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin(*arguments)
