"""`python -m data report` and `video`: seeing what is in a session."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro

from data.cli import EPISODES, SESSION, print_json, progress_bar
from data.effort import Effort
from data.episode import Episode
from data.errors import UserError, one_of
from data.files import replace_file
from data.films import LookName, film
from data.report.gather import report
from data.report.page import page
from data.selection import counted, numbers_text, select
from data.session import Session
from data.video import Image, check_size, film_name, is_folder, make_folder, make_room, write_video
from data.worth_table import worth_summary

PAGE_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class Report:
    """Write one HTML page about a session: what to look at first, statistics, coverage, films. Opens without a network."""

    session: tyro.conf.Positional[SESSION]
    out: Path
    """the page to write, e.g. report.html"""
    videos: int = 24
    """at most so many films: flagged episodes first, then an even sample; 0: none"""
    camera: str = ""
    """camera to film through (default: the first)"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        if self.videos < 0:
            raise UserError(f"--videos {self.videos} is negative; give how many films the page has, or 0")
        _check_page(self.out)
        session = Session.open(self.session)
        session.env_of()
        make_folder(self.out.parent, "--out", self.out)
        findings = report(session, self.videos, self.camera)
        content = page(findings).encode()
        try:
            replace_file(self.out, content)
        except OSError as error:
            raise UserError(f"--out {self.out} cannot be written ({error.strerror}); free some space or give another path") from error
        success, flagged = findings.summary.success, [f.number for f in findings.flagged]
        print(
            f"{self.out}: {counted(len(findings.qualities))}, {len(flagged)} flagged{f' ({numbers_text(flagged)})' if flagged else ''}, "
            f"{counted(len(findings.films), 'film')}, {len(content) / 1e6:.1f} MB"
        )
        if findings.no_films and self.videos:
            print(findings.no_films)
        if self.json:
            low, high = success.interval
            print_json(
                {
                    "episodes": len(findings.qualities),
                    "success_rate": success.share if success.of else None,
                    "ci_low": low,
                    "ci_high": high,
                    "effort": _effort_facts(findings.effort.total),
                    "flagged": {str(f.number): [reason.text for reason in f.reasons] for f in findings.flagged},
                    "films": sorted(findings.films),
                    "worth": worth_summary(findings.worth) if findings.worth else None,
                    "bytes": len(content),
                    "out": str(self.out),
                }
            )
        return 0


def _effort_facts(effort: Effort) -> dict[str, float]:
    """An effort for JSON, seconds to the millisecond."""
    facts = {**asdict(effort), "hands_on_s": effort.hands_on_s, "total_s": effort.total_s}
    return {name: round(value, 3) for name, value in facts.items()}


def _check_page(path: Path) -> None:
    if path.suffix.lower() not in PAGE_SUFFIXES:
        raise UserError(f"--out {path} is not a page; give a name that ends in .html")
    if path.is_dir():
        raise UserError(f"--out {path} is a folder; give the name of a file that ends in .html")


@dataclass(frozen=True)
class Video:
    """Write films of episodes: drawn anew by the simulator, or (--recorded) from the images that were recorded."""

    session: tyro.conf.Positional[SESSION]
    out: Path
    """an .mp4 for one episode, or a folder (000003.mp4 ...)"""
    episodes: EPISODES = ()
    """which episodes: numbers (3), ranges (5-9), outcomes (failure), all (default: all for a folder, else the last)"""
    camera: str = ""
    """camera to look through (default: the first)"""
    size: tuple[int, int] = (640, 480)
    """width and height in pixels"""
    look: LookName = "pretty"
    """how the arm is drawn; meshes takes a third of the time, hulls a fifth"""
    recorded: str = ""
    """take the images that this camera recorded, as they are, instead of drawing; needs no simulator"""
    json: bool = False
    """print one JSON object on the last line"""

    def run(self) -> int:
        check_size(self.size)
        session = Session.open(self.session)
        session.env_of()
        numbers = self._numbers(session)
        paths = self._paths(numbers)
        if self.recorded:
            self._write_recorded(session, paths)
        else:
            film(session.path, numbers, self.out, self.size, self.camera, look=self.look)
        for number, path in paths.items():
            print(f"wrote episode {number} to {path}")
        if self.json:
            print_json({"films": {str(number): str(path) for number, path in paths.items()}})
        return 0

    def _numbers(self, session: Session) -> list[int]:
        rows = session.catalog().rows
        if self.episodes:
            numbers = select(rows.values(), self.episodes)
            if not numbers:
                raise UserError(f"--episodes {' '.join(self.episodes)} names no episode of {session.path}; nothing to film")
            return numbers
        return list(rows) if is_folder(self.out) else list(rows)[-1:]

    def _paths(self, numbers: list[int]) -> dict[int, Path]:
        if is_folder(self.out):
            make_folder(self.out, "--out", self.out)
            return {number: self.out / film_name(number) for number in numbers}
        make_room(self.out, "--out")
        if len(numbers) > 1:
            raise UserError(f"--out {self.out} is one film and {len(numbers)} episodes are named; give a folder, or one of --episodes")
        return dict.fromkeys(numbers, self.out)

    def _write_recorded(self, session: Session, paths: dict[int, Path]) -> None:
        key = f"{self.recorded}_image"
        with progress_bar("filming", len(paths)) as advance:
            for done, (number, path) in enumerate(paths.items(), 1):
                episode = session.read(number, keys=(key,))
                if key not in episode.obs:
                    cameras = recorded_cameras(session.read(number))
                    raise UserError(f"--recorded {self.recorded}: episode {number} has no images of it; recorded: {one_of(cameras)}")
                write_video(path, recorded_pictures(episode, key), round(episode.meta.control_hz), option="--out")
                advance(done, "")


def recorded_cameras(episode: Episode) -> list[str]:
    """The cameras whose images (T, H, W, 3) uint8 an episode holds."""
    images = [key for key, values in episode.obs.items() if values.dtype == np.uint8 and values.ndim == 4]
    return [key.removesuffix("_image") for key in images]


def recorded_pictures(episode: Episode, key: str) -> Iterator[Image]:
    """The stored images in order; without the last row or column where there is an odd number."""
    pictures = [*episode.obs[key], *([episode.final_obs[key]] if key in episode.final_obs else [])]
    for picture in pictures:
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        yield np.asarray(picture[:height, :width], np.uint8)
