"""`python -m teleop observe`: a session seen again by other cameras."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data.cli import EPISODES, SESSION, print_json, progress_bar
from data.errors import UserError
from data.selection import counted, select
from data.session import Session, new_or_known
from teleop.envs import make_plant


@dataclass(frozen=True)
class Observe:
    """Make a session anew, seen by the cameras you name, from the simulator states that are kept: train on pictures that
    nobody recorded, or of another size.

    Vectors stay as they were recorded; the numbers, outcomes, labels and the split too. Run it again and it goes on.
    """

    session: tyro.conf.Positional[SESSION]
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """the session to make"""
    cameras: tuple[str, ...]
    """NAME, NAME:WxH or NAME:WxH:rgb,depth,segmentation (python -m teleop envs ENV lists the names)"""
    image_size: int = 84
    """side of a picture in pixels, where a camera does not say"""
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all (default: all)"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        from teleop.observe import Cameras, check_target, keep_split, observe_each

        source = Session.open(self.session)
        row = source.env_of()
        if source.contains(self.out):
            raise UserError(f"--out {self.out} is the session itself, or in it, and that stays as it is; give another folder")
        if not self.cameras:
            raise UserError("--cameras names none; give one or more, e.g. --cameras front wrist")
        numbers = select(source.rows(), self.episodes or ("all",))
        cameras = Cameras(self.cameras, self.image_size)
        env_kwargs = cameras.arguments(row.env_kwargs)
        env, plant = make_plant(row.env_id, env_kwargs)
        with contextlib.closing(env), contextlib.ExitStack() as stack:
            target = stack.enter_context(new_or_known(self.out))
            stack.enter_context(target.claim())
            check_target(source, target, env_kwargs)
            advance = stack.enter_context(progress_bar("observing", len(numbers)))
            for done, number in enumerate(observe_each(source, target, plant, numbers, cameras), 1):
                advance(done, f"episode {number}")
                if self.json:
                    print(f"episode {number}", flush=True)
            keep_split(source, target)
        print(f"{self.out}: {counted(len(numbers))} seen by {', '.join(self.cameras)}")
        if self.json:
            print_json({"out": str(self.out), "episodes": len(numbers), "cameras": list(self.cameras)})
        return 0
