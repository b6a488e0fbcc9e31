"""`python -m data split`, `merge` and `pack`: sets of episodes, of one session and of several."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from data.catalog import Row
from data.change import changing, check_space, megabytes
from data.cli import EPISODES, SESSION, print_json, progress_bar, terminal_width
from data.errors import UserError
from data.masks import MASKS_NAME, Masks, read_masks, write_masks
from data.merge import Plan, carry_out, plan_merge, verify
from data.pack import check_one_env, check_out, pack
from data.selection import chosen_rows, counted
from data.session import Session
from data.split import check_split, split_rows, stratum_of


@dataclass(frozen=True)
class Split:
    """Hold episodes out for validation: mask/train and mask/valid, drawn evenly over behaviour modes and operators.

    Successes and failures take part. Split again after recording more: new episodes are in neither set.
    """

    session: tyro.conf.Positional[SESSION]
    valid: float = 0.1
    """share of the episodes to hold out, between 0 and 1; at least one of two"""
    seed: int = 0
    """the same seed and episodes give the same split"""
    remove: bool = False
    """take the split away again"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        check_split(self.valid, self.seed)
        session = Session.open(self.session)
        if self.remove:
            return self._run_remove(session)
        self._drawn(session)
        with session.claim(), changing(session):
            masks = self._drawn(session)
            write_masks(session.path, masks)
        rows = {row.number: row for row in session.catalog().rows.values()}
        _print_split(session, masks, rows)
        if self.json:
            print_json({"train": len(masks.train), "valid": len(masks.valid), "seed": self.seed, "valid_episodes": list(masks.valid)})
        return 0

    def _drawn(self, session: Session) -> Masks:
        masks = split_rows(session.rows(), self.valid, self.seed)
        if not masks.named():
            record = f"python -m teleop record --session {session.path}"
            raise UserError(f"{session.path} has no finished episode to split; record some: {record}")
        return masks

    def _run_remove(self, session: Session) -> int:
        with session.claim(), changing(session):
            was = _masks_or_none(session)
            (session.path / MASKS_NAME).unlink(missing_ok=True)
        there = f"{len(was.train)} and {len(was.valid)} episodes are one set again" if was.named() else "there was no split"
        print(f"{session.path}: {there}")
        if self.json:
            print_json({"train": 0, "valid": 0})
        return 0


def _masks_or_none(session: Session) -> Masks:
    """Also what cannot be read can be taken away."""
    try:
        return read_masks(session.path)
    except UserError:
        return Masks()


def _print_split(session: Session, masks: Masks, rows: dict[int, Row]) -> None:
    train, valid = (Counter(stratum_of(rows[number]) for number in side) for side in (masks.train, masks.valid))
    table = Table("mode", "operator", "train", "valid", title=str(session.path))
    for mode, operator in sorted(train | valid):
        table.add_row(mode or "-", operator, str(train[mode, operator]), str(valid[mode, operator]))
    Console(width=terminal_width()).print(table)
    unfinished = len(rows) - len(masks.train) - len(masks.valid)
    left = f", {unfinished} in neither (no success or failure)" if unfinished else ""
    print(f"mask/train {counted(len(masks.train))}, mask/valid {len(masks.valid)}{left}; seed {masks.seed}")


@dataclass(frozen=True)
class Merge:
    """Copy the episodes of other sessions into one. Those that it has already are passed over: run it as often as you like."""

    session: tyro.conf.Positional[SESSION]
    sources: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FROM ...")]] = ()
    """sessions to copy from; they stay as they are"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        if not self.sources:
            raise UserError("there is nothing to merge; name the sessions to copy from after the one to copy into")
        known = None if _is_new(self.session) else Session.open(self.session)
        sources = [Session.open(path) for path in self.sources]
        for path in self.sources:
            if known and path.resolve() == known.path.resolve():
                raise UserError(f"{path} cannot be merged into itself; name other sessions after it")
        with contextlib.ExitStack() as stack:
            if known:
                stack.enter_context(known.claim())
            plan = plan_merge(known, sources)
            check_space(self.session, plan.size, "SESSION")
            with progress_bar("verifying", len(plan.copies)) as advance:
                verify(plan, advance)
            target = known or Session.create(self.session)
            if not known:
                stack.enter_context(target.claim())
            with progress_bar("copying", len(plan.copies)) as advance:
                carry_out(target, plan, advance)
        self._print(target, plan)
        return 0

    def _print(self, target: Session, plan: Plan) -> None:
        numbers = [copy.number for copy in plan.copies]
        which = f" as {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f" as {numbers[0]}" if numbers else ""
        passed = f", {plan.passed_over} passed over (already there, or in trash/)" if plan.passed_over else ""
        print(f"{target.path}: {counted(len(numbers))} merged{which}{passed}; {len(target)} in all")
        if numbers and read_masks(target.path).named():
            print(f"they are in neither mask/train nor mask/valid yet: python -m data split {target.path}")
        if self.json:
            print_json({"merged": len(numbers), "passed_over": plan.passed_over, "episodes": len(target), "numbers": numbers})


def _is_new(path: Path) -> bool:
    """Whether there is nothing yet that would have to be a session."""
    Session.check_path(path)
    return not path.exists() or not any(path.iterdir())


@dataclass(frozen=True)
class Pack:
    """Put a session into one portable file in robomimic's layout: successes and failures, unless you choose."""

    session: tyro.conf.Positional[SESSION]
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.hdf5")]
    """the file to write"""
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all"""
    all: bool = False
    """also what was discarded, left behind or cut short"""
    overwrite: bool = False
    """replace a file of that name"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        session = Session.open(self.session)
        check_out(session, self.out, self.overwrite)
        rows = chosen_rows(session.path, session.rows(), self.episodes, take_all=self.all)
        check_one_env(rows)
        check_space(self.out.parent, sum(row.size for row in rows), "--out")
        with progress_bar("packing", len(rows)) as advance:
            masks = pack(session, rows, self.out, advance)
        size, steps = self.out.stat().st_size, sum(row.steps for row in rows)
        print(
            f"{self.out}: {counted(len(rows))}, {counted(steps, 'step')}, {megabytes(size)}; "
            + ", ".join(f"mask/{name} {count}" for name, count in masks.items())
        )
        if self.json:
            print_json({"out": str(self.out), "episodes": len(rows), "steps": steps, "bytes": size, "masks": masks})
        return 0
