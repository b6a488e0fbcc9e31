"""Films: a camera's pictures of many episodes in one MP4, frame i at exactly i / fps; and the pictures at given times of one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array
from data.errors import UserError
from data.exchange.lerobot.places import Place, Places

ENCODER, CODEC, CONTAINER = "libx264", "h264", "mp4"
KEYFRAME_EVERY, CRF = 2, 10  # any picture is at most one away from one that stands alone; what is lost is colour at edges
OPTIONS = {"tune": "psnr", "bf": "0"}  # no pictures that need later ones: those would shift the times
LARGEST_SLIP = 0.25  # of a frame, between the time that is asked for and the picture's own


@dataclass(frozen=True)
class Stretch:
    """Where an episode's pictures are: in which file, from when to when in it."""

    place: Place
    start_s: float
    end_s: float


class Film:
    """The films of one camera, episode after episode; a file that grows too large is followed by the next."""

    def __init__(self, path_of: Callable[[Place], Path], fps: int, size: tuple[int, int], places: Places) -> None:
        self._path_of, self._fps, self._size, self._places = path_of, fps, size, places
        self._container: Any = None
        self._stream: Any = None
        self._count = 0

    def add(self, pictures: Array) -> Stretch:
        """Append the pictures (T, H, W, 3) of an episode, which begin with a key frame; UserError for a size that has no film."""
        import av

        try:
            return self._add(pictures)
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # the disk's
                raise
            size = "×".join(map(str, self._size))
            raise UserError(f"pictures of {size} cannot be filmed ({error}); keep them with --images png") from error

    def _add(self, pictures: Array) -> Stretch:
        path = self._path_of(self._places.place)
        size = path.stat().st_size if self._container and path.exists() else 0  # it appears with its first packet
        if self._places.is_next(size, len(pictures)) or not self._container:
            self.close()
            self._open(self._path_of(self._places.place))
        first = self._count
        for at, picture in enumerate(pictures):
            self._encode(picture, is_first=at == 0)
        return Stretch(self._places.place, first / self._fps, self._count / self._fps)

    def _encode(self, picture: Array, *, is_first: bool) -> None:
        import av
        from av.video.frame import PictureType

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture, np.uint8), format="rgb24")
        frame = frame.reformat(format=pixels_of(self._size), interpolation="AREA")  # each of four pixels counts for their colour
        frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
        if is_first:
            frame.pict_type = PictureType.I
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def close(self) -> None:
        """Write what the coder still holds; once is enough."""
        container, self._container = self._container, None
        if container:
            with container:
                container.mux(self._stream.encode(None))

    def abandon(self) -> None:
        """Let go of a file that nobody will want."""
        if self._container:
            self._container.close()

    def _open(self, path: Path) -> None:
        import av

        path.parent.mkdir(parents=True, exist_ok=True)
        self._container, self._count = av.open(str(path), "w", format=CONTAINER), 0
        self._stream = self._container.add_stream(ENCODER, rate=self._fps, options={"crf": str(CRF), **OPTIONS})
        self._stream.height, self._stream.width = self._size
        self._stream.pix_fmt = pixels_of(self._size)
        self._stream.gop_size = KEYFRAME_EVERY
        self._stream.codec_context.time_base = Fraction(1, self._fps)


def pixels_of(size: tuple[int, int]) -> str:
    """The usual pixels, with a colour for four; odd sizes have no such, there every pixel has its own."""
    return "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"


def about(size: tuple[int, int], fps: int) -> dict[str, Any]:
    """What LeRobot notes of a film in info.json."""
    return {
        "video.height": size[0],
        "video.width": size[1],
        "video.codec": CODEC,
        "video.pix_fmt": pixels_of(size),
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
        "video.g": KEYFRAME_EVERY,
        "video.crf": CRF,
        "video.extra_options": OPTIONS,
        "is_depth_map": False,
    }


def pictures_at(path: Path, times_s: NDArray[np.float64], size: tuple[int, int], fps: float) -> tuple[NDArray[np.uint8], str]:
    """((T, H, W, 3), codec): of each rising time the picture that is there, to a quarter of a frame.

    Whatever ffmpeg decodes in an MP4. Raises ValueError where there is no such picture, or of another (height, width).
    """
    import av

    try:
        with av.open(str(path), format=CONTAINER) as container:  # an MP4 and nothing else: others could name other files
            return _pictures_at(container, times_s, size, LARGEST_SLIP / fps)
    except (av.FFmpegError, MemoryError) as error:
        raise ValueError(f"{path.name} cannot be decoded: {error}") from error


def _pictures_at(container: Any, times_s: NDArray[np.float64], size: tuple[int, int], slip_s: float) -> tuple[NDArray[np.uint8], str]:
    if not container.streams.video:
        raise ValueError("there is no film in it")
    stream = container.streams.video[0]
    check_size((stream.height, stream.width), size)
    found = np.empty((len(times_s), *size, 3), np.uint8)
    if times_s[0] > slip_s:
        container.seek(math.floor((times_s[0] - slip_s) / stream.time_base), stream=stream)
    done = 0
    for frame in container.decode(stream):
        at_s = float(frame.pts * stream.time_base) if frame.pts is not None else -math.inf
        if at_s > times_s[done] + slip_s:
            break
        picture = None
        while done < len(times_s) and abs(at_s - times_s[done]) <= slip_s:
            picture = frame.to_ndarray(format="rgb24") if picture is None else picture
            check_size(picture.shape[:2], size)
            found[done] = picture
            done += 1
        if done == len(times_s):
            return found, str(stream.codec_context.codec.canonical_name)
    raise ValueError(f"there is no picture at {times_s[done]:.4f} s of it")


def check_size(found: tuple[int, int], size: tuple[int, int]) -> None:
    if tuple(found) != size:
        raise ValueError(f"its pictures are {found[0]}×{found[1]}, the features say {size[0]}×{size[1]}")
