"""Change: episode files of a session rewritten, added or moved one after the other, each whole by itself."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from data.errors import UserError
from data.session import Session

SPARE_BYTES = 16_000_000  # for the derived files and the file system's own


@contextlib.contextmanager
def changing(session: Session) -> Iterator[None]:
    """Bring the derived files up to date after changes, however they ended; only for who has claimed the session.

    A disk that refuses becomes a UserError: what was changed by then stays, and the command can be given again.
    """
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(UserError):  # the next to open the session does it
            session.tidy_listing()
        if isinstance(error, OSError):
            raise UserError(
                f"{session.path} could not be written to ({error}); what was done so far is whole: free some space, then run this again"
            ) from error
        raise
    session.tidy_listing()


def check_space(folder: Path, needed_bytes: int, option: str) -> None:
    """Refuse to begin what will not fit on the disk that `folder` is, or will be, on."""
    there = next(parent for parent in [folder.resolve(), *folder.resolve().parents] if parent.is_dir())
    free = shutil.disk_usage(there).free
    if needed_bytes + SPARE_BYTES > free:
        raise UserError(
            f"{folder} needs {megabytes(needed_bytes + SPARE_BYTES)} and its disk has {megabytes(free)} free; "
            f"free some space or give another {option}"
        )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB"
