"""Write pictures as an MP4 with the ffmpeg that imageio-ffmpeg carries."""

from collections.abc import Iterable
from pathlib import Path

import imageio_ffmpeg

from data.errors import UserError
from teleop.envs.render import Image


def write_video(path: Path, frames: Iterable[Image], fps: int) -> int:
    """Encode frames (H, W, 3) uint8, H and W even, as H.264; returns how many there were. The file appears when complete."""
    if path.suffix != ".mp4":
        raise UserError(f"--video {path} is not an .mp4; give a name that ends in .mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--video {path}: its folder cannot be made ({error.strerror}); give a path you can write to") from error
    partial = path.with_name(path.stem + ".part.mp4")
    writer, count = None, 0
    try:
        for frame in frames:
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = imageio_ffmpeg.write_frames(str(partial), size, fps=fps, quality=7, macro_block_size=2, ffmpeg_log_level="error")
                writer.send(None)
            writer.send(frame)
            count += 1
    finally:
        if writer is not None:
            writer.close()
    if count:
        partial.replace(path)
    return count
