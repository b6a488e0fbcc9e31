"""`python -m data check`, `recover` and `migrate`: keeping a session sound."""

from dataclasses import dataclass, field

import numpy as np
import tyro

from data.catalog import Row
from data.change import changing
from data.check import problems_of
from data.cli import SESSION, print_json, progress_bar
from data.episode_file import read_end_state
from data.errors import UserError
from data.films import replay_exactly
from data.lock import InUseError
from data.migrate import migrate_file
from data.schema import SCHEMA_VERSION
from data.session import Session


@dataclass(frozen=True)
class Recover:
    """Make episodes of what a killed recorder left running. Recording, and opening a session, do the same."""

    session: tyro.conf.Positional[SESSION]
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        session = Session.at(self.session)
        with session.claim() as lines:
            pass
        for line in lines:
            print(line)
        if not lines:
            print(f"{session.path}: nothing to recover")
        if self.json:
            print_json({"recovered": len(lines), "lines": lines})
        return 0


@dataclass(frozen=True)
class Check:
    """Verify every episode: checksum, schema, shapes, finite values, action range, time; replay some to the bit.

    Damaged episodes are moved to quarantine/ with a note, and the answer is 1.
    """

    session: tyro.conf.Positional[SESSION]
    replay: int = 3
    """how many sound episodes to replay bit for bit; 0: none"""
    seed: int = 0
    """which ones: drawn with this seed"""
    leave: bool = False
    """only report: leave damaged episodes where they are"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        if self.replay < 0:
            raise UserError(f"--replay {self.replay} is negative; give how many episodes to replay, or 0")
        session = Session.open(self.session)
        found = _look(session)
        if found.damaged and not self.leave:
            found.note += _quarantine(session, found)
        if self.replay:
            _replay(session, found, self.replay, self.seed)
        _print(session, found)
        if self.json:
            print_json(found.summary())
        return 1 if found.damaged or found.newer or found.differing else 0


@dataclass
class _Found:
    """What a check found; `unsealed` episodes are of a schema without checksums, `newer` ones of a schema to come."""

    damaged: dict[int, str] = field(default_factory=dict)
    newer: dict[int, str] = field(default_factory=dict)
    sound: list[Row] = field(default_factory=list)
    unsealed: int = 0
    quarantined: list[int] = field(default_factory=list)
    replayed: list[int] = field(default_factory=list)
    differing: list[int] = field(default_factory=list)
    note: str = ""

    def summary(self) -> dict[str, object]:
        return {
            "episodes": len(self.sound) + len(self.damaged) + len(self.newer),
            "sound": len(self.sound),
            "without_checksum": self.unsealed,
            "damaged": {str(number): problem for number, problem in self.damaged.items()},
            "newer": sorted(self.newer),
            "quarantined": self.quarantined,
            "replayed": len(self.replayed),
            "differing": self.differing,
            "note": self.note,
        }


def _look(session: Session) -> _Found:
    found, catalog = _Found(), session.catalog()
    numbers = sorted({*catalog.rows, *catalog.damaged})
    with progress_bar("checking", len(numbers)) as advance:
        for done, number in enumerate(numbers, 1):
            try:
                problems = problems_of(session.episode_path(number))
            except UserError as error:
                found.newer[number] = str(error)
                continue
            if problems:
                found.damaged[number] = "; ".join(problems)
            else:
                found.sound.append(catalog.rows[number])
                found.unsealed += catalog.rows[number].schema_version < SCHEMA_VERSION
            advance(done, f"{len(found.damaged)} damaged")
    return found


def _quarantine(session: Session, found: _Found) -> str:
    """Set the damaged ones aside; says why not, while another process has the session."""
    try:
        with session.claim():
            for number, problem in found.damaged.items():
                session.quarantine(number, problem)
                found.quarantined.append(number)
    except InUseError as error:
        return f"nothing was moved: {error}"
    return ""


def _replay(session: Session, found: _Found, wished: int, seed: int) -> None:
    drawn: list[int] = []
    stateless = 0
    for number in np.random.default_rng(seed).permutation([row.number for row in found.sound]):
        if len(drawn) == wished:
            break
        if read_end_state(session.episode_path(int(number))).size:
            drawn.append(int(number))
        else:
            stateless += 1
    if stateless:
        found.note += f"{stateless} episodes hold no simulator states (imported ones do not) and are not replayed"
    if not drawn:
        return
    try:
        answer = replay_exactly(session.path, sorted(drawn))
    except UserError as error:
        found.note += f"not replayed: {error}"
        return
    found.replayed, found.differing = sorted(drawn), list(answer["differing"])


def _print(session: Session, found: _Found) -> None:
    for number, problem in found.damaged.items():
        moved = f"; moved to {session.path / 'quarantine'}" if number in found.quarantined else ""
        print(f"episode {number} is damaged: {problem}{moved}")
    for problem in found.newer.values():
        print(problem)
    for number in found.differing:
        print(f"episode {number} does not replay to the bit; python -m teleop replay {session.path} --verify --episode {number}")
    if found.unsealed:
        print(f"{found.unsealed} episodes are of an older schema and have no checksum; python -m data migrate {session.path}")
    if found.note:
        print(found.note)
    exact = len(found.replayed) - len(found.differing)
    replayed = f", {exact} of {len(found.replayed)} replay bit for bit" if found.replayed else ""
    print(f"{session.path}: {len(found.sound)} of {found.summary()['episodes']} episodes are sound{replayed}")


@dataclass(frozen=True)
class Migrate:
    """Rewrite episodes of an older schema in the present one, with checksums. Can be stopped and run again."""

    session: tyro.conf.Positional[SESSION]
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        session = Session.open(self.session)
        with session.claim(), changing(session):
            older = [row.number for row in session.rows() if row.schema_version < SCHEMA_VERSION]
            with progress_bar("migrating", len(older)) as advance:
                for done, number in enumerate(older, 1):
                    migrate_file(session.episode_path(number), problems_of)
                    advance(done, "")
        print(f"{session.path}: {len(older)} episodes migrated to schema {SCHEMA_VERSION}, {len(session) - len(older)} were there already")
        if self.json:
            print_json({"migrated": len(older), "schema_version": SCHEMA_VERSION})
        return 0
