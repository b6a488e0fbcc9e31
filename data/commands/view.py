"""`python -m data view`: an episode in the Rerun viewer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import EPISODES, SESSION, print_json, progress_bar
from data.errors import UserError
from data.files import replace_file
from data.selection import counted, select
from data.session import Session
from data.video import is_folder, make_folder
from data.view import bytes_of, check_display, check_installed, show, shown_of

SUFFIX = ".rrd"


@dataclass(frozen=True)
class View:
    """Look at episodes in the Rerun viewer: 3-D, cameras, actions, who drove, what the gate said. Needs the extra `rerun`."""

    session: tyro.conf.Positional[SESSION]
    episodes: Annotated[EPISODES, tyro.conf.arg(aliases=["--episode"])] = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all (default: the last)"""
    save: Path | None = None
    """write this .rrd file instead of opening the viewer; a folder for several (000003.rrd ...)"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        check_installed()
        if self.save is None:
            check_display()
        session = Session.open(self.session)
        session.env_of()
        if self.save is not None and session.contains(self.save):
            raise UserError(f"--save {self.save} is inside the session; give a name outside of {session.path}")
        numbers = self._numbers(session)
        paths = self._paths(numbers)
        name = session.path.resolve().name
        size, without = 0, []
        with progress_bar("writing" if self.save else "sending", len(numbers)) as advance:
            for done, number in enumerate(numbers, 1):
                episode = session.read(number)
                without += [] if shown_of(episode).cameras else [number]
                if self.save:
                    size += _write(paths[number], bytes_of(name, number, episode))
                else:
                    show(name, number, episode)
                advance(done, f"episode {number}")
        if self.save:
            files = paths[numbers[0]] if len(numbers) == 1 else self.save / f"*{SUFFIX}"
            print(f"{self.save}: {counted(len(numbers))}, {size / 1e6:.1f} MB; look at it with: rerun {files}")
        else:
            print(f"sent {counted(len(numbers))} to the viewer")
        if without:
            print(f"{counted(len(without))} without pictures; record them with --cameras front wrist")
        if self.json:
            print_json({"episodes": numbers, "save": str(self.save) if self.save else None, "bytes": size, "without_pictures": without})
        return 0

    def _numbers(self, session: Session) -> list[int]:
        rows = session.rows()
        if not self.episodes:
            return [rows[-1].number]
        numbers = select(rows, self.episodes)
        if not numbers:
            raise UserError(f"--episodes {' '.join(self.episodes)} names no episode of {session.path}; nothing to look at")
        return numbers

    def _paths(self, numbers: list[int]) -> dict[int, Path]:
        """The file of each episode; none without --save."""
        if self.save is None:
            return {}
        if is_folder(self.save):
            make_folder(self.save, "--save", self.save)
            return {number: self.save / f"{number:06d}{SUFFIX}" for number in numbers}
        if self.save.suffix != SUFFIX:
            raise UserError(f"--save {self.save} is not an {SUFFIX}; give a name that ends in {SUFFIX}, or a folder")
        if len(numbers) > 1:
            raise UserError(f"--save {self.save} is one file and {len(numbers)} episodes are named; give a folder, or one of --episodes")
        make_folder(self.save.parent, "--save", self.save)
        return dict.fromkeys(numbers, self.save)


def _write(path: Path, content: bytes) -> int:
    """Whole or not at all; how many bytes."""
    try:
        replace_file(path, content)
    except OSError as error:
        raise UserError(f"--save {path} cannot be written ({error.strerror}); free some space or give another path") from error
    return len(content)
