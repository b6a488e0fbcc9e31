"""`python -m data export`: a session in another tool's format."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from data.change import check_space, megabytes
from data.cli import EPISODES, SESSION, print_json, progress_bar
from data.errors import UserError
from data.exchange.exporting import Order, Pictures, Target
from data.exchange.lerobot.writing import LEROBOT
from data.exchange.minari_set import MINARI
from data.pack import ROBOMIMIC, check_one_env
from data.selection import chosen_rows, counted
from data.session import Session

TargetName = Literal["robomimic", "lerobot", "minari"]
TARGETS: Mapping[TargetName, Target] = {"robomimic": ROBOMIMIC, "lerobot": LEROBOT, "minari": MINARI}


@dataclass(frozen=True)
class Export:
    """Put a session into another tool's format: successes and failures, unless you choose. The session stays as it is.

    robomimic: one HDF5 file, as `data pack` makes it (robomimic also reads the session's own session.hdf5).
    lerobot: a folder, a LeRobotDataset of version 3.0; what it has no columns for lies in its meta/gamepad_dagger/ (docs/lerobot.md).
    minari: a data set's folder (Minari 0.5, HDF5); what it has no place for goes into infos, and an import brings all of it back.
    """

    session: tyro.conf.Positional[SESSION]
    to: TargetName
    """whose format"""
    out: Annotated[Path, tyro.conf.arg(metavar="PATH")]
    """the file (robomimic) or folder to write"""
    images: Pictures = "video"
    """lerobot: pictures as films (small, a little is lost) or as PNGs (nothing is lost)"""
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all"""
    all: bool = False
    """also what was discarded, left behind or cut short"""
    name: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """what the data set is called: [namespace/]name-v0 (minari; default: after its folder)"""
    overwrite: bool = False
    """replace what is there of that name"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        for option, given, only in (("--images", self.images != "video", "lerobot"), ("--name", bool(self.name), "minari")):
            if given and self.to != only:
                raise UserError(f"{option} is for --to {only}; leave it out for {self.to}")
        session = Session.open(self.session)
        rows = chosen_rows(session.path, session.rows(), self.episodes, take_all=self.all)
        check_one_env(rows)
        target, order = TARGETS[self.to], Order(session, rows, self.out, self.overwrite, self.images, self.name)
        target.check(order)
        check_space(self.out.parent, sum(row.size for row in rows), "--out")
        with progress_bar("exporting", len(rows)) as advance:
            facts = target.write(order, advance)
        size, steps = _size(self.out), sum(row.steps for row in rows)
        print(f"{self.out}: {counted(len(rows))}, {counted(steps, 'step')}, {megabytes(size)} as {self.to}")
        if self.json:
            print_json({"out": str(self.out), "to": self.to, "episodes": len(rows), "steps": steps, "bytes": size, **facts})
        return 0


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(part.stat().st_size for part in (path.rglob("*") if path.is_dir() else [path]) if part.is_file())
