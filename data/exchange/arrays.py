"""Arrays: demonstrations as plain arrays, in .npz files and in D4RL's HDF5; one after the other, or each by itself."""

import contextlib
import itertools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from data.episode import Array
from data.errors import UserError
from data.exchange.files import NO_CODE, in_order, kind_of, listed, looking, open_hdf5, other_formats, plain_dataset, reading
from data.exchange.foreign import STATE, BadEpisodeError, Collection, Foreign, as_observation, as_rows, flags
from data.hdf5 import DAMAGE, item, names, read_array
from data.schema import Outcome

NPZ, D4RL = "npz", "d4rl"
OBSERVATIONS, NEXT = "observations", "next_observations"
END_MARKS = ("terminals", "timeouts", "dones")
STARTS, ENDS = "episode_starts", "episode_ends"
INFOS = ("infos/qpos", "infos/qvel")  # where MuJoCo stood before each action
SINGLE = ("actions", "rewards", *END_MARKS, STARTS, ENDS)
LAYOUT = f"actions (N, m), observations (N, n) or observations_KEY, and {', '.join(END_MARKS)} (N,) or {STARTS} or {ENDS}"


class Rows(Protocol):
    """An array that is read row by row: numpy's, or an HDF5 dataset."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice) -> Any: ...


Table = Mapping[str, Rows]


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[Collection]:
    """Open one .npz of many demonstrations (all of it in memory), or a folder of one .npz each."""
    if path.is_dir():
        files = {file.stem: file for file in sorted(path.glob("*.npz"), key=lambda file: in_order(file.name))}
        if not files:
            raise UserError(f"{path} is a folder without .npz files; give a folder of one .npz an episode, or {other_formats(path)}")
        yield Collection(NPZ, tuple(files), lambda name: _one(name, lambda: _load_npz(files[name])), in_env_units=True)
    else:
        if not zipfile.is_zipfile(path):
            raise UserError(f"{path} is {kind_of(path)}, --from npz reads an .npz file or a folder of them; {other_formats(path)}")
        with looking(path, NPZ):
            table = _load_npz(path)
        yield _flat(path, NPZ, table)


@contextlib.contextmanager
def open_d4rl(path: Path) -> Iterator[Collection]:
    """Open D4RL's flat arrays, or one group a demonstration with the same arrays."""
    with open_hdf5(path, D4RL) as file:
        with looking(path, D4RL):
            groups = sorted((name for name in file if "actions" in names(file, name)), key=in_order)
            flat = {} if groups else _hdf5_table(file)
        if groups:
            yield Collection(D4RL, tuple(groups), lambda name: _demonstration(file, name), in_env_units=True)
        else:
            yield _flat(path, D4RL, flat)


def _demonstration(file: h5py.File, name: str) -> Foreign:
    with reading(name):
        group = item(file, name)
        found = _one(name, lambda: _hdf5_table(group))
        start = {key: read_array(group, f"init_state/{key}").tolist() for key in names(group, "init_state")}
    return Foreign(found.obs, found.actions, found.rewards, found.final_obs, about={"init_state": start} if start else {})


def _one(name: str, load: Callable[[], Table]) -> Foreign:
    """A table that is one demonstration."""
    with reading(name):
        table = load()
        if "actions" not in table:
            raise BadEpisodeError(f"{name} has no actions; it has {listed(table)}")
        _check_lengths(name, table, BadEpisodeError)
        return _foreign(table, slice(None), None)


# -- many in one table ---------------------------------------------------------------------------------------------


def _flat(path: Path, format: str, table: Table) -> Collection:
    if "actions" not in table or not _observed(table, OBSERVATIONS):
        raise UserError(f"{path} has {listed(table)} of what --from {format} reads: {LAYOUT}")
    _check_lengths(str(path), table, UserError)
    with looking(path, format):
        spans, is_cut = _spans(path, table)
    rows = {f"episode_{i}": slice(first, end) for i, (first, end) in enumerate(spans)}
    cut = list(rows)[-1] if is_cut else ""

    def read(name: str) -> Foreign:
        with reading(name):
            return _foreign(table, rows[name], Outcome.PARTIAL if name == cut else None)

    return Collection(format, tuple(rows), read, in_env_units=True)


def _spans(path: Path, table: Table) -> tuple[list[tuple[int, int]], bool]:
    """(first row, row after the last) of each episode; whether the last one has no end mark: the recording was cut there."""
    count = table["actions"].shape[0]
    if not count:
        raise UserError(f"{path} has no steps")
    if ENDS in table:
        ends = _indices(path, table, ENDS, count)
    elif STARTS in table:
        ends = [*_indices(path, table, STARTS, count), count]
    elif marks := [flags(table[name][:]) for name in END_MARKS if name in table]:
        ends = [int(at) + 1 for at in np.flatnonzero(np.any(marks, axis=0))]
    else:
        raise UserError(f"{path} does not say where its episodes end; it needs {', '.join(END_MARKS)} (N,), {STARTS} or {ENDS}")
    bounds = sorted({0, count, *ends})
    return list(itertools.pairwise(bounds)), count not in ends


def _indices(path: Path, table: Table, name: str, count: int) -> list[int]:
    """Row numbers, from marks (N,) of 0 and 1 or from rising row numbers; ends are those after the last row."""
    values = np.asarray(table[name][:]).reshape(-1)
    if len(values) == count and np.isin(values, (0, 1)).all():
        return [int(at) + (name == ENDS) for at in np.flatnonzero(values)]
    rising = values.dtype.kind in "iu" and len(values) > 0 and bool(np.all(np.diff(values.astype(np.int64)) > 0))
    if not rising or values[0] < 0 or values[-1] > count:
        raise UserError(f"{path} has {name} that are neither {count} marks of 0 and 1 nor rising row numbers up to {count}")
    return [int(value) for value in values]


def _check_lengths(what: str, table: Table, error: type[UserError]) -> None:
    """All arrays with a row a step have as many."""
    count = _length(table["actions"])
    for name, column in table.items():
        if name not in (STARTS, ENDS) and _length(column) != count:
            raise error(f"{what} has {count} rows of actions and {_length(column)} of {name}; they must be as many")


def _length(column: Rows) -> int:
    return column.shape[0] if column.shape else 0


def _foreign(table: Table, rows: slice, outcome: Outcome | None) -> Foreign:
    obs = {key: as_observation(table[name][rows]) for name, key in _observed(table, OBSERVATIONS).items()}
    last = {key: as_observation(table[name][rows][-1:]) for name, key in _observed(table, NEXT).items()}
    actions = as_rows(np.asarray(table["actions"][rows]))
    return Foreign(
        obs=obs,
        actions=actions,
        rewards=np.asarray(table["rewards"][rows]).reshape(-1) if "rewards" in table else None,
        columns=_states(table, rows),
        final_obs={key: np.asarray(row[0]) for key, row in last.items()} if set(last) == set(obs) and len(actions) else None,
        outcome=outcome,
    )


def _states(table: Table, rows: slice) -> dict[str, Array]:
    """robomimic's [time, qpos, qvel], from D4RL's infos; nobody kept the time, which is 0."""
    if not all(name in table for name in INFOS):
        return {}
    qpos, qvel = (as_rows(np.asarray(table[name][rows], np.float64)) for name in INFOS)
    return {"states": np.concatenate([np.zeros((len(qpos), 1)), qpos, qvel], axis=1)}


def _observed(table: Table, prefix: str) -> dict[str, str]:
    """Our key for each array of observations: `state` for the only one, else what stands behind the prefix."""
    return {name: name.removeprefix(prefix).lstrip("_/").replace("/", "_") or STATE for name in table if _is_of(name, prefix)}


def _is_of(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith((f"{prefix}_", f"{prefix}/"))


# -- tables --------------------------------------------------------------------------------------------------------


def _is_read(name: str) -> bool:
    return name in SINGLE or name in INFOS or _is_of(name, OBSERVATIONS) or _is_of(name, NEXT)


def _load_npz(path: Path) -> dict[str, Array]:
    """The arrays that matter; raises UserError for pickled ones."""
    with np.load(path, allow_pickle=False) as file:
        try:
            return {name: file[name] for name in file.files if _is_read(name)}
        except DAMAGE as error:
            if "allow_pickle" in str(error):
                raise UserError(f"{path} holds pickled objects; {NO_CODE}") from error
            raise


def _hdf5_table(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """The datasets that matter, to be read row by row; those of a group of observations by their path."""
    paths = [f"{name}/{key}" for name in (OBSERVATIONS, NEXT) for key in names(group, name)]
    paths += [path for path in INFOS if path.removeprefix("infos/") in names(group, "infos")]
    paths += [name for name in group if _is_read(name) and not names(group, name)]
    return {path: plain_dataset(group, path) for path in paths}
