"""Tables: parquet files, written a part at a time, and read only as far as this machine's memory goes."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.episode import Array
from data.exchange.lerobot.places import Place, Places

UNKNOWN_MEMORY = 2**34  # bytes; where nobody can say how much this machine has


# -- writing -------------------------------------------------------------------------------------------------------


class Sheet:
    """One parquet file that grows by row groups; `size` in bytes so far. The schema is that of the first."""

    def __init__(self, path: Path, compression: str = "snappy") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._compression = compression
        self._writer: Any = None

    @property
    def size(self) -> int:
        return self._file.tell()

    def add(self, table: Any) -> None:
        import pyarrow.parquet

        if self._writer is None:  # no dictionaries: they may take one NaN for another
            self._writer = pyarrow.parquet.ParquetWriter(
                self._file, table.schema, compression=self._compression, use_dictionary=False, write_page_checksum=True
            )
        self._writer.write_table(table)

    def close(self) -> None:
        with self._file:
            if self._writer is not None:
                self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that nobody will want."""
        self._file.close()
        if self._writer is not None:
            with contextlib.suppress(Exception):  # its file is closed, which is the aim
                self._writer.close()


class Series:
    """Parquet files in `folder`, each of at most about `limit` bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._places = folder, Places(limit)
        self._sheet: Sheet | None = None

    def place(self, coming: int) -> Place:
        """Where so many rows are to be added next."""
        if self._places.is_next(self._sheet.size if self._sheet else 0, coming):
            self.close()
        return self._places.place

    def add(self, table: Any) -> None:
        if self._sheet is None:
            self._sheet = Sheet(self._folder / f"{self._places.place}.parquet")
        self._sheet.add(table)

    def close(self) -> None:
        if self._sheet is not None:
            self._sheet.close()
        self._sheet = None

    def abandon(self) -> None:
        if self._sheet is not None:
            self._sheet.abandon()


def column_of(values: Array, *, flat: bool = False) -> Any:
    """(T,), or (T, 1) if `flat`, as plain values, (T, …) as lists of as many."""
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    rows = values.reshape(len(values), -1)
    plain = pa.array(rows.reshape(-1))
    return plain if values.ndim == 1 or (flat and rows.shape[1] == 1) else pa.FixedSizeListArray.from_arrays(plain, rows.shape[1])


def table_of(rows: Sequence[Mapping[str, Any]], schema: Any = None) -> Any:
    """Rows that all have the same keys."""
    import pyarrow as pa

    return pa.Table.from_pydict({key: [row[key] for row in rows] for key in rows[0]}, schema=schema)


# -- reading -------------------------------------------------------------------------------------------------------


class Table:
    """An open parquet file. Raises ValueError for what is none, is damaged, or says that it holds more than it can.

    Pages that carry a checksum are compared with it.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        self.path = path
        with self._reading():
            self._file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
        metadata, size = self._file.metadata, path.stat().st_size
        self._groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        for group in self._groups:
            if group.num_rows > max(group.total_byte_size, size):  # every frame has a number and a time of its own
                raise ValueError(f"{path.name} claims {group.num_rows} rows")
        self._bounds: list[tuple[int, int] | None] | None = None

    @property
    def names(self) -> list[str]:
        return list(self._file.schema_arrow.names)

    @property
    def group_count(self) -> int:
        return len(self._groups)

    def read(self, columns: Sequence[str], groups: Sequence[int] | None = None) -> Any:
        """These columns of these row groups (of all); raises ValueError for more than this machine's memory holds."""
        numbers = range(self.group_count) if groups is None else groups
        needed = sum(_room(self._groups[number], columns) for number in numbers)
        check_memory(needed, f"the frames in {self.path.name}")
        with self._reading():
            return self._file.read_row_groups(list(numbers), columns=list(columns))

    def groups_with(self, column: str, value: int) -> list[int]:
        """The row groups in which a column may have this value."""
        if self._bounds is None:
            at = next((i for i in range(self._file.metadata.num_columns) if self._file.schema.column(i).path == column), None)
            found = [None if at is None else group.column(at).statistics for group in self._groups]
            self._bounds = [(bound.min, bound.max) if bound is not None and bound.has_min_max else None for bound in found]
        return [i for i, bound in enumerate(self._bounds) if bound is None or bound[0] <= value <= bound[1]]

    def close(self) -> None:
        self._file.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow

        try:
            yield
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{self.path.name} cannot be read as parquet: {error}") from error


class Tables:
    """Parquet files that are read again and again: the last one stays open."""

    def __init__(self) -> None:
        self._last: Table | None = None

    def open(self, path: Path) -> Table:
        if self._last is None or self._last.path != path:
            self.close()
            self._last = Table(path)
        return self._last

    def close(self) -> None:
        if self._last is not None:
            self._last.close()
        self._last = None


def _room(group: Any, columns: Sequence[str]) -> int:
    """Bytes that these columns of a row group take in memory, and at least. Names have dots, and lists more behind them."""
    parts = [group.column(i) for i in range(group.num_columns)]
    mine = [part for part in parts if any(part.path_in_schema == name or part.path_in_schema.startswith(f"{name}.") for name in columns)]
    return sum(max(part.total_uncompressed_size, 8 * part.num_values) for part in mine)


def array_of(column: Any) -> Array:
    """A column of numbers, or of lists of numbers that are all as long, as (T, …); raises ValueError for any other."""
    import pyarrow as pa

    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks else pa.array([], values.type)
    shape = [len(values)]
    while True:
        if isinstance(values.type, pa.BaseExtensionType):
            values = values.storage
        if values.null_count:
            raise ValueError("there are values missing")
        if not pa.types.is_nested(values.type):
            break
        if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type)):
            raise ValueError(f"{values.type} is no list of numbers")
        inner, outer = values.flatten(), len(values)
        width = len(inner) // outer if outer else 0
        if len(inner) != width * outer or not np.all(np.asarray(values.value_lengths()) == width):
            raise ValueError("its rows are not all as long")
        shape.append(width)
        values = inner
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise ValueError(f"{values.type} is no number")
    found: Array = values.to_numpy(zero_copy_only=False).reshape(shape)
    return found


def check_memory(needed: int, what: str) -> None:
    """Raises ValueError for what this machine cannot hold."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        there = UNKNOWN_MEMORY
    if needed > there:
        raise ValueError(f"{what} need {needed / 1e9:.1f} GB of memory, this machine has {there / 1e9:.1f}")
