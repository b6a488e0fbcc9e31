"""Pictures: PNGs of an episode's pictures, and pictures of somebody's PNGs and JPEGs."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array

Picture = NDArray[np.uint8]
PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of frames: those that say how large it is


def png_of(pictures: Array) -> Iterator[bytes]:
    """Each of (T, H, W, 3) uint8 as a PNG file, which gives it back to the bit."""
    import av

    coder = av.CodecContext.create("png", "w")
    coder.height, coder.width = (int(size) for size in pictures.shape[1:3])
    coder.pix_fmt, coder.time_base, coder.thread_count = "rgb24", Fraction(1, 1000), 1
    for picture in pictures:
        (packet,) = coder.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture, np.uint8), format="rgb24"))
        yield bytes(packet)


def picture_of(data: bytes, size: tuple[int, int]) -> Picture:
    """A PNG or JPEG file of this (height, width) as (H, W, 3); raises ValueError for any other, before it is decoded."""
    import av

    found, name = size_of(data)
    if found != size:
        raise ValueError(f"a picture of {_words(found)}, the features say {_words(size)}")
    coder: Any = av.CodecContext.create(name, "r")
    coder.thread_count = 1
    try:
        frames = [*coder.decode(av.Packet(data)), *coder.decode(None)]
    except av.FFmpegError as error:
        raise ValueError(f"a picture that cannot be decoded: {error}") from error
    if not frames:
        raise ValueError("a picture that cannot be decoded")
    return np.asarray(frames[0].to_ndarray(format="rgb24"), np.uint8)


def size_of(data: bytes) -> tuple[tuple[int, int], str]:
    """((height, width), codec) from the head of a file; raises ValueError for what is neither a PNG nor a JPEG."""
    if data.startswith(PNG_START) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return (height, width), "png"
    if data.startswith(JPEG_START):
        at = 2
        while at + 9 < len(data) and data[at] == 0xFF:
            marker = data[at + 1]
            if marker in JPEG_SIZES:
                height, width = struct.unpack(">HH", data[at + 5 : at + 9])
                return (height, width), "mjpeg"
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise ValueError("a picture that is neither a PNG nor a JPEG")


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
