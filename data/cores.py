"""Cores: how many processes can work at once, and a pool of them, on this machine or on a cluster."""

import atexit
import contextlib
import multiprocessing
import multiprocessing.context
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from typing import Any, Generic, Literal, TypeVar

from data.errors import UserError

AHEAD = 2  # pieces of work on their way for each worker

Cluster = Literal["local", "ray"]
Thing = TypeVar("Thing")
Item = TypeVar("Item")
Result = TypeVar("Result")
Open = Callable[..., AbstractContextManager[Thing]]


def core_count() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Place(Generic[Thing]):
    """Where work is done. Owns the thing that `opened(*arguments)` opens with the first piece of work: what is wrong with it then
    reaches whoever asked in its own words.
    """

    def __init__(self, opened: Open[Thing], arguments: tuple[Any, ...]) -> None:
        self._opened, self._arguments = opened, arguments
        self._held, self._thing = contextlib.ExitStack(), list[Thing]()

    def do(self, function: Callable[[Thing, Item], Result], item: Item) -> Result:
        if not self._thing:
            self._thing.append(self._held.enter_context(self._opened(*self._arguments)))
        return function(self._thing[0], item)

    def close(self) -> None:
        self._thing.clear()
        self._held.close()


class Pool(Generic[Thing]):
    """Workers, each in a `Place` of its own. `submit(function, item)` gives the future of `function(thing, item)`.

    Functions are a module's own; items, and what comes of them, are pickled. `ahead` items are on their way at most, so
    that there may be any number of them.
    """

    def __init__(self, submit: Callable[..., "Future[Any]"], ahead: int) -> None:
        self._submit, self._ahead = submit, ahead

    def map(self, function: Callable[[Thing, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """What comes of each item, in their order."""
        waiting = deque["Future[Result]"]()
        for item in items:
            waiting.append(self._submit(function, item))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def as_done(self, function: Callable[[Thing, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """What comes of each item, as soon as it is there."""
        waiting = set["Future[Result]"]()
        for item in items:
            waiting.add(self._submit(function, item))
            if len(waiting) >= self._ahead:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)


@contextlib.contextmanager
def worker_pool(
    workers: int | None, opened: Open[Thing], *arguments: Any, cluster: Cluster = "local", most: int | None = None
) -> Iterator[Pool[Thing]]:
    """A pool of `workers` (None: one a core), each with what `opened(*arguments)` opens; of no more than `most`, the items there are.

    local: fresh processes that leave Ctrl-C to this one; a single worker is this process itself. ray: see `data.cluster`.
    Leaving the block waits for what runs and drops what waits. Raises UserError when a worker dies.
    """
    if cluster == "ray" and most != 0:
        from data.cluster import ray_pool

        with ray_pool(workers, most, opened, arguments) as pool:
            yield pool
        return
    count = at_most(workers or core_count(), most)
    with _here(opened, arguments) if count == 1 else _processes(count, opened, arguments) as pool:
        yield pool


def held(cluster: Cluster) -> AbstractContextManager[object]:
    """What pools of this kind connect to, kept for several of them."""
    if cluster == "local":
        return contextlib.nullcontext()
    from data.cluster import connected

    return connected()


def at_most(workers: int, most: int | None) -> int:
    """No more workers than there are items, if that is known; one at least."""
    return workers if most is None else max(1, min(workers, most))


@contextlib.contextmanager
def _here(opened: Open[Thing], arguments: tuple[Any, ...]) -> Iterator[Pool[Thing]]:
    """In this process, one item at a time."""

    def submit(function: Callable[[Thing, Item], Result], item: Item) -> "Future[Result]":
        done = Future[Result]()
        done.set_result(place.do(function, item))
        return done

    with contextlib.closing(Place(opened, arguments)) as place:
        yield Pool(submit, 1)


@contextlib.contextmanager
def _processes(count: int, opened: Open[Thing], arguments: tuple[Any, ...]) -> Iterator[Pool[Thing]]:
    executor = _Executor(count, DeafContext(), _begin_worker, (opened, arguments))
    try:
        yield Pool(lambda function, item: executor.submit(_do, function, item), AHEAD * count)
    except BrokenProcessPool as error:
        raise UserError("a worker process has died (out of memory, or it could not make the environment?); try --workers 1") from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class _Worker(multiprocessing.context.SpawnProcess):
    """Deaf to Ctrl-C from its birth: the imports before its first call would answer it with a traceback."""

    def start(self) -> None:
        if not hasattr(signal, "pthread_sigmask"):
            return super().start()
        multiprocessing.resource_tracker.ensure_running()  # whose start would unblock the signal
        with ctrl_c_waits():
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                super().start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DeafContext(multiprocessing.context.SpawnContext):
    """Fresh processes that do not hear Ctrl-C; they end when they are told to."""

    Process = _Worker


class _Executor(ProcessPoolExecutor):
    """Ctrl-C is answered once a process that is being started is the pool's: one it does not know would never be ended,
    and would take the word to end from one it waits for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with ctrl_c_waits():
            return super().submit(fn, *args, **kwargs)


@contextlib.contextmanager
def ctrl_c_waits() -> Iterator[None]:
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


# -- in a process of the pool -------------------------------------------------------------------------------------------

_place: list[Place[Any]] = []  # this process's own


def _begin_worker(opened: Open[Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _place.append(Place(opened, arguments))
    atexit.register(_place[0].close)


def _do(function: Callable[[Any, Item], Result], item: Item) -> Result:
    return _place[0].do(function, item)
