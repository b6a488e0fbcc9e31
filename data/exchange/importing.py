"""Importing: the demonstrations of a collection into a session, each once, however often it is asked for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data.catalog import Row
from data.change import changing
from data.check import problems
from data.episode import Episode
from data.episode_file import read_meta, write_episode
from data.errors import UserError
from data.exchange.foreign import (
    DEFAULT_HZ,
    BadEpisodeError,
    Collection,
    Foreign,
    Terms,
    check_foreign,
    count_outside,
    to_episode,
    with_terms,
)
from data.exchange.units import Numbers
from data.files import numbered
from data.masks import read_masks, write_masks
from data.schema import EpisodeMeta, Outcome, Source
from data.session import TRASH_NAME, Session

Progress = Callable[[int, str], None]
DEMO_PREFIX = "demo_"  # and the number that an episode of ours had, by which its branches name it


@dataclass(frozen=True)
class Wishes:
    """What the user says of the demonstrations; None or nothing where the file, or the session, is to say."""

    env_id: str | None
    hz: float | None
    outcome: Outcome
    source: Source
    cameras: tuple[str, ...] = ()
    image_size: int = 84


@dataclass(frozen=True)
class Survey:
    """What a collection holds: the uid of each sound demonstration by its name, and why others are `skipped`.

    `size` in bytes is the most that the episodes will need. `low`, `high` (A,): the extremes of the actions as the file has
    them; `outside` is the share of their numbers beyond [-1, 1].
    """

    uids: Mapping[str, str]
    skipped: Mapping[str, str]
    size: int
    low: Numbers
    high: Numbers
    outside: float


@dataclass
class Imported:
    """How far an import has come: the number of each new episode by its name; `passed_over` were there already.

    Of the new ones `values` numbers are actions, and `clipped` of them were outside [-1, 1].
    """

    numbers: dict[str, int] = field(default_factory=dict)
    passed_over: int = 0
    steps: int = 0
    values: int = 0
    clipped: int = 0


def terms_of(collection: Collection, session: Session | None, asked: Wishes) -> Terms:
    """What every episode is said to be: what was asked for, else what the file says, else what the session holds.

    Raises UserError where nobody says the env, or the session holds another one.
    """
    row = first_row(session)
    env_id = asked.env_id or collection.env_id or (row.env_id if row else "")
    if not env_id:
        raise UserError(f"nothing says which environment the {collection.format} demonstrations are of; give --env ENV_ID")
    same = bare_id(env_id) == bare_id(collection.env_id)
    told = collection.env_kwargs if same else None
    held = dict(row.env_kwargs) if row else {}
    if session:
        session.check_env(env_id)
    hz = asked.hz or collection.control_hz or DEFAULT_HZ
    terms = Terms(
        env_id,
        held if told is None else dict(told),
        hz,
        asked.outcome,
        asked.source,
        cameras=asked.cameras,
        image_size=asked.image_size,
    )
    if row and dict(terms.seen_kwargs) != held:
        raise UserError(
            f"the session holds {env_id} {json.dumps(held)} and these are of {env_id} {json.dumps(dict(terms.seen_kwargs))}; a session "
            "is of one env with one set of arguments: give another --session"
        )
    return terms


def survey(collection: Collection, terms: Terms, advance: Progress, *, skip_bad: bool = False) -> Survey:
    """Read every demonstration once, one in memory at a time, and see that it can become an episode.

    Raises UserError for one that cannot, unless `skip_bad`, and for demonstrations that do not fit each other.
    """
    uids: dict[str, str] = {}
    skipped: dict[str, str] = {}
    alike: tuple[str, _Shapes] | None = None
    clipped = numbers = size = 0
    low: Numbers | None = None
    high: Numbers | None = None
    for done, name in enumerate(collection.names, 1):
        try:
            episode, foreign = _prepared(collection, name, terms, name)
        except BadEpisodeError as error:
            if not skip_bad:
                raise UserError(f"{error}; --skip-bad leaves such out") from error
            skipped[name] = str(error)
        else:
            alike = alike or (name, _shapes(episode))
            _check_alike(*alike, name, _shapes(episode))
            uids[name] = episode.meta.uid
            actions = episode.steps["actions"] if foreign is None else foreign.actions
            least, most = (np.asarray(side(actions, axis=0), np.float64) for side in (np.min, np.max))
            low, high = least if low is None else np.minimum(low, least), most if high is None else np.maximum(high, most)
            numbers += actions.size
            clipped += 0 if foreign is None else count_outside(foreign, terms)
            size += sum(array.nbytes for array in (*episode.steps.values(), *episode.obs.values()))
        advance(done, f"{len(skipped)} left out" if skipped else "")
    if low is None or high is None:
        raise UserError(f"all {len(skipped)} demonstrations are left out, the first because {next(iter(skipped.values()))}")
    return Survey(uids, skipped, size, low, high, clipped / numbers)


def check_fits(session: Session, collection: Collection, found: Survey, terms: Terms) -> None:
    """Refuse actions of another width, and other observations, than those that the session holds."""
    row = first_row(session)
    if row is None:
        return
    episode, _ = _prepared(collection, next(iter(found.uids)), terms, "")
    held, new = (_vectors(one) for one in (session.read(row.number), episode))
    if held["actions"] != new["actions"]:
        raise UserError(
            f"{session.path} holds actions of {held['actions']} numbers and these have {new['actions']}; give another --session"
        )
    if held != new and not (terms.cameras and len(new) == 1):
        both = [", ".join(f"{key} ({width})" for key, width in sorted(side.items()) if key != "actions") for side in (held, new)]
        raise UserError(f"{session.path} holds observations {both[0]} and these have {both[1] or 'none'}; give another --session")


def _vectors(episode: Episode) -> dict[str, int]:
    """The width of the actions and of each observation that is a vector."""
    vectors = {key: int(column.shape[1]) for key, column in episode.obs.items() if column.ndim == 2}
    return {**vectors, "actions": int(episode.steps["actions"].shape[1])}


def carry_out(session: Session, collection: Collection, found: Survey, terms: Terms, path: Path, advance: Progress) -> Imported:
    """Write an episode for each demonstration that the session neither holds nor has in its trash; each is there whole.

    Only for who has claimed the session.
    """
    held, said = held_uids(session), Imported()
    numbers = {name: held[uid] for name, uid in found.uids.items() if uid in held}
    said.passed_over, following = len(numbers), session.next_number()
    missing = [name for name in found.uids if name not in numbers]
    numbers |= {name: following + i for i, name in enumerate(missing)}
    with changing(session):
        try:
            for done, name in enumerate(missing, 1):
                episode, foreign = _prepared(collection, name, terms, f"{path.resolve().name}#{name}")
                if episode.meta.uid != found.uids[name]:
                    raise UserError(f"{path} was changed while it was read ({name}); run this again when nobody writes to it")
                meta = _related(episode.meta, numbers)
                write_episode(session.episode_path(numbers[name]), replace(episode, meta=meta))
                said.numbers[name] = numbers[name]
                said.steps, said.values = said.steps + len(episode), said.values + episode.steps["actions"].size
                said.clipped += 0 if foreign is None else count_outside(foreign, terms)
                advance(done, f"episode {numbers[name]}")
        finally:
            keep_masks(session, collection, said.numbers)
    return said


def _prepared(collection: Collection, name: str, terms: Terms, origin: str) -> tuple[Episode, Foreign | None]:
    """A demonstration as an episode, and as it was where another tool kept it."""
    found = collection.read(name)
    if isinstance(found, Episode):
        if wrong := problems(found):
            raise BadEpisodeError(f"{name} is damaged ({'; '.join(wrong)})")
        return with_terms(found, terms, origin), None
    check_foreign(name, found, terms)
    return to_episode(name, found, terms, origin), found


_Shapes = Mapping[str, tuple[int, ...]]


def _shapes(episode: Episode) -> _Shapes:
    """Of a row of the actions and of each observation."""
    return {"actions": episode.steps["actions"].shape[1:], **{key: column.shape[1:] for key, column in episode.obs.items()}}


def _check_alike(first: str, expected: _Shapes, name: str, found: _Shapes) -> None:
    for key in sorted({*expected, *found}):
        if expected.get(key) != found.get(key):
            said = f"{first} has {expected.get(key, 'none')}, {name} has {found.get(key, 'none')}"
            raise UserError(
                f"the demonstrations are not alike in {key}: {said} a step; a session is of one kind, import those of others apart"
            )


def first_row(session: Session | None) -> Row | None:
    return next(iter(session.catalog().rows.values()), None) if session else None


def bare_id(env_id: str) -> str:
    """Without the module that registers it."""
    return env_id.rpartition(":")[2]


def held_uids(session: Session) -> dict[str, int]:
    """The number of each uid that the session holds or has in its trash; what has none was not imported."""
    held: dict[str, int] = {}
    for path in numbered(session.path / TRASH_NAME, ".hdf5"):
        try:
            held[read_meta(path).uid] = int(path.stem)
        except UserError:  # damaged, or a newer schema: nobody can say what it is
            continue
    return held | {row.uid: row.number for row in session.catalog().rows.values()}


def _related(meta: EpisodeMeta, numbers: Mapping[str, int]) -> EpisodeMeta:
    """A branch belongs to the episode that its parent has become, or stands alone."""
    parent = numbers.get(f"{DEMO_PREFIX}{meta.parent}", -1)
    return replace(meta, parent=parent, branch_step=meta.branch_step if parent >= 0 else -1)


def keep_masks(session: Session, collection: Collection, numbers: Mapping[str, int]) -> None:
    """Add the new episodes to the session's split, as the collection was split."""
    train, valid = (set(collection.masks.get(mask, ())) for mask in ("train", "valid"))
    if not valid or train & valid:
        return
    known = read_masks(session.path)
    new_train, new_valid = (tuple(number for name, number in numbers.items() if name in mask) for mask in (train, valid))
    if new_train or new_valid:
        write_masks(session.path, replace(known, train=(*known.train, *new_train), valid=(*known.valid, *new_valid)))
