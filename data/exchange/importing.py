"""Importing: the demonstrations of a collection into a session, each once, however often it is asked for."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data import merge
from data.catalog import Row
from data.change import changing
from data.check import problems
from data.episode import Episode
from data.episode_file import read_meta, write_episode
from data.errors import UserError
from data.exchange.foreign import (
    DEFAULT_HZ,
    ROUNDING,
    BadEpisodeError,
    Collection,
    Foreign,
    Terms,
    check_foreign,
    count_outside,
    to_episode,
    with_terms,
)
from data.exchange.units import ActionRange, Numbers, range_of_extremes, range_of_settings, range_of_words
from data.masks import read_masks, write_masks
from data.schema import EpisodeMeta, Outcome, Source
from data.session import TRASH_NAME, Session
from data.simulator import simulate

Progress = Callable[[int, str], None]
AskBounds = Callable[[str, Mapping[str, Any]], ActionRange | None]
MOST_OUTSIDE = 0.2  # a larger share of actions outside [-1, 1] is another unit, not a slip
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
    row = _first_row(session)
    env_id = asked.env_id or collection.env_id or (row.env_id if row else "")
    if not env_id:
        raise UserError(f"nothing says which environment the {collection.format} demonstrations are of; give --env ENV_ID")
    same = _bare(env_id) == _bare(collection.env_id)
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


def settle_range(
    terms: Terms, collection: Collection, found: Survey, session: Session | None, asked: Sequence[float], bounds: AskBounds
) -> Terms:
    """The terms with what -1 and 1 stand for: as asked, else as in the session, else as the environment or the file says.

    `bounds` asks the environment, for formats that keep its own units. Without a word from anybody actions of which more than
    `MOST_OUTSIDE` lie beyond [-1, 1] are taken by their extremes. Raises UserError where the session's actions mean something else.
    """
    held, width = _held_range(session), len(found.low)
    if asked:
        wanted: ActionRange | None = range_of_words(asked, width)
        if held is not None and not range_of_words(asked, width).same(held):
            raise UserError(f"in this session {held}, which is not --action-range; leave that out, or give another --session")
    else:
        wanted = held or (bounds(terms.env_id, terms.env_kwargs) if collection.in_env_units else None)
        if wanted is None or (held is None and not wanted.can_hold(found.low, found.high)):
            wanted = _range_in_file(collection, found)
            if wanted is not None and session is not None and _first_row(session) is not None:
                raise UserError(
                    f"{session.path} holds actions in [-1, 1], and {found.outside:.0%} of the numbers here lie outside: say what -1 and 1 "
                    "stand for with --action-range LOW HIGH, or give another --session"
                )
    return replace(terms, action_range=None if wanted is None or wanted.is_unit else wanted)


def _range_in_file(collection: Collection, found: Survey) -> ActionRange | None:
    """None where the actions are in [-1, 1] as they are, but for slips; a file that says its range has no slips."""
    said = collection.action_range
    if said is not None and len(said[0]) == len(found.low):
        low, high = (np.asarray(side, np.float64) for side in said)
        fits = bool(np.all(low >= -1.0 - ROUNDING) and np.all(high <= 1.0 + ROUNDING))
        return None if fits else range_of_extremes(low, high, said_by=f"the {collection.format} set's own statistics")
    if found.outside > MOST_OUTSIDE:
        return range_of_extremes(found.low, found.high, said_by="their extremes: nothing says their unit")
    return None


def _held_range(session: Session | None) -> ActionRange | None:
    """What the imports before have settled; None where there were none, or nothing was rescaled."""
    for row in reversed(session.rows() if session else []):
        if row.origin and session is not None:
            return range_of_settings(read_meta(session.episode_path(row.number)).settings)
    return None


def check_width(session: Session, collection: Collection, found: Survey, terms: Terms) -> None:
    """Refuse actions of another width than those that the session holds."""
    row = _first_row(session)
    if row is None:
        return
    held = session.read(row.number, keys=()).steps["actions"].shape[1]
    episode, _ = _prepared(collection, next(iter(found.uids)), terms, "")
    if episode.steps["actions"].shape[1] != held:
        width = episode.steps["actions"].shape[1]
        raise UserError(f"{session.path} holds actions of {held} numbers and these have {width}; give another --session")


def carry_out(session: Session, collection: Collection, found: Survey, terms: Terms, path: Path, advance: Progress) -> Imported:
    """Write an episode for each demonstration that the session neither holds nor has in its trash; each is there whole.

    Only for who has claimed the session.
    """
    held, said = _held(session), Imported()
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
            _keep_masks(session, collection, said.numbers)
    return said


def carry_out_seen(session: Session, collection: Collection, found: Survey, terms: Terms, path: Path, advance: Progress) -> Imported:
    """As `carry_out`, with the pictures that the simulator draws of the states; what it cannot draw makes nothing of all.

    Raises UserError with its reason.
    """
    held = _held(session)
    missing = {name: uid for name, uid in found.uids.items() if uid not in held}
    said = Imported(passed_over=len(found.uids) - len(missing))
    if not missing:
        return said
    with tempfile.TemporaryDirectory(prefix=".import-", dir=session.path.parent) as scratch:
        plain, seen = Session.create(Path(scratch) / "plain"), Path(scratch) / "seen"
        with plain.claim():
            said = replace(carry_out(plain, collection, replace(found, uids=missing), terms, path, advance), passed_over=said.passed_over)
        names = {number: name for name, number in said.numbers.items()}
        words = ["observe", str(plain.path), "--out", str(seen), "--cameras", *terms.cameras, "--image-size", str(terms.image_size)]
        simulate([*words, "--json"], "seeing", len(missing))
        plan = merge.plan_merge(session, [Session.open(seen)])
        merge.carry_out(session, plan, lambda done, note: None)
    said.numbers = {names[int(copy.source.stem)]: copy.number for copy in plan.copies}
    _keep_masks(session, collection, said.numbers)
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


def _first_row(session: Session | None) -> Row | None:
    return next(iter(session.catalog().rows.values()), None) if session else None


def _bare(env_id: str) -> str:
    """Without the module that registers it."""
    return env_id.rpartition(":")[2]


def _held(session: Session) -> dict[str, int]:
    """The number of each uid that the session holds or has in its trash; what has none was not imported."""
    held: dict[str, int] = {}
    for path in sorted((session.path / TRASH_NAME).glob("[0-9]*.hdf5")):
        try:
            held[read_meta(path).uid] = int(path.stem)
        except UserError:  # damaged, or a newer schema: nobody can say what it is
            continue
    return held | {row.uid: row.number for row in session.catalog().rows.values()}


def _related(meta: EpisodeMeta, numbers: Mapping[str, int]) -> EpisodeMeta:
    """A branch belongs to the episode that its parent has become, or stands alone."""
    parent = numbers.get(f"{DEMO_PREFIX}{meta.parent}", -1)
    return replace(meta, parent=parent, branch_step=meta.branch_step if parent >= 0 else -1)


def _keep_masks(session: Session, collection: Collection, numbers: Mapping[str, int]) -> None:
    """Add the new episodes to the session's split, as the collection was split."""
    train, valid = (set(collection.masks.get(mask, ())) for mask in ("train", "valid"))
    if not valid or train & valid:
        return
    known = read_masks(session.path)
    new_train, new_valid = (tuple(number for name, number in numbers.items() if name in mask) for mask in (train, valid))
    if new_train or new_valid:
        write_masks(session.path, replace(known, train=(*known.train, *new_train), valid=(*known.valid, *new_valid)))
