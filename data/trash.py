"""Trash: what `data delete` took, batch by batch, and the way back. Nothing in it is ever removed by us."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from data.catalog import Row, read_row
from data.errors import UserError
from data.selection import numbers_text, select
from data.session import TRASH_NAME, Session

LOG_NAME = "log.jsonl"
DELETED, RESTORED = "deleted", "restored"


def delete(session: Session, numbers: Sequence[int]) -> list[int]:
    """Move episodes to the trash as one batch; those that were there. Only for who has claimed the session."""
    if numbers:
        _note(session, DELETED, numbers)  # first: a batch of which only a part was moved can be undone, too
    return session.trash(*numbers)


def restore(session: Session, numbers: Sequence[int]) -> list[int]:
    """Move episodes back from the trash; those that were there. Only for who has claimed the session."""
    back = session.restore(*numbers)
    if back:
        _note(session, RESTORED, back)
    return back


def to_restore(session: Session, words: Sequence[str]) -> list[int]:
    """The numbers that an undo brings back: those that `words` select in the trash, else what the last delete took.

    Raises UserError when there is nothing to bring back, or when a number has been given to another episode.
    """
    held = trashed(session)
    numbers = select(_rows(session, held), words) if words else last_batch(session)
    if not numbers:
        there = f"; trash/ holds {numbers_text(held)}: say which with --episodes" if held else "; trash/ is empty"
        raise UserError(f"there is nothing to undo in {session.path}{there}")
    taken = [number for number in numbers if session.episode_path(number).exists()]
    if taken:
        raise UserError(
            f"{session.path} has other episodes numbered {numbers_text(taken)} by now, nothing was brought back; "
            "move those away first or choose others with --episodes"
        )
    return numbers


def last_batch(session: Session) -> list[int]:
    """The numbers of the last delete that are still in the trash; empty when none is."""
    held, batches = set(trashed(session)), list[set[int]]()
    for event, numbers in _log(session):
        batches = [batch - numbers for batch in batches]
        if event == DELETED:
            batches.append(numbers)
    return next((sorted(batch & held) for batch in reversed(batches) if batch & held), [])


def trashed(session: Session) -> list[int]:
    """The numbers in the trash, also those that undoing during recording took there."""
    return sorted(int(path.stem) for path in (session.path / TRASH_NAME).glob("[0-9]*.hdf5") if path.stem.isdigit())


def _rows(session: Session, numbers: Sequence[int]) -> list[Row]:
    return [read_row(session.path / TRASH_NAME / f"{number:06d}.hdf5") for number in numbers]


def _note(session: Session, event: str, numbers: Sequence[int]) -> None:
    """One more line; begins with a line end, so that one that was torn off does not spoil it."""
    text = json.dumps({event: list(numbers), "when": datetime.now(UTC).isoformat(timespec="seconds")})
    try:
        (session.path / TRASH_NAME).mkdir(exist_ok=True)
        with (session.path / TRASH_NAME / LOG_NAME).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    except OSError as error:
        raise UserError(f"{session.path / TRASH_NAME} cannot be written to ({error.strerror}); free some space or allow it") from error


def _log(session: Session) -> list[tuple[str, set[int]]]:
    """(event, numbers), oldest first; lines that cannot be read are passed over."""
    events = []
    try:
        lines = (session.path / TRASH_NAME / LOG_NAME).read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            entry = json.loads(line)
            event = DELETED if DELETED in entry else RESTORED
            events.append((event, {int(number) for number in entry[event]}))
        except (ValueError, TypeError, KeyError):
            continue
    return events
