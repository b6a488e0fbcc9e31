"""Merge: episodes of other sessions copied into one, each once, however often it is asked for."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.catalog import Row
from data.change import changing
from data.episode_file import change_meta, read_episode, read_meta
from data.errors import UserError
from data.files import numbered
from data.migrate import uid_from_content
from data.session import TRASH_NAME, Session

Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Copy:
    """An episode that is to become number `number`."""

    source: Path
    number: int
    size: int
    changes: Mapping[str, object]


@dataclass(frozen=True)
class Plan:
    """`passed_over` counts the episodes that the session holds, or held, already."""

    copies: tuple[Copy, ...]
    passed_over: int

    @property
    def size(self) -> int:
        """Bytes to be written."""
        return sum(copy.size for copy in self.copies)


def plan_merge(target: Session | None, sources: Sequence[Session]) -> Plan:
    """What a merge has to copy; `target` None is a session that is still to be made.

    Raises UserError when two episodes are not of the same env with the same arguments, or a source has damaged ones.
    """
    rows = [{row.number: row for row in _sound_rows(source)} for source in sources]
    _check_one_env([*([target] if target else []), *sources])
    numbers = _held(target) if target else {}
    following = target.next_number() if target else 0
    copies: list[Copy] = []
    passed_over = 0
    for source, there in zip(sources, rows, strict=True):
        renamed: dict[int, int] = {}
        for row in _parents_first(there):
            path, uid = source.episode_path(row.number), uid_of(source, row)
            if uid in numbers:
                passed_over += 1
            else:
                numbers[uid] = following + len(copies)
                copies.append(Copy(path, numbers[uid], row.size, _changes(source, row, uid, renamed)))
            renamed[row.number] = numbers[uid]
    return Plan(tuple(copies), passed_over)


def verify(plan: Plan, advance: Progress) -> None:
    """Read all that is to be copied; raises DamagedError for what does not hold what was written into it."""
    for done, copy in enumerate(plan.copies, 1):
        read_episode(copy.source)
        advance(done, "")


def carry_out(target: Session, plan: Plan, advance: Progress) -> None:
    """Copy the files, as they are but for their names in the session. Only for who has claimed `target`."""
    with changing(target):
        for done, copy in enumerate(plan.copies, 1):
            change_meta(copy.source, target.episode_path(copy.number), **copy.changes)
            advance(done, f"episode {copy.number}")


def uid_of(session: Session, row: Row) -> str:
    """What an episode keeps wherever it is copied to, also one from before they had it."""
    return row.uid or _uid_of(session.episode_path(row.number))


def origin_of(session: Session, row: Row) -> str:
    """What a copy says of where it is from: the first session it was in, and its number there."""
    return row.origin or f"{session.path.resolve().name}#{row.number}"


def _changes(source: Session, row: Row, uid: str, renamed: Mapping[int, int]) -> dict[str, object]:
    parent = renamed.get(row.parent, -1)
    return {"uid": uid, "origin": origin_of(source, row), "parent": parent, "branch_step": row.branch_step if parent >= 0 else -1}


def _sound_rows(source: Session) -> list[Row]:
    catalog = source.catalog()
    if catalog.damaged:
        count = len(catalog.damaged)
        raise UserError(
            f"{source.path} has {count} damaged episode{'s' * (count > 1)} ({', '.join(map(str, catalog.damaged))}), nothing was merged; "
            f"python -m data check {source.path} sets them aside"
        )
    return list(catalog.rows.values())


def _check_one_env(sessions: Sequence[Session]) -> None:
    known: tuple[Session, Row] | None = None
    for session in sessions:
        for row in session.catalog().rows.values():
            first, one = known = known or (session, row)
            if (row.env_id, dict(row.env_kwargs)) != (one.env_id, dict(one.env_kwargs)):
                raise UserError(
                    f"{first.path} holds {_env(one)} and {session.path} holds {_env(row)}; a session is of one env with one set of "
                    "arguments: merge those of each env into a session of its own"
                )


def _env(row: Row) -> str:
    return f"{row.env_id} {json.dumps(dict(row.env_kwargs), sort_keys=True)}"


def _held(target: Session) -> dict[str, int]:
    """The number of each uid that the session holds or has in its trash."""
    held: dict[str, int] = {}
    for path in numbered(target.path / TRASH_NAME, ".hdf5"):
        try:
            held[read_meta(path).uid or _uid_of(path)] = int(path.stem)
        except UserError:  # damaged, or a newer schema: nobody can say what it is
            continue
    for row in reversed(list(target.catalog().rows.values())):  # of copies the first counts
        held[uid_of(target, row)] = row.number
    return held


def _uid_of(path: Path) -> str:
    """For an episode from before they had one: the same as `migrate` gives it."""
    return uid_from_content(read_episode(path, ()))


def _parents_first(rows: Mapping[int, Row]) -> Iterator[Row]:
    """By number, but no branch before the episode it left: a merge that is broken off leaves no branch without it."""
    seen: set[int] = set()
    for number in rows:
        line: list[int] = []
        while number in rows and number not in seen:
            seen.add(number)
            line.append(number)
            number = rows[number].parent
        yield from (rows[one] for one in reversed(line))
