"""Reading: anybody's data set of version 3, and our own, whose episodes come back whole where what lay aside still fits."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array, Episode
from data.exchange.files import listed, reading
from data.exchange.foreign import BadEpisodeError, Collection, Foreign, as_observation, as_rows, flags
from data.exchange.lerobot.aside import FOLDER, LOSSY, Aside, open_aside
from data.exchange.lerobot.films import pictures_at
from data.exchange.lerobot.folder import FORMAT, Feature, Folder, action_range, inside, read_folder
from data.exchange.lerobot.names import ACTION, COUNTERS, DONE, INTERVENTION, OBSERVATION, REWARD, SUCCESS, key_of, keys_in
from data.exchange.lerobot.needs import check_packages
from data.exchange.lerobot.pictures import picture_of
from data.exchange.lerobot.tables import Tables, array_of, check_memory
from data.hdf5 import DAMAGE
from data.schema import Outcome

PICTURES = ("image", "video")
NUMBERS = ("float", "int", "uint", "bool")  # how the dtypes of numbers begin
REQUIRED = ("timestamp", "frame_index", "episode_index", "task_index")
INTERVENTIONS = (INTERVENTION, "is_intervention", "complementary_info.is_intervention")

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def open_lerobot(path: Path) -> Iterator[Collection]:
    """Open a data set; raises UserError for what is none, and for those of older versions."""
    check_packages()
    folder = read_folder(path)
    with contextlib.ExitStack() as stack:
        aside = _aside(path, stack)
        reader = _Reader(folder, aside, stack.enter_context(contextlib.closing(Tables())))
        names = reader.names()
        first = aside.kept(0) if aside else None
        yield Collection(
            FORMAT,
            tuple(names),
            lambda name: reader.read(name, names[name]),
            env_id=first.env_id if first else "",
            env_kwargs=first.env_kwargs if first else None,
            control_hz=first.control_hz if first else folder.info.fps,
            masks={mask: tuple(f"demo_{number}" for number in numbers) for mask, numbers in aside.masks.items()} if aside else {},
            action_range=action_range(path),
        )


def _aside(path: Path, stack: contextlib.ExitStack) -> Aside | None:
    """What lies aside; whatever is wrong with that, the data set itself can be read."""
    try:
        return stack.enter_context(open_aside(path))
    except DAMAGE as error:
        logger.warning("%s is left out of account (%s)", path / FOLDER, " ".join(str(error).split()))
        return None


@dataclass
class _Found:
    """An episode as LeRobot's columns have it: `numbers` by feature (T, …), `pictures` (T, H, W, 3) by feature."""

    numbers: dict[str, Array]
    pictures: dict[str, NDArray[np.uint8]]
    codecs: dict[str, str]
    left_out: list[str]
    tasks: list[str]


@dataclass
class _Reader:
    folder: Folder
    aside: Aside | None
    tables: Tables
    _told: set[int] = field(default_factory=set)

    def names(self) -> dict[str, int]:
        """The episodes by name: ours have the number that they had in their session, by which their branches name them."""
        found: dict[str, int] = {}
        for index in range(len(self.folder.rows)):
            kept = self.aside.kept(index) if self.aside else None
            name = f"demo_{kept.number}" if kept else f"episode_{index}"
            found[f"episode_{index}" if name in found else name] = index
        return found

    def read(self, name: str, index: int) -> Foreign | Episode:
        with reading(name):
            found = self._found(name, index)
            if self.aside and self.aside.kept(index):
                try:
                    return self._ours(self.aside, index, found)
                except DAMAGE as error:
                    if index not in self._told:
                        logger.warning("%s: what lies in %s is not of it any more (%s)", name, FOLDER, " ".join(str(error).split()))
                    self._told.add(index)
            return self._foreign(found)

    # -- LeRobot's columns -----------------------------------------------------------------------------------------

    def _found(self, name: str, index: int) -> _Found:
        features = self.folder.info.features
        wanted = {key: feature for key, feature in features.items() if _is_wanted(key, feature)}
        missing = [key for key in REQUIRED if key not in features]
        if missing:
            raise BadEpisodeError(f"{name} has no feature {missing[0]}; LeRobot's data sets have {', '.join(COUNTERS)}")
        table = self._rows(index, [key for key, feature in wanted.items() if feature.dtype != "video"])
        count, said = len(table), self.folder.rows[index]["length"]
        if count != said:
            raise ValueError(f"it has {count or 'no'} frames, meta/episodes says {said}")
        numbers = {key: _numbers(key, table.column(key), feature) for key, feature in wanted.items() if feature.dtype not in PICTURES}
        if not np.array_equal(numbers["frame_index"].reshape(-1), np.arange(count)):
            raise ValueError("its frames are not in order")
        cameras = {key: feature for key, feature in wanted.items() if feature.dtype in PICTURES}
        check_memory(3 * count * sum(feature.size[0] * feature.size[1] for feature in cameras.values()), "its pictures")
        times_s = numbers["timestamp"].reshape(-1).astype(np.float64)
        pictures, codecs = {}, {}
        for key, feature in cameras.items():
            try:
                if feature.dtype == "image":
                    pictures[key] = self._embedded(table.column(key), feature)
                else:
                    pictures[key], codecs[key] = self._filmed(index, key, feature, times_s)
            except (ValueError, OSError) as error:
                raise ValueError(f"{key}: {error}") from error
        texts = self._texts(index, numbers["task_index"])
        left_out = [key for key in features if key.startswith(OBSERVATION) and key not in wanted]
        return _Found(numbers, pictures, codecs, left_out, texts)

    def _texts(self, index: int, numbers: Array) -> list[str]:
        """What was to be done, in the order in which it was; "" where nobody says it."""
        if not self.folder.tasks:
            return [str(text) for text in self.folder.rows[index].get("tasks") or [""]]
        return [self.folder.tasks.get(int(number), "") for number in dict.fromkeys(numbers.reshape(-1).tolist())]

    def _rows(self, index: int, columns: list[str]) -> Any:
        import pyarrow.compute

        table = self.tables.open(self.folder.data_file(index))
        missing = [column for column in columns if column not in table.names]
        if missing:
            raise ValueError(f"{table.path.name} has no column {missing[0]}, but {listed(table.names)}")
        rows = table.read(columns, table.groups_with("episode_index", index))
        return rows.filter(pyarrow.compute.equal(rows.column("episode_index"), index))

    def _embedded(self, column: Any, feature: Feature) -> NDArray[np.uint8]:
        """Pictures in the table, or files that it names."""
        found = np.empty((len(column), *feature.size, 3), np.uint8)
        for at, value in enumerate(column):
            entry = value.as_py()
            data = entry.get("bytes") if isinstance(entry, dict) else entry
            if data is None and isinstance(entry, dict) and entry.get("path"):
                data = inside(self.folder.path, str(entry["path"])).read_bytes()
            if not isinstance(data, bytes):
                raise ValueError("it is neither a picture nor the name of one")
            found[at] = picture_of(data, feature.size)
        return found

    def _filmed(self, index: int, key: str, feature: Feature, times_s: NDArray[np.float64]) -> tuple[NDArray[np.uint8], str]:
        start_s = self.folder.rows[index].get(f"videos/{key}/from_timestamp")
        if not isinstance(start_s, int | float) or not np.all(np.isfinite(times_s)) or np.any(np.diff(times_s) <= 0):
            raise ValueError("its times are not in order")
        return pictures_at(self.folder.film(index, key), start_s + times_s, feature.size, self.folder.info.fps)

    # -- and what they are to us -----------------------------------------------------------------------------------

    def _ours(self, aside: Aside, index: int, found: _Found) -> Episode:
        keys = aside.keys
        held = {"actions": found.numbers[ACTION], "rewards": found.numbers[REWARD]}
        held["dones"], held["interventions"] = (found.numbers[DONE].astype(np.int64), found.numbers[INTERVENTION].astype(np.uint8))
        obs = {**self._vectors(found), **{keys[feature]: pictures for feature, pictures in found.pictures.items()}}
        lossy = {keys[feature]: codec for feature, codec in found.codecs.items()}
        return aside.episode(index, {**held, **{f"obs/{key}": column for key, column in obs.items()}}, lossy, found.tasks[0])

    def _vectors(self, found: _Found) -> dict[str, Array]:
        """Observations by our keys: those that the names say, else LeRobot's last name."""
        obs: dict[str, Array] = {}
        for feature, column in found.numbers.items():
            if not feature.startswith(OBSERVATION):
                continue
            widths = keys_in(self.folder.info.features[feature].names) if column.ndim == 2 else {}
            parts = np.split(column, np.cumsum(list(widths.values()))[:-1], axis=1) if sum(widths.values()) == column.shape[-1] else []
            named = dict(zip(widths, parts, strict=True)) if parts else {key_of(feature): as_observation(column)}
            _join(obs, {key: np.ascontiguousarray(part) for key, part in named.items()})
        return obs

    def _foreign(self, found: _Found) -> Foreign:
        numbers = found.numbers
        obs = self._vectors(found)
        pictures = {key_of(feature): pictures for feature, pictures in found.pictures.items()}
        _join(obs, pictures)
        about: dict[str, Any] = {"task": found.tasks[0]} if found.tasks and found.tasks[0] else {}
        about |= {"tasks": found.tasks} if len(found.tasks) > 1 else {}
        about |= {"robot_type": self.folder.info.robot} if self.folder.info.robot else {}
        about |= {LOSSY: {key_of(feature): codec for feature, codec in found.codecs.items()}} if found.codecs else {}
        about |= {"left_out": found.left_out} if found.left_out else {}
        return Foreign(
            obs=obs,
            actions=as_rows(numbers[ACTION]),
            rewards=numbers[REWARD].reshape(-1) if REWARD in numbers else None,
            columns=_who_drove(numbers),
            outcome=_outcome(numbers),
            about=about,
        )


def _is_wanted(key: str, feature: Feature) -> bool:
    """What becomes something of ours. Depth is a film of codes, and texts are no numbers."""
    if key in (ACTION, REWARD, DONE, SUCCESS, *INTERVENTIONS, *REQUIRED):
        return feature.dtype.startswith(NUMBERS)
    return key.startswith(OBSERVATION) and not feature.is_depth and (feature.dtype in PICTURES or feature.dtype.startswith(NUMBERS))


def _numbers(key: str, column: Any, feature: Feature) -> Array:
    """(T, …) as the features say; raises ValueError for another shape."""
    try:
        found = array_of(column)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error
    width = found.shape[1:] or (1,)
    if width != feature.shape and (1, *width) != feature.shape:
        raise ValueError(f"{key} has {list(width)} numbers a frame, the features say {list(feature.shape)}")
    return found.reshape(len(found), -1) if key == ACTION or (key.startswith(OBSERVATION) and found.ndim == 1) else found


def _join(obs: dict[str, Array], more: Mapping[str, Array]) -> None:
    for key, column in more.items():
        if key in obs:
            raise ValueError(f"two observations would be called {key}")
        obs[key] = column


def _who_drove(numbers: Mapping[str, Array]) -> dict[str, Array]:
    """Where anybody intervened a policy drove else; where nobody did it is for the user to say."""
    marks = next((flags(numbers[key]) for key in INTERVENTIONS if key in numbers), None)
    if marks is None or not marks.any():
        return {}
    return {"interventions": marks.astype(np.uint8), "policy_acting": (~marks).astype(np.uint8), "user_acting": marks.astype(np.uint8)}


def _outcome(numbers: Mapping[str, Array]) -> Outcome | None:
    if SUCCESS not in numbers:
        return None
    return Outcome.SUCCESS if flags(numbers[SUCCESS]).any() else Outcome.FAILURE
