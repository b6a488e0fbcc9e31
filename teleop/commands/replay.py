"""`python -m teleop replay`: episodes again, in a window, as films, or as a check to the bit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from data.cli import SESSION, print_json
from data.errors import UserError
from data.session import Session
from data.video import QUALITY, check_size, is_folder
from teleop.devices import has_display
from teleop.window import start_pygame


@dataclass(frozen=True)
class Replay:
    """Play episodes again: in a window, as videos, or as a bit-exact check (exit 1 when a bit differs)."""

    session: tyro.conf.Positional[SESSION]
    episode: tuple[int, ...] = ()
    """which episodes (default: all with --verify and for a folder of videos, else the last)"""
    verify: bool = False
    """step the recorded actions and compare every simulator state bit for bit"""
    video: Path | None = None
    """write this .mp4, or a folder of them (000003.mp4 ...)"""
    camera: str = ""
    """camera to look through (default: the first; python -m teleop envs ENV lists them)"""
    size: tuple[int, int] = (640, 480)
    """the video's width and height in pixels"""
    fps: int = 20
    """the video's pictures a second, at most"""
    look: Literal["pretty", "meshes", "hulls"] = "pretty"
    """how the arm is drawn in the video"""
    quality: int = QUALITY
    """the video's quality, from 1 (small files) to 10"""
    json: bool = False
    """with --verify: print one JSON object on the last line"""

    def run(self) -> int:
        check_size(self.size)
        if self.json and not self.verify:
            raise UserError("--json tells what --verify found; add --verify")
        session = Session.open(self.session)
        session.env_of()
        code = self._verify(session) if self.verify else 0
        if self.video is not None:
            self._write_videos(session, self.video)
        elif not self.verify:
            self._play(session)
        return code

    def _verify(self, session: Session) -> int:
        from teleop.replay import Verdicts, verify_each

        found = Verdicts()
        for number, verdict in verify_each(session, self._chosen(session, every=True)):
            if isinstance(verdict, UserError):
                if not self.json:
                    raise verdict
                found.unreadable[number] = str(verdict)
                print(f"episode {number}: {verdict}")
            else:
                found.replayed[number] = verdict
                if self.json or not verdict.exact:
                    print(f"episode {number}: {verdict}")
        summary = found.summary()
        print(f"{summary['exact']} of {summary['episodes']} episodes replay bit for bit")
        if self.json:
            print_json(summary)
        return 0 if summary["exact"] == summary["episodes"] else 1

    def _chosen(self, session: Session, *, every: bool) -> list[int]:
        there = [int(path.stem) for path in session.episode_paths()]
        return list(dict.fromkeys(self.episode)) or (there if every else there[-1:])

    def _write_videos(self, session: Session, path: Path) -> None:
        from teleop.envs.render import LOOKS
        from teleop.replay import FilmStyle, film_each

        style = FilmStyle(self.camera, self.size, self.fps, LOOKS[self.look], self.quality)
        for number, count, target in film_each(session, self._chosen(session, every=is_folder(path)), path, style):
            print(f"wrote episode {number} ({count} frames) to {target}")

    def _play(self, session: Session) -> None:
        from teleop.clock import RealClock
        from teleop.player import play
        from teleop.replay import plant_of

        if not has_display():
            raise UserError("there is no display to play on; use --video OUT.mp4 or --verify")
        start_pygame(display=True)
        for number in self._chosen(session, every=False):
            episode = session.read(number, keys=())
            plant = plant_of(session, episode)
            play(plant, episode, number, self.camera, RealClock(1.0 / episode.meta.control_hz))
