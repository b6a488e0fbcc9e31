"""Generate: many scripted episodes on every core, the same to the bit as one after the other in one process.

An episode depends on nothing but its number: the scene's seed is the first seed + the number, and the operator is seeded
anew from that. So workers drive episodes by number, and the parent keeps them in the order of their numbers.
"""

import contextlib
import multiprocessing
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.episode_file import read_episode
from data.errors import UserError
from data.session import Session
from teleop.cockpit import Cockpit, CockpitConfig, open_cockpit
from teleop.loop import LoopConfig
from teleop.screen import Kept
from teleop.tally import Tally

AHEAD = 2  # episodes on their way for each worker


@dataclass(frozen=True)
class Plan:
    """What is to be generated: `episodes` this time, or as many as the session needs for `target` successes."""

    cockpit: CockpitConfig
    loop: LoopConfig
    workers: int


def generate(session: Session, plan: Plan, tally: Tally, on_episode: Callable[[Tally], None] | None = None) -> None:
    """Drive and keep episodes until `plan.loop.episodes` or `.target` is reached; `tally` counts them.

    Whatever interrupts it, the episodes kept so far are a session that the same command goes on with.
    """
    with tempfile.TemporaryDirectory(prefix="generating-") as folder, _pool(plan, Path(folder)) as pool:
        driven = _in_order(pool, session.next_number(), plan.workers * AHEAD)
        while not _enough(tally, plan.loop):
            _keep(session, next(driven), tally)
            if on_episode is not None:
                on_episode(tally)


def _enough(tally: Tally, config: LoopConfig) -> bool:
    if config.episodes is not None and tally.counted >= config.episodes:
        return True
    return config.target is not None and tally.all_successes >= config.target


@contextlib.contextmanager
def _pool(plan: Plan, folder: Path) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(plan.workers, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(plan, folder))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise UserError("a worker process has died (out of memory?); what was generated is kept, try --workers 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, first: int, ahead: int) -> Iterator[Path]:
    """The files of the episodes `first`, `first` + 1, …: a few more than are asked for are driven meanwhile."""
    waiting: deque[Future[Path]] = deque(pool.submit(_drive, first + i) for i in range(ahead))
    following = first + ahead
    while True:
        path = waiting.popleft().result()
        waiting.append(pool.submit(_drive, following))
        following += 1
        yield path


def _keep(session: Session, path: Path, tally: Tally) -> None:
    episode = read_episode(path)
    number = session.append(episode, int(path.stem))
    meta, end_state = episode.meta, np.asarray(episode.steps["sim_state"][-1], np.float64)
    tally.keep(Kept(number, meta.outcome, meta.behaviour_mode, end_state, meta.seed))
    tally.steps += len(episode)
    shutil.rmtree(path.parents[1])


# -- in a worker -------------------------------------------------------------------------------------------------------

_worker: list[tuple[Cockpit, LoopConfig, Path]] = []  # made once by the pool's initializer; ends with the process


def _start_worker(plan: Plan, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cockpit = open_cockpit(replace(plan.cockpit, device="scripted", headless=True)).__enter__()
    _worker.append((cockpit, replace(plan.loop, episodes=1, target=None), folder))


def _drive(number: int) -> Path:
    """Record the episode of this number into a session of its own; its file."""
    cockpit, config, folder = _worker[0]
    session = Session.create(folder / str(number))
    cockpit.loop(session, config, first=number).run()
    return session.episode_path(number)
