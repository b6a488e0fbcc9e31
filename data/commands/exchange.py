"""`python -m data import`: other tools' demonstrations into a session."""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from data.change import check_space
from data.cli import print_json, progress_bar
from data.errors import UserError
from data.exchange.arrays import open_d4rl, open_npz
from data.exchange.files import check_path
from data.exchange.foreign import Collection, Terms
from data.exchange.importing import Imported, Survey, carry_out, check_width, survey, terms_of
from data.exchange.lerobot.reading import open_lerobot
from data.exchange.minari import open_minari
from data.exchange.robomimic import open_robomimic
from data.schema import Outcome, Source
from data.selection import counted
from data.session import Session

FormatName = Literal["robomimic", "minari", "npz", "d4rl", "lerobot"]
OPEN: dict[FormatName, Callable[[Path], contextlib.AbstractContextManager[Collection]]] = {
    "robomimic": open_robomimic,
    "minari": open_minari,
    "npz": open_npz,
    "d4rl": open_d4rl,
    "lerobot": open_lerobot,
}


@dataclass(frozen=True)
class Import:
    """Read another tool's demonstrations into a session, for training. Those that it has already are passed over.

    Everything is read and verified before the first episode is written. Numbers of the actions outside [-1, 1] are clipped,
    and counted. What a format does not keep is absent: without simulator states an episode cannot be replayed.
    """

    path: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="PATH")]]
    """a file, a Minari data set's folder, or a folder of one .npz an episode"""
    format: Annotated[FormatName, tyro.conf.arg(name="from")]
    """who wrote it. robomimic: also robosuite, and sessions and packed files of ours. npz, d4rl: plain arrays"""
    session: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """the session to add to; made where there is none"""
    env: Annotated[str | None, tyro.conf.arg(metavar="ENV_ID")] = None
    """the environment they are of (default: what the file says, else that of the session)"""
    hz: float | None = None
    """steps a second (default: what the file says, else 20)"""
    outcome: Literal["success", "failure", "discarded"] = "success"
    """where the file does not say: demonstrations are taken to have succeeded; discarded ones are kept, not learned from"""
    source: Literal["human", "scripted", "policy"] = "human"
    """who drove, where the file does not say; a policy's own actions are not learned from"""
    skip_bad: bool = False
    """leave demonstrations out that are empty, damaged or not finite, instead of refusing all"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        if self.hz is not None and not (0.0 < self.hz < math.inf):
            raise UserError(f"--hz {self.hz} is no number of steps a second; give one above 0")
        check_path(self.path)
        known = _known(self.session)
        with contextlib.ExitStack() as stack:
            collection = stack.enter_context(OPEN[self.format](self.path))
            terms = terms_of(collection, known, self.env, self.hz, Outcome(self.outcome), Source[self.source.upper()])
            with progress_bar("reading", len(collection.names)) as advance:
                found = survey(collection, terms, advance, skip_bad=self.skip_bad)
            check_space(self.session, found.size, "--session")
            if known:
                check_width(known, collection, found, terms)
            session = known or Session.create(self.session)
            stack.enter_context(session.claim())
            session.check_env(terms.env_id)
            with progress_bar("importing", len(found.uids)) as advance:
                said = carry_out(session, collection, found, terms, self.path, advance)
        self._print(session, found, said, terms)
        return 0

    def _print(self, session: Session, found: Survey, said: Imported, terms: Terms) -> None:
        numbers = list(said.numbers.values())
        which = f" as {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f" as {numbers[0]}" if numbers else ""
        passed = f", {said.passed_over} passed over (already there, or in trash/)" if said.passed_over else ""
        steps = f" ({counted(said.steps, 'step')} of {terms.env_id})" if numbers else ""
        print(f"{session.path}: {counted(len(numbers))} imported{which}{steps}{passed}; {len(session)} in all")
        if said.clipped:
            print(f"{said.clipped:,} of {said.values:,} numbers outside [-1, 1] were clipped")
        for why in found.skipped.values():
            print(f"left out: {why}")
        if self.json:
            print_json(
                {
                    "imported": len(numbers),
                    "passed_over": said.passed_over,
                    "skipped": dict(found.skipped),
                    "clipped": said.clipped,
                    "episodes": len(session),
                    "numbers": numbers,
                    "env": terms.env_id,
                }
            )


def _known(path: Path) -> Session | None:
    """The session at `path`; None where one is still to be made."""
    Session.check_path(path)
    return Session.open(path) if path.exists() and any(path.iterdir()) else None
