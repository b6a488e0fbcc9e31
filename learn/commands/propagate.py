"""`python -m learn propagate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import CLUSTER, SESSION, WORKERS, print_json, progress_bar
from data.errors import UserError
from data.session import Session
from learn.propagate.propagation import FIRST_SCENE, TRIES, propagate


@dataclass(frozen=True)
class Propagate:
    """Carry demonstrations over to new scenes, and keep what the simulator proves to succeed: more to learn from, for no more minutes."""

    session: tyro.conf.Positional[SESSION]
    """a session with successes; it stays as it is"""
    out: Annotated[Path, tyro.conf.arg(metavar="NEW_SESSION")]
    """the same episodes and the new ones, to train from; the same command goes on where Ctrl-C stopped it, also with more demonstrations"""
    scenes: int = 100
    """new scenes, of the seeds from --seed on"""
    tries: int = TRIES
    """demonstrations that are tried in a scene, the nearest first"""
    seed: int = FIRST_SCENE
    """of the first new scene"""
    workers: WORKERS = None
    cluster: CLUSTER = "local"
    json: bool = False
    """the last line of output is one JSON object"""

    def __post_init__(self) -> None:
        for name in ("scenes", "tries", "workers"):
            if (number := getattr(self, name)) is not None and number < 1:
                raise UserError(f"--{name} {number}: give at least 1")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: give 0 or more")

    def run(self) -> int:
        session = Session.open(self.session)
        with progress_bar("propagating", self.scenes) as advance:
            seeds = range(self.seed, self.seed + self.scenes)
            done = propagate(
                session,
                self.out,
                seeds,
                self.tries,
                self.workers,
                lambda done, proven: advance(done, f"{proven} proven"),
                cluster=self.cluster,
            )
        print(
            f"{self.out}: {done.demonstrations} demonstrations carried over to {len(done.proven)} of {self.scenes} new scenes, "
            f"{done.done_now} tried now; each one was driven to success in the simulator"
        )
        print(f"next: python -m learn train {self.out} --policy bc --out DIR")
        if self.json:
            print_json(done.summary())
        return 0
