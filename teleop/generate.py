"""Generate: many scripted episodes on every core, the same to the bit as one after the other in one process.

An episode depends on nothing but its number: the scene's seed is the first seed + the number, and the operator is seeded
anew from that. So workers drive episodes by number, and the parent keeps them in the order of their numbers.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from data.cores import Cluster, worker_pool
from data.episode import Episode
from data.episode_file import read_episode
from data.session import Session
from teleop.cockpit import Cockpit, CockpitConfig, open_cockpit
from teleop.loop import LoopConfig
from teleop.screen import Kept
from teleop.tally import Tally


@dataclass(frozen=True)
class Plan:
    """What is to be generated: `episodes` this time, or as many as the session needs for `target` successes.

    By so many `workers` (None: one a core), on this machine or on a cluster.
    """

    cockpit: CockpitConfig
    loop: LoopConfig
    workers: int | None
    cluster: Cluster = "local"


def generate(session: Session, plan: Plan, tally: Tally, on_episode: Callable[[Tally], None] | None = None) -> None:
    """Drive and keep episodes until `plan.loop.episodes` or `.target` is reached; `tally` counts them.

    Whatever interrupts it, the episodes kept so far are a session that the same command goes on with.
    """
    session.check_env(plan.cockpit.env_id)  # the workers see only sessions of their own
    with worker_pool(plan.workers, _opened, plan, cluster=plan.cluster, most=plan.loop.episodes) as pool:
        while not _enough(tally, plan.loop):
            for number, content in pool.map(_drive, _numbers(session, plan.loop, tally)):
                _keep(session, number, _read(content), tally)
                if on_episode is not None:
                    on_episode(tally)
                if _enough(tally, plan.loop):
                    break


def _numbers(session: Session, config: LoopConfig, tally: Tally) -> Iterable[int]:
    """The episodes to drive next: none that is surely not asked for."""
    following = session.next_number()
    return count(following) if config.episodes is None else range(following, following + config.episodes - tally.counted)


def _enough(tally: Tally, config: LoopConfig) -> bool:
    if config.episodes is not None and tally.counted >= config.episodes:
        return True
    return config.target is not None and tally.all_successes >= config.target


def _read(content: bytes) -> Episode:
    with tempfile.TemporaryDirectory(prefix="driven-") as folder:
        path = Path(folder) / "episode.hdf5"
        path.write_bytes(content)
        return read_episode(path)


def _keep(session: Session, number: int, episode: Episode, tally: Tally) -> None:
    session.append(episode, number)
    meta, end_state = episode.meta, np.asarray(episode.steps["sim_state"][-1], np.float64)
    tally.keep(Kept(number, meta.outcome, meta.behaviour_mode, end_state, meta.seed))
    tally.steps += len(episode) + meta.idle_start + meta.idle_end  # as driven


# -- in a worker -------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(plan: Plan) -> Iterator[tuple[Cockpit, LoopConfig]]:
    """A worker's own cockpit, and how an episode is driven in it."""
    with open_cockpit(replace(plan.cockpit, device="scripted", headless=True)) as cockpit:
        yield cockpit, replace(plan.loop, episodes=1, target=None)


def _drive(seat: tuple[Cockpit, LoopConfig], number: int) -> tuple[int, bytes]:
    """Record the episode of this number into a session of its own; what is in its file, for whoever asked may have another disk."""
    cockpit, config = seat
    with tempfile.TemporaryDirectory(prefix="driving-") as folder:
        session = Session.create(Path(folder) / "session")
        cockpit.loop(session, config, first=number).run()
        return number, session.episode_path(number).read_bytes()
