"""Cluster: a pool of workers over Ray (Moritz et al. 2018, *Ray: A Distributed Framework for Emerging AI Applications*, OSDI).

An actor a worker, a core each, on whatever machines the cluster has. What a worker was at when it died, or its machine, goes to
another one, and where there is room a new one takes its place. Nothing is shared but what is sent, for machines have no disk in
common; their code and their simulator have to be those of this one, or they would come to something else.
"""

import contextlib
import logging
import os
import pickle
import queue
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from data.cluster_worker import Worker, environment, versions
from data.cores import AHEAD, Open, Pool, at_most, core_count, ctrl_c_waits
from data.errors import UserError

NEEDS = '--cluster ray needs Ray; install it with: pip install "gamepad-dagger[cluster]"'
ADDRESS, NO_CLUSTER = "RAY_ADDRESS", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
HELLO_S = 5.0  # a cluster answers sooner
PATIENCE_S = 20.0  # without one worker: to be told of
PARTING_S = 3.0  # to finish what runs and to close what is open
LONGEST_REASON = 300
TRIES = 3  # workers that may die of the same thing

Thing = TypeVar("Thing")
Act = Callable[[], None]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def ray_pool(workers: int | None, most: int | None, opened: Open[Thing], arguments: tuple[Any, ...]) -> Iterator[Pool[Thing]]:
    """As `data.cores.worker_pool` has it; None: a worker for each core that the cluster has now. More than it has wait for cores to come.

    Leaving the block gives those that work `PARTING_S`, then ends all of them.
    """
    with connected() as ray:
        count = at_most(workers or max(1, int(ray.cluster_resources().get("CPU", 1))), most)
        crew = _Crew(ray, count, pickle.dumps((opened, arguments)))
        try:
            yield Pool(crew.submit, AHEAD * count)
        finally:
            crew.leave()


# -- Ray ---------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def connected() -> Iterator[Any]:
    """Ray itself: the cluster that RAY_ADDRESS or `ray start` on this machine says, else one of this machine alone, which ends with
    the block. Where this process is connected already it stays so. Raises UserError where Ray is not to be had.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    with _changed(ray._private.worker, "print_to_stdstream", _say_nothing):  # of a worker's death it would print a paragraph
        try:
            _connect(ray)
            yield ray
        finally:
            ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it tells nobody of itself
    try:
        import ray
    except ImportError as error:
        raise UserError(NEEDS) from error
    return ray


def _say_nothing(*args: Any, **kwargs: Any) -> None:
    """We say it ourselves."""


@contextlib.contextmanager
def _this_machine_only(ray: Any) -> Iterator[None]:
    """What is started in here listens to nobody else: Ray's own rule for Windows and macOS."""
    before = os.environ.get(NO_CLUSTER)
    os.environ[NO_CLUSTER] = "0"  # for the processes that it starts
    try:
        with _changed(ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False):
            yield
    finally:
        if before is None:
            del os.environ[NO_CLUSTER]
        else:
            os.environ[NO_CLUSTER] = before


@contextlib.contextmanager
def _changed(module: Any, name: str, value: object) -> Iterator[None]:
    """For what Ray has no public option."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _connect(ray: Any) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = _address(ray)
    try:
        if address is None:
            with ctrl_c_waits(), _this_machine_only(ray):
                ray.init("local", num_cpus=core_count(), include_dashboard=False, **quiet)
        else:
            _greet(address)
            ray.init(os.environ.get(ADDRESS, "auto"), **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        if address is None:
            raise UserError(f"Ray does not start here ({_reason(error)}); try it with --cluster local") from error
        raise UserError(
            f"no Ray cluster lets us in at {address} ({_reason(error)}); give another {ADDRESS}=HOST:PORT, or none: "
            "ray stop forgets what ray start has started here"
        ) from error
    nodes = sum(node["Alive"] for node in ray.nodes())
    cores = int(ray.cluster_resources().get("CPU", 0))
    whose = "this machine alone, for no cluster runs here" if address is None else f"the cluster at {address}"
    logger.warning("Ray: %s; machines %d, cores %d", whose, nodes, cores)


def _address(ray: Any) -> str | None:
    """Where a cluster should be, None where there is none."""
    given = os.environ.get(ADDRESS, "")
    if "://" in given:
        raise UserError(f"{ADDRESS}={given}: give HOST:PORT of the cluster's head, and run this on a machine of the cluster")
    try:
        found: str | None = ray._private.services.canonicalize_bootstrap_address(None)  # nothing public says it without connecting
    except ValueError as error:
        raise UserError(f"{ADDRESS}={given} is no address; give HOST:PORT of the cluster's head") from error
    return found


def _greet(address: str) -> None:
    """Raises OSError where nobody answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), HELLO_S):
        pass


def _reason(error: BaseException) -> str:
    """What it was in the first place, in a line."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:LONGEST_REASON]


# -- the workers -------------------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """A piece of work; `deaths` of workers while they were at it."""

    work: bytes
    future: "Future[Any]"
    deaths: int = 0


class _Crew:
    """Owns the workers. All that happens to them becomes an act for one thread, which alone says who does what."""

    def __init__(self, ray: Any, count: int, place: bytes) -> None:
        self._ray = ray
        self._actor = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(Worker)
        self._terms = tuple(map(ray.put, (versions(), environment(), tuple(sys.path), place)))
        self._acts = queue.SimpleQueue[Act | None]()
        self._jobs = deque[_Job]()
        self._hired, self._begun, self._idle = list[Any](), list[Any](), list[Any]()
        self._stillborn = 0  # one after the other
        self._trouble: Exception | None = None
        for _ in range(count):
            self._hire()
        self._thread = threading.Thread(target=self._lead, name="ray-crew", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], item: object) -> "Future[Any]":
        """The future of `function(thing, item)`."""
        job = _Job(pickle.dumps((function, item)), Future())
        self._acts.put(partial(self._jobs.append, job))
        return job.future

    def leave(self) -> None:
        """Nothing more is handed out; the workers end."""
        self._acts.put(None)
        self._thread.join()
        try:
            parting = [actor.close.remote() for actor in self._begun]
            self._ray.wait(parting, num_returns=len(parting), timeout=PARTING_S) if parting else None
        finally:
            for actor in self._hired:
                self._ray.kill(actor)

    def _lead(self) -> None:
        patience: float | None = PATIENCE_S
        while True:
            try:
                act = self._acts.get(timeout=patience)
            except queue.Empty:
                patience = None  # told once
                if not self._begun:
                    logger.warning("Ray: still waiting for a first worker; is there a free core on the cluster?")
                continue
            if act is None:
                return
            try:
                act()
                self._hand_out()
            except Exception as error:  # noqa: BLE001 (who waits for the work has to hear of it)
                self._trouble = error
            if self._trouble is not None:
                self._give_up(self._trouble)

    def _hand_out(self) -> None:
        while self._idle and self._jobs:
            actor, job = self._idle.pop(), self._jobs.popleft()
            self._await(actor.do.remote(job.work), partial(self._answered, actor, job))

    def _hire(self) -> None:
        actor = self._actor.remote()
        self._hired.append(actor)
        self._await(actor.begin.remote(*self._terms), partial(self._began, actor))

    def _await(self, answer: Any, then: Callable[["Future[Any]"], None]) -> None:
        answer.future().add_done_callback(lambda done: self._acts.put(partial(then, done)))

    def _began(self, actor: Any, done: "Future[Any]") -> None:
        try:
            complaint = done.result()
        except self._ray.exceptions.RayError as error:
            self._stillborn += 1
            if self._stillborn == TRIES:
                raise UserError(
                    f"no worker can begin on the Ray cluster ({_reason(error)}); this version has to be installed on each machine"
                ) from error
            self._replace(actor)
            return
        if complaint:
            raise UserError(complaint)
        self._stillborn = 0
        self._begun.append(actor)
        self._idle.append(actor)

    def _answered(self, actor: Any, job: _Job, done: "Future[Any]") -> None:
        try:
            answer = done.result()
        except self._ray.exceptions.RayError as error:
            self._replace(actor)
            job.deaths += 1
            if job.deaths < TRIES:
                logger.warning("Ray: a worker has died; another takes over what it was at")
                self._jobs.appendleft(job)
                return
            words = f"{TRIES} workers have died of the same piece of work, the last so: {_reason(error)}; try it with --cluster local"
            job.future.set_exception(UserError(words))
            return
        self._idle.append(actor)
        _settle(job.future, answer)

    def _replace(self, actor: Any) -> None:
        """It has died, or cannot be reached any more: what it may still do is of no use."""
        self._ray.kill(actor)
        for those in (self._hired, self._begun):
            if actor in those:
                those.remove(actor)
        self._hire()

    def _give_up(self, trouble: Exception) -> None:
        while self._jobs:
            self._jobs.popleft().future.set_exception(trouble)


def _settle(future: "Future[Any]", answer: bytes) -> None:
    went_well, what = pickle.loads(answer)
    if went_well:
        future.set_result(what)
    else:
        future.set_exception(what)
