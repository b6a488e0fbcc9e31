"""Places: the numbered files that a data set's frames, films and episodes lie in, each of a limited size."""

from dataclasses import dataclass
from typing import NamedTuple

CHUNK = 1000  # files in a folder
DATA_MB, VIDEO_MB = 100, 200  # that a file may be large
MB = 1024**2


class Place(NamedTuple):
    """`chunk-000/file-000`."""

    chunk: int
    file: int

    def __str__(self) -> str:
        return f"chunk-{self.chunk:03d}/file-{self.file:03d}"


FIRST = Place(0, 0)


@dataclass
class Places:
    """Where the next episode goes: on in the present file, unless that is expected to become larger than `limit` bytes."""

    limit: int
    place: Place = FIRST
    frames: int = 0

    def is_next(self, size: int, coming: int) -> bool:
        """Move on to the next file if so many `coming` frames will not fit in this one, which has `size` bytes; whether it did."""
        full = self.frames > 0 and size + coming * size / self.frames >= self.limit
        if full:
            is_last = self.place.file == CHUNK - 1
            self.place = Place(self.place.chunk + 1, 0) if is_last else Place(self.place.chunk, self.place.file + 1)
            self.frames = 0
        self.frames += coming
        return full
