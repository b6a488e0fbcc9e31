"""The frame of every command line here: frozen dataclasses in, an exit code out, a user's mistake in one line."""

import contextlib
import errno
import io
import json
import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro
from rich.console import Console
from rich.progress import Progress

from data.cores import Cluster
from data.errors import UserError

INTERRUPTED = 130
NOBODY_READS = 141
DISK_REFUSES = {errno.EACCES, errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.ESTALE}
# The words that many commands share.
SESSION = Annotated[Path, tyro.conf.arg(metavar="SESSION", help="a session folder")]
EPISODES = Annotated[tuple[str, ...], tyro.conf.arg(metavar="WHICH ...")]
WORKERS = Annotated[int | None, tyro.conf.arg(help="processes (default: one a core); the result does not depend on it")]
ON = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]  # switched off by --no-…, whose help says what is without it
CLUSTER = Annotated[Cluster, tyro.conf.arg(help="local: this machine. ray: those of a Ray cluster, with the same result (docs/cluster.md)")]


class Command(Protocol):
    """A frozen dataclass whose fields are the options and whose docstring is the help."""

    def run(self) -> int: ...


def run_command(package: str, commands: Mapping[str, type], argv: Sequence[str] | None = None) -> int:
    """Parse `argv` into one of `commands` and run it.

    Returns the exit code: 0 done, 1 the answer is no, 2 the words or the input are wrong, 130 interrupted, 141 nobody reads
    the output any more.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    threading.excepthook = _tell_of_thread
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _parse(package, commands, arguments).run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except OSError as error:
        if error.errno not in DISK_REFUSES:
            raise
        where = f" ({error.filename})" if error.filename else ""
        print(f"error: the disk refuses: {error.strerror}{where}; free some space or choose another place, then try again", file=sys.stderr)
        return 2
    except SystemExit as stop:
        if stop.code != 1:
            raise
        return NOBODY_READS  # rich, whose tables it was that nobody reads
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was finished by then is kept", file=sys.stderr)
        return INTERRUPTED


def _tell_of_thread(trouble: threading.ExceptHookArgs) -> None:
    """A disk that refuses a library's thread refuses the main one, too, which says it in one line."""
    if not (isinstance(trouble.exc_value, OSError) and trouble.exc_value.errno in DISK_REFUSES):
        threading.__excepthook__(trouble)


def _parse(package: str, commands: Mapping[str, type], arguments: list[str]) -> Command:
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            command: Command = tyro.extras.subcommand_cli_from_dict(
                dict(commands),
                prog=f"python -m {package}",
                args=arguments,
                config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
            )
            return command
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        words = arguments[0] if arguments and arguments[0] in commands else ""
        raise UserError(f"{_one_line(complaint.getvalue())} (help: {' '.join(f'python -m {package} {words}'.split())} --help)") from None


def _one_line(box: str) -> str:
    """The text of tyro's framed message without its frame and without its pointer to the help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)  # colours, when standard output is a terminal
    words = re.sub(r"[╭╮╰╯│─]+|-{8,}", " ", " ".join(plain.splitlines()[1:])).split()
    return re.split(r"Argument helptext|For full helptext", " ".join(words))[0].strip()


@contextlib.contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A bar on standard error, so that standard output is the result alone; call `advance(completed, note)`.

    It appears with the first progress, so that a mistake found before is still told in one line.
    """
    bar = Progress(*Progress.get_default_columns(), "{task.fields[note]}", console=Console(stderr=True))
    task = bar.add_task(what, total=total, note="")

    def advance(completed: int, note: str) -> None:
        bar.start()
        bar.update(task, completed=completed, note=note)

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()


def print_json(values: Mapping[str, Any]) -> None:
    """`--json`: one object on the last line of standard output."""
    print(json.dumps(values, sort_keys=True))


def printable(text: str) -> str:
    """A name from a file, without what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def terminal_width() -> int:
    return shutil.get_terminal_size((100, 24)).columns
