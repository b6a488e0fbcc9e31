"""`python -m data tag`, `delete` and `trim`: changing what episodes of a session are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from data.change import changing
from data.cli import EPISODES, SESSION, print_json, progress_bar
from data.episode_file import change_meta, read_meta
from data.errors import DamagedError, UserError, one_of
from data.schema import Outcome
from data.selection import counted, numbers_text, select
from data.session import TRASH_NAME, Session
from data.trash import delete, restore, to_restore
from data.trim import END_MARGIN, START_MARGIN, Margins, trim_file

NAME_EXAMPLES = "numbers (3), ranges (5-9), outcomes (failure) or all"


@dataclass(frozen=True)
class Tag:
    """Change the behaviour mode or the outcome of episodes; nothing else in their files changes."""

    session: tyro.conf.Positional[SESSION]
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all"""
    mode: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """the behaviour mode; "" takes it away"""
    outcome: Annotated[str, tyro.conf.arg(metavar="OUTCOME")] = ""
    """how they ended: success, failure, discarded, partial or abandoned; training takes success and failure"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        changes = self._changes()
        session = Session.open(self.session)
        _chosen(session, self.episodes)
        with session.claim():
            numbers = _chosen(session, self.episodes)
            changed = _retag(session, numbers, changes)
        what = " and ".join(f"{name.replace('_', ' ')} {str(value) or '(none)'}" for name, value in changes.items())
        same = len(numbers) - len(changed)
        print(f"{session.path}: {counted(len(changed))} tagged {what}{_listed(changed)}; {counted(same)} had that already")
        if self.json:
            print_json({"episodes": len(numbers), "changed": changed, "unchanged": same})
        return 0

    def _changes(self) -> dict[str, Any]:
        _check_named(self.episodes)
        if self.mode is None and not self.outcome:
            raise UserError('nothing to change; give --mode NAME ("" for none), --outcome success, failure or another, or both')
        if self.mode and (not self.mode.isprintable() or self.mode != self.mode.strip()):
            raise UserError(f"--mode {self.mode!r} is not a name; give letters and digits, without spaces around them")
        if self.outcome and self.outcome not in list(Outcome):
            raise UserError(f"--outcome {self.outcome} is none; allowed: {one_of(Outcome)}")
        mode = {} if self.mode is None else {"behaviour_mode": self.mode}
        return mode | ({"outcome": Outcome(self.outcome)} if self.outcome else {})


def _retag(session: Session, numbers: Sequence[int], changes: dict[str, Any]) -> list[int]:
    """The episodes that were changed: a changed copy takes the place of each."""

    def retag(path: Path) -> bool:
        meta = read_meta(path)
        if all(getattr(meta, name) == value for name, value in changes.items()):
            return False
        change_meta(path, path, **changes)
        return True

    with changing(session):
        return _each(session, numbers, "tagging", retag)


@dataclass(frozen=True)
class Delete:
    """Move episodes to the session's trash/, or bring back what the last delete took (--undo)."""

    session: tyro.conf.Positional[SESSION]
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all"""
    undo: bool = False
    """bring back what the last delete took, again and again; with --episodes those of trash/"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        return self._run_undo() if self.undo else self._run_delete()

    def _run_delete(self) -> int:
        _check_named(self.episodes)
        session = Session.open(self.session)
        _chosen(session, self.episodes)
        with session.claim():
            numbers = _chosen(session, self.episodes)
            left = [row.number for row in session.catalog().rows.values() if row.parent in numbers and row.number not in numbers]
            gone = delete(session, numbers)
        print(f"{session.path}: {counted(len(gone))} moved to {TRASH_NAME}/{_listed(gone)}, {len(session)} left")
        if left:
            many = len(left) > 1
            print(f"{len(left)} abandoned branch{'es' if many else ''} of them stay{'' if many else 's'}{_listed(left)}; delete by number")
        if gone:
            print(f"undo: python -m data delete {session.path} --undo")
        if self.json:
            print_json({"deleted": gone, "branches_left": left, "episodes": len(session)})
        return 0

    def _run_undo(self) -> int:
        session = Session.open(self.session)
        to_restore(session, self.episodes)
        with session.claim():
            back = restore(session, to_restore(session, self.episodes))
        print(f"{session.path}: {counted(len(back))} back from {TRASH_NAME}/{_listed(back)}, {len(session)} in all")
        if self.json:
            print_json({"restored": back, "episodes": len(session)})
        return 0


@dataclass(frozen=True)
class Trim:
    """Set the idle steps at both ends of recorded episodes aside, as recording does; --undo brings them back.

    Nothing is thrown away: they stay in the episode's file, in idle/. Steps in which nothing was done in the middle of an
    episode stay where they are: without them its actions would no longer lead through its states, nor would it replay.
    """

    session: tyro.conf.Positional[SESSION]
    episodes: EPISODES = ("all",)
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all"""
    start_margin: int = START_MARGIN
    """idle steps that stay before the first motion"""
    end_margin: int = END_MARGIN
    """idle steps that stay after the last motion"""
    undo: bool = False
    """put back all that is set aside, whether by this command or while recording"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        for option, value in (("--start-margin", self.start_margin), ("--end-margin", self.end_margin)):
            if value < 0:
                raise UserError(f"{option} {value} is negative; give how many idle steps stay, 0 or more")
        margins = None if self.undo else Margins(self.start_margin, self.end_margin)
        session = Session.open(self.session)
        _chosen(session, self.episodes or ("all",))
        damaged: list[str] = []
        with session.claim():
            numbers = _chosen(session, self.episodes or ("all",))
            damaged += session.catalog().damaged.values()
            changed = _retrim(session, numbers, margins, damaged)
        rows = [row for row in session.catalog().rows.values() if row.number in numbers]
        aside = sum(row.idle_start + row.idle_end for row in rows)
        done = "whole again" if self.undo else "trimmed"
        print(
            f"{session.path}: {counted(len(changed))} of {len(numbers)} {done}{_listed(changed)}; "
            f"{counted(aside, 'idle step')} set aside in all, {counted(sum(row.steps for row in rows), 'step')} stay"
        )
        if changed and not self.undo:
            print(f"undo: python -m data trim {session.path} --undo")
        for line in damaged:
            print(f"damaged: {line}")
        if self.json:
            print_json({"episodes": len(numbers), "changed": changed, "idle_steps": aside, "damaged": len(damaged)})
        return 1 if damaged else 0


def _retrim(session: Session, numbers: Sequence[int], margins: Margins | None, damaged: list[str]) -> list[int]:
    """The episodes that were rewritten; what is wrong with others is added to `damaged`."""

    def retrim(path: Path) -> bool:
        try:
            return trim_file(path, margins)
        except DamagedError as error:
            damaged.append(str(error))
            return False

    with changing(session):
        return _each(session, numbers, "restoring" if margins is None else "trimming", retrim)


def _each(session: Session, numbers: Sequence[int], what: str, change: Callable[[Path], bool]) -> list[int]:
    """Change one file after the other; the numbers of those that did change."""
    changed = []
    with progress_bar(what, len(numbers)) as advance:
        for done, number in enumerate(numbers, 1):
            if change(session.episode_path(number)):
                changed.append(number)
            advance(done, f"{len(changed)} changed")
    return changed


def _check_named(words: Sequence[str]) -> None:
    if not words:
        raise UserError(f"no episodes are named; give --episodes with {NAME_EXAMPLES}")


def _chosen(session: Session, words: Sequence[str]) -> list[int]:
    return select(session.catalog().rows.values(), words)


def _listed(numbers: Sequence[int]) -> str:
    """' (2, 5-7)', or nothing."""
    return f" ({numbers_text(numbers)})" if numbers else ""
