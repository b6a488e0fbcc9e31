"""Stage: what the rows of one run share: a folder, recorded sessions, the peers, and who is told how far it is."""

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import command_lines
import numpy as np

from bench.peer import Peer
from bench.row import FLOOR, OTHER, Row, Thing
from bench.turns import Side, compared
from data.session import Session
from learn.dataset import Frames, load_frames

EPISODES = 30
CAMERAS = ("front", "wrist")


@dataclass
class Stage:
    """`peers` are those named in the environment, by tool."""

    folder: Path
    peers: Mapping[str, Peer] = field(default_factory=dict)
    say: Callable[[str], None] = lambda words: None

    def compare(self, thing: Thing, ours: Callable[[], float], others: list[Side], rounds: int, **cannot: str) -> list[Row]:
        """In turns; of `others` and of the tools that `cannot`, those that are there."""
        present = [side for side in others if side.tool in (FLOOR, OTHER, *self.peers)]
        return compared(thing, ours, present, rounds, {tool: why for tool, why in cannot.items() if tool in self.peers}, self.say)

    def asks(self, tool: str, do: str, **words: Any) -> Callable[[], float]:
        """A measure: the figure that a peer answers."""
        return lambda: float(self.peers[tool].ask(do, **words))

    @cached_property
    def session(self) -> Session:
        """PandaLift by the scripted operator, two 84×84 cameras."""
        self.say(f"recording {EPISODES} episodes with two cameras")
        record = ("record", "--env", "PandaLift-v0", "--device", "scripted", "--headless", "--cameras", *CAMERAS)
        quiet("teleop", *record, "--episodes", EPISODES, "--session", self.folder / "session")
        return Session.open(self.folder / "session")

    @cached_property
    def seen(self) -> Frames:
        return load_frames(self.session, sees=True)

    @cached_property
    def pictures(self) -> Path:
        """The first episode's pictures, (T, 84, 84, 3) by camera."""
        obs = self.session.read(0).obs
        np.savez(self.folder / "pictures.npz", **{camera: obs[f"{camera}_image"] for camera in CAMERAS})
        return self.folder / "pictures.npz"

    @cached_property
    def films(self) -> Path:
        """The session as a LeRobotDataset, its pictures as films."""
        self.say("exporting for LeRobot")
        quiet("data", "export", self.session.path, "--to", "lerobot", "--out", self.folder / "films")
        return self.folder / "films"


def quiet(package: str, *words: object) -> None:
    """A command line of ours, without its words; raises RuntimeError with its last one where it fails."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = command_lines.run(package, *words)
    if code:
        raise RuntimeError(f"python -m {package} {' '.join(map(str, words))}: {said.getvalue().strip()[-300:]}")
