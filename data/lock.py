"""Lock: one process at a time changes a session. A process that dies, however, holds none."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from data.errors import UserError


class InUseError(UserError):
    """Another process is changing this session."""


@contextlib.contextmanager
def lock(session: Path, name: str, wait_s: float) -> Iterator[None]:
    """Hold the lock `.name.lock` of a session; raises InUseError, with the owner's pid, after `wait_s` in vain."""
    note = session / f".{name}.owner.json"
    try:
        held = FileLock(session / f".{name}.lock", timeout=wait_s, thread_local=False)
        held.acquire(poll_interval=0.02)
    except Timeout:
        raise InUseError(f"{session} is in use by {_owner(note)}; end that first or give another session") from None
    except OSError as error:
        raise UserError(f"the session folder {session} cannot be written to ({error.strerror}); give one that can") from error
    try:
        with contextlib.suppress(OSError):  # only says who it is; the lock itself holds
            owner = {"pid": os.getpid(), "command": _command(), "since": datetime.now().isoformat(timespec="minutes")}
            note.write_text(json.dumps(owner), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        held.release()


def _owner(note: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(note.read_text(encoding="utf-8"))
        return f"process {owner['pid']} ({owner['command']}, since {owner['since']})"
    return "another process"


def _command() -> str:
    """`python -m teleop record`, say."""
    program = Path(sys.argv[0])
    name = f"python -m {program.parent.name}" if program.name == "__main__.py" else program.name
    return " ".join([name, *(word for word in sys.argv[1:2] if not word.startswith("-"))])
