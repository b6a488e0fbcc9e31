"""Generate: many scripted episodes on every core, the same to the bit as one after the other in one process.

An episode depends on nothing but its number: the scene's seed is the first seed + the number, and the operator is seeded
anew from that. So workers drive episodes by number, and the parent keeps them in the order of their numbers.
"""

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.cores import worker_pool
from data.episode_file import read_episode
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
    session.check_env(plan.cockpit.env_id)  # the workers see only sessions of their own
    following, waiting = session.next_number(), deque[Future[Path]]()
    with tempfile.TemporaryDirectory(prefix="generating-") as folder, worker_pool(plan.workers, _start_worker, plan, Path(folder)) as pool:
        while not _enough(tally, plan.loop):
            while len(waiting) < _ahead(tally, plan):
                waiting.append(pool.submit(_drive, following))
                following += 1
            _keep(session, waiting.popleft().result(), tally)
            if on_episode is not None:
                on_episode(tally)


def _ahead(tally: Tally, plan: Plan) -> int:
    """How many episodes to have on their way: none that is surely not asked for."""
    most = plan.workers * AHEAD
    return most if plan.loop.episodes is None else min(most, plan.loop.episodes - tally.counted)


def _enough(tally: Tally, config: LoopConfig) -> bool:
    if config.episodes is not None and tally.counted >= config.episodes:
        return True
    return config.target is not None and tally.all_successes >= config.target


def _keep(session: Session, path: Path, tally: Tally) -> None:
    episode = read_episode(path)
    number = session.append(episode, int(path.stem))
    meta, end_state = episode.meta, np.asarray(episode.steps["sim_state"][-1], np.float64)
    tally.keep(Kept(number, meta.outcome, meta.behaviour_mode, end_state, meta.seed))
    tally.steps += len(episode) + meta.idle_start + meta.idle_end  # as driven
    shutil.rmtree(path.parents[1])


# -- in a worker -------------------------------------------------------------------------------------------------------

_given: list[tuple[Plan, Path]] = []  # what to do and the folder for it, from `_start_worker`


def _start_worker(plan: Plan, folder: Path) -> None:
    _given.append((plan, folder))


@functools.cache
def _cockpit() -> Cockpit:
    """This process's own, opened with its first episode: what is wrong with it then reaches the parent in its own words."""
    held = contextlib.ExitStack()
    atexit.register(held.close)
    return held.enter_context(open_cockpit(replace(_given[0][0].cockpit, device="scripted", headless=True)))


def _drive(number: int) -> Path:
    """Record the episode of this number into a session of its own; its file."""
    plan, folder = _given[0]
    session = Session.create(folder / str(number))
    _cockpit().loop(session, replace(plan.loop, episodes=1, target=None), first=number).run()
    return session.episode_path(number)
