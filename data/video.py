"""Write pictures as an MP4 with the ffmpeg that imageio-ffmpeg carries, and take a picture out of one."""

import contextlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.files import fsync_folder

Image = NDArray[np.uint8]
SUFFIX = ".mp4"
QUALITY = 7  # imageio-ffmpeg's scale of 1 to 10: H.264's crf 15
JPEG_START = b"\xff\xd8\xff"
SIZE_PX = ((64, 48), (3840, 2160))


def write_video(path: Path, frames: Iterable[Image], fps: float, *, quality: int = QUALITY, option: str = "--video") -> int:
    """Encode frames (H, W, 3) uint8, H and W even, as H.264; returns how many there were. The file appears when complete.

    `option` is the word that a UserError names; without frames there is no file.
    """
    make_room(path, option)
    partial = path.with_name(path.stem + ".part.mp4")
    writer, count = None, 0
    try:
        partial.touch()  # says why, where ffmpeg would only stop
        for frame in frames:
            if writer is None:
                writer = imageio_ffmpeg.write_frames(
                    str(partial), (frame.shape[1], frame.shape[0]), fps=fps, quality=quality, macro_block_size=2, ffmpeg_log_level="quiet"
                )
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
            count += 1
        if writer is not None:
            writer.close()
            partial.replace(path)
            fsync_folder(path.parent)
    except OSError as error:
        raise UserError(
            f"{option} {path} cannot be written ({error.strerror or 'ffmpeg stopped'}); free some space or give another path"
        ) from error
    finally:
        if writer is not None:
            writer.close()
        with contextlib.suppress(OSError):  # on a disk that became read-only
            partial.unlink(missing_ok=True)
    return count


def make_room(path: Path, option: str) -> None:
    """Refuse a path that cannot be an MP4; make its folder."""
    if path.suffix != SUFFIX:
        raise UserError(f"{option} {path} is not an .mp4; give a name that ends in .mp4")
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder; give the name of a file that ends in .mp4")
    make_folder(path.parent, option, path)


def make_folder(folder: Path, option: str, path: Path) -> None:
    """Make the folder that `option` `path` needs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{option} {path}: its folder cannot be made ({error.strerror}); give a path you can write to") from error


def is_folder(path: Path) -> bool:
    """Whether a name asks for a folder of films: there is one, or it has no suffix."""
    return path.is_dir() or not path.suffix


def film_name(number: int) -> str:
    """What an episode's film is called in a folder of films."""
    return f"{number:06d}{SUFFIX}"


def check_size(size: tuple[int, int], option: str = "--size") -> None:
    """Refuse a size (width, height) in pixels that H.264 or a person's patience cannot take."""
    (low_w, low_h), (high_w, high_h) = SIZE_PX
    if not (low_w <= size[0] <= high_w and low_h <= size[1] <= high_h) or size[0] % 2 or size[1] % 2:
        raise UserError(
            f"{option} {size[0]} {size[1]} cannot be filmed; give an even width and height within {low_w} {low_h} … {high_w} {high_h}"
        )


def last_picture(path: Path) -> bytes:
    """The last picture of a film as JPEG; empty when there is none."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-sseof", "-1", "-i", str(path), "-q:v", "4", "-f", "mjpeg", "-"]
    pictures = subprocess.run(command, capture_output=True, check=False).stdout
    start = pictures.rfind(JPEG_START)
    return pictures[start:] if start >= 0 else b""
