"""`python -m learn worth`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import CLUSTER, EPISODES, SESSION, WORKERS, print_json, progress_bar
from data.errors import UserError
from data.lock import lock
from data.selection import counted, select
from data.session import Session
from data.worth import WORTH_NAME, Correction
from data.worth_table import signed, worth_summary, worth_table
from learn.futures.corrections import Corrected, corrected_in
from learn.futures.drivers import drivers_of
from learn.futures.worth import WorthConfig, worth_of

SHAKE = 0.1  # of 16 scenes of PandaLift-v0 a good and a middling policy succeed in 16 and 10 with it, 16 and 11 without, 16 and 3 with 0.2


@dataclass(frozen=True)
class Worth:
    """Find what each correction was worth: the policy that drove goes on from before it and from after it, on the same seeds."""

    session: tyro.conf.Positional[SESSION]
    """a session in which a policy drove and was corrected; what is found is kept in its worth.json, the same command goes on"""
    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL_DIR")]]
    """the folder that dagger made (its --out), with the policies that drove"""
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all (default: all)"""
    rolls: int = 8
    """futures from before each correction, and as many from after it"""
    shake: float = SHAKE
    """noise on the policy's motion, as a standard deviation in actions (0.1 is 5 mm a step), so that a policy that draws nothing
    has more than one future; 0: none"""
    workers: WORKERS = None
    cluster: CLUSTER = "local"
    json: bool = False
    """the last line of output is one JSON object"""

    def run(self) -> int:
        config = WorthConfig(self.rolls, self.shake, self.workers, self.cluster)
        session = Session.open(self.session)
        rows = session.rows()
        corrected = corrected_in(session, select(rows, self.episodes) if self.episodes else None)
        left_out = _unnamed(corrected, session)
        policies = drivers_of(corrected, self.model)
        total, path = _count(corrected) - left_out, session.path / WORTH_NAME
        with lock(session.path, "worth", 0.0), progress_bar("trying", total) as advance:
            found = worth_of(corrected, policies, path, config, lambda c, left: advance(total - left, _words(c)))
        print(worth_table(found))
        if left_out:
            print(f"left out: {counted(left_out, 'correction')} of policies that the episodes do not name")
        print(f"kept in {path}; next: python -m data report {session.path} --out report.html")
        if self.json:
            print_json({**worth_summary(found), "left_out": left_out, "rolls": self.rolls, "shake": self.shake})
        return 0


def _unnamed(corrected: Sequence[Corrected], session: Session) -> int:
    """How many corrections are of a policy that nobody named; raises UserError where there are no others."""
    if not corrected:
        raise UserError(f"{session.path} holds no corrections: nobody took a policy's place; drive with one: python -m learn dagger --help")
    unnamed = _count([one for one in corrected if one.driver is None])
    if unnamed == _count(corrected):
        raise UserError(
            f"none of the {counted(unnamed, 'correction')} in {session.path} says which policy it corrected (other tools' do not); "
            "give a session that learn dagger drove in"
        )
    return unnamed


def _count(corrected: Sequence[Corrected]) -> int:
    return sum(len(one.stretches) for one in corrected)


def _words(correction: Correction) -> str:
    return f"episode {correction.episode}: {signed(correction.worth)}"
