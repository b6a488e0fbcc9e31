"""Recover: a journal becomes its episodes. The recorder ends every episode in this way, and so ends one that was killed."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import UserError
from data.journal import read_journal
from data.takes import takes_of

if TYPE_CHECKING:
    from data.session import Session


def recover(session: "Session") -> list[str]:
    """Turn what killed recorders left into episodes: a line for each. Only for who holds the session's locks."""
    for folder in (session.path, session.path / "episodes"):
        for partial in folder.glob("*.tmp"):
            partial.unlink(missing_ok=True)
    return [f"{line} (its recorder was killed)" for path in session.running() for line in keep_journal(session, path)]


def keep_journal(session: "Session", path: Path) -> list[str]:
    """Keep the episodes of the journal `path`, those that are not kept yet, then remove it: a line for each.

    Can be repeated after it was interrupted anywhere. Raises UserError, and leaves the journal, when the disk refuses.
    A journal that is damaged is set aside when all that can be read of it is kept.
    """
    try:
        entries, wrong = read_journal(path)
    except OSError as error:
        raise UserError(f"{path} could not be read ({error}); python -m data recover {session.path} tries again") from error
    lines = []
    for take in takes_of(entries):
        if session.holds(take.number):
            continue
        episode = take.episode()
        session.append(episode, take.number)
        idle = episode.meta.idle_start + episode.meta.idle_end
        aside = f", {idle} idle steps set aside" if idle else ""
        lines.append(f"episode {take.number} kept: {episode.meta.outcome}{aside}")
    if wrong:
        session.set_aside(path, wrong)
        lines.append(f"the journal {path.name} is damaged ({wrong}) and set aside in {path.parent.parent.name}/quarantine")
    with contextlib.suppress(OSError):  # a journal that stays is passed over the next time: its episodes are there
        path.unlink(missing_ok=True)
        path.parent.rmdir()  # when it was the last
    return lines
