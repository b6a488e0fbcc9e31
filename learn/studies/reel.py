"""Reel: a study's films, each kept with its last picture as a poster."""

from collections.abc import Iterable
from pathlib import Path

from data.files import replace_file
from data.video import Image, last_picture, write_video

FILMS_NAME = "films"
QUALITY = 5


def write_film(out: Path, name: str, frames: Iterable[Image], fps: float) -> None:
    """Keep pictures (H, W, 3) as a film in the study's folder `out`."""
    path = _path(out, name)
    write_video(path, frames, fps, quality=QUALITY, option="--out")
    replace_file(path.with_suffix(".jpg"), last_picture(path))


def kept_film(out: Path, name: str) -> tuple[bytes, bytes]:
    """The MP4 and its poster (JPEG)."""
    path = _path(out, name)
    return path.read_bytes(), path.with_suffix(".jpg").read_bytes()


def _path(out: Path, name: str) -> Path:
    return out / FILMS_NAME / f"{name}.mp4"
