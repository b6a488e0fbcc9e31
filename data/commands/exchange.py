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
from data.exchange.importing import Imported, Survey, Wishes, bare_id, carry_out, check_fits, survey, terms_of
from data.exchange.lerobot.reading import open_lerobot
from data.exchange.minari import open_minari
from data.exchange.ranges import settle_range
from data.exchange.robomimic import open_robomimic
from data.exchange.seen import carry_out_seen
from data.exchange.units import check_words, unit_of_env
from data.schema import Outcome, Source
from data.selection import counted
from data.session import Session, new_or_known

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

    Everything is read and verified before the first episode is written. Actions in another unit are rescaled to [-1, 1], and
    it is said how; single numbers beyond are clipped, and counted. What a format does not keep is absent: without simulator
    states an episode cannot be replayed.
    """

    path: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="PATH")]]
    """a file, a Minari data set's folder, or a folder of one .npz an episode"""
    format: Annotated[FormatName, tyro.conf.arg(name="from")]
    """who wrote it. robomimic: also robosuite, and sessions and packed files of ours. npz, d4rl: plain arrays"""
    session: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """the session to add to; made where there is none"""
    env: Annotated[str | None, tyro.conf.arg(metavar="ENV_ID")] = None
    """the environment they are of (default: what the file says, else that of the session)"""
    action_range: Annotated[tuple[float, ...], tyro.conf.arg(metavar="LOW HIGH ...")] = ()
    """what -1 and 1 stand for in the file's actions, for all numbers or for each (default: as in the session, else the bounds of
    the environment for plain arrays, else as they are, or their extremes where many lie outside [-1, 1])"""
    cameras: tuple[str, ...] = ()
    """draw what these cameras see of the simulator states in the file, where the environment is known here; pictures in the file
    are left out (as for `teleop record`: NAME, NAME:WxH or NAME:WxH:rgb,depth,segmentation)"""
    image_size: int = 84
    """side of such a picture in pixels"""
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
        check_words(self.action_range)
        check_path(self.path)
        known = _known(self.session)
        with contextlib.ExitStack() as stack:
            collection = stack.enter_context(OPEN[self.format](self.path))
            wishes = Wishes(self.env, self.hz, Outcome(self.outcome), Source[self.source.upper()], self.cameras, self.image_size)
            terms = terms_of(collection, known, wishes)
            with progress_bar("reading", len(collection.names)) as advance:
                found = survey(collection, terms, advance, skip_bad=self.skip_bad)
            check_space(self.session, found.size, "--session")
            terms = settle_range(terms, collection, found, known, self.action_range, unit_of_env)
            if known:
                check_fits(known, collection, found, terms)
            session = stack.enter_context(new_or_known(self.session)) if known is None else known
            stack.enter_context(session.claim())
            session.check_env(terms.env_id)
            with progress_bar("importing", len(found.uids)) as advance:
                write = carry_out_seen if self.cameras else carry_out
                said = write(session, collection, found, terms, self.path, advance)
        self._print(session, found, said, terms, collection)
        return 0

    def _print(self, session: Session, found: Survey, said: Imported, terms: Terms, collection: Collection) -> None:
        numbers = list(said.numbers.values())
        which = f" as {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f" as {numbers[0]}" if numbers else ""
        passed = f", {said.passed_over} passed over (already there, or in trash/)" if said.passed_over else ""
        steps = f" ({counted(said.steps, 'step')} of {terms.env_id})" if numbers else ""
        print(f"{session.path}: {counted(len(numbers))} imported{which}{steps}{passed}; {len(session)} in all")
        if terms.action_range is not None or collection.unit_note:
            print(terms.action_range or collection.unit_note)
        if collection.env_id and bare_id(collection.env_id) != bare_id(terms.env_id):
            print(f"the file says that it is of {collection.env_id}; it is kept as {terms.env_id}, as you say")
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
                    "action_range": terms.action_range.to_json() if terms.action_range else None,
                    "episodes": len(session),
                    "numbers": numbers,
                    "env": terms.env_id,
                }
            )


def _known(path: Path) -> Session | None:
    """The session at `path`; None where one is still to be made."""
    Session.check_path(path)
    return Session.open(path) if path.exists() and any(path.iterdir()) else None
