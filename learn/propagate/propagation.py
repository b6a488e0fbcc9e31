"""Propagation: a session to learn from, made of another: what was shown, and what follows from it in other scenes."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from data.catalog import Row
from data.cores import Cluster, worker_pool
from data.episode import Episode
from data.errors import UserError, one_of
from data.masks import read_masks, write_masks
from data.merge import carry_out, origin_of, plan_merge, uid_of
from data.session import Session
from learn.propagate.carrier import PROPAGATED, Carrier
from learn.propagate.demonstration import Demonstration, demonstration_of
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant


class NothingToCarryError(UserError):
    """There is no demonstration that could be carried over."""


FIRST_SCENE = 20_000  # apart from all that demonstrates, is looked for, chooses and judges
TRIES = 4


@dataclass(frozen=True)
class Propagated:
    """What is in the session `lessons` now. `proven` and `unproven` are the scenes (seeds) that were asked for, by whether an episode
    of them ends in success; `done_now` of them were tried in this call, with `steps` of the simulator. `episodes` that were carried
    over there are in all.
    """

    lessons: Session
    demonstrations: int
    proven: tuple[int, ...]
    unproven: tuple[int, ...]
    done_now: int
    steps: int
    episodes: int

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        counts = {"scenes": len(self.proven) + len(self.unproven), "proven": len(self.proven), "done_now": self.done_now}
        return {"session": str(self.lessons.path), "demonstrations": self.demonstrations, **counts, "steps": self.steps}


OnScene = Callable[[int, int], None]
"""How many scenes are done, in how many of them it was proven."""


def propagate(
    source: Session,
    out: Path,
    scenes: Sequence[int],
    tries: int = TRIES,
    workers: int | None = 1,
    on_scene: OnScene = lambda done, proven: None,
    *,
    cluster: Cluster = "local",
) -> Propagated:
    """Bring the session `out` up to date with `source`, and carry its demonstrations over into the scenes of these seeds.

    A demonstration is a success without a policy at the wheel, that `data split` has not set aside for validation. What
    follows from it are episodes of their own with the operator "propagated"; scenes that have one are passed over, so
    that a call that was broken off, or a later one with more demonstrations or scenes, goes on. Raises NothingToCarryError where
    there is nothing to carry over, UserError where the environment's task does not say where the operator has to go.
    """
    if out.resolve() == source.path.resolve():
        raise UserError(f"--out {out} is the session with the demonstrations; give a new folder")
    env, rows = source.env_of(), _rows_of(source)
    shown = _Shown(env.env_id, dict(env.env_kwargs), tries)
    lessons = Session.create(out)
    with lessons.claim():
        _bring_up_to_date(lessons, source)
        there = {row.seed for row in lessons.rows() if row.operator == PROPAGATED}
        missing, proven, steps = [seed for seed in scenes if seed not in there], set(scenes) & there, 0
        if missing:
            shown = replace(shown, demonstrations=_read(source, rows, shown))
        with worker_pool(workers, _opened, shown, cluster=cluster, most=len(missing)) as pool:
            for done, (seed, episode, cost) in enumerate(pool.map(_carry, missing), 1):
                steps += cost
                if episode is not None:
                    lessons.append(episode)
                    proven.add(seed)
                on_scene(done, len(proven))
    unproven = tuple(seed for seed in scenes if seed not in proven)
    episodes = sum(row.operator == PROPAGATED for row in lessons.rows())
    return Propagated(lessons, len(rows), tuple(sorted(proven)), unproven, len(missing), steps, episodes)


def carried_over(source: Session, lessons: Path | None, scenes: Sequence[int]) -> Propagated | None:
    """`propagate` in this process, into the session `lessons`; None without one, or where there is nothing to carry over yet."""
    if lessons is None:
        return None
    try:
        return propagate(source, lessons, scenes)
    except NothingToCarryError:
        return None


def can_propagate(plant: Plant) -> TypeGuard[ArmEnv]:
    """Whether it is one of our arms at a task that says where the operator has to go next."""
    return isinstance(plant, ArmEnv) and type(plant).target_pos_m is not ArmEnv.target_pos_m


# -- the session that is learned from -----------------------------------------------------------------------------------


def _bring_up_to_date(lessons: Session, source: Session) -> None:
    """Every episode of `source`, none that is there no longer, nor what followed from it; its split."""
    held = {uid_of(source, row): row.number for row in source.rows()}
    if gone := {row.uid for row in lessons.rows() if row.operator != PROPAGATED} - held.keys():
        _forget(lessons, gone)
    carry_out(lessons, plan_merge(lessons, [source]), lambda done, words: None)
    masks = read_masks(source.path)
    if masks.named():
        numbers = {held[row.uid]: row.number for row in lessons.rows() if row.uid in held}
        train, valid = (tuple(numbers[n] for n in half if n in numbers) for half in (masks.train, masks.valid))
        write_masks(lessons.path, replace(masks, train=train, valid=valid))
        lessons.tidy_listing()


def _forget(lessons: Session, uids: Set[str]) -> None:
    """Delete copies, and what followed from them: all of it can be made again, and a copy in the trash would never be copied anew."""
    for number, meta in list(lessons.metas()):
        if meta.uid in uids or meta.settings.get(PROPAGATED, {}).get("from") in uids:
            lessons.episode_path(number).unlink()
    lessons.tidy_listing()


# -- carrying over ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """The environment, what is to be carried over in it, and how many of that are tried in a scene."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    tries: int
    demonstrations: tuple[Demonstration, ...] = ()

    @contextmanager
    def plant(self) -> Iterator[ArmEnv]:
        env, plant = make_plant(self.env_id, dict(self.env_kwargs))
        with closing(env):
            if not can_propagate(plant):
                raise UserError(
                    f"{self.env_id} does not say where the operator has to go, so nothing can be carried over; take one of ours"
                )
            env.reset(seed=0)
            yield plant


def _rows_of(source: Session) -> list[Row]:
    """The rows of what may be carried over; raises UserError where there is none."""
    held_out = set(read_masks(source.path).valid)
    rows = [row for row in source.rows() if row.success and row.operator != PROPAGATED and row.number not in held_out]
    if not rows:
        raise NothingToCarryError(
            f"{source.path} has no success to carry over; record one: python -m teleop record --env {source.env_of().env_id} "
            f"--session {source.path}"
        )
    if len(ids := {row.env_id for row in rows}) > 1:
        raise UserError(f"{source.path} mixes environments ({one_of(ids)}); split it, what is shown in one holds there")
    return rows


def _read(source: Session, rows: Sequence[Row], shown: _Shown) -> tuple[Demonstration, ...]:
    with shown.plant() as arm:
        read = (demonstration_of(arm, _named(source, row)) for row in rows)
        if found := tuple(one for one in read if one is not None):
            return found
    raise NothingToCarryError(
        f"none of the successes in {source.path} can be carried over: a policy drove, they have no simulator states, or the task "
        "does not say where to go; record one: python -m teleop record"
    )


def _named(source: Session, row: Row) -> Episode:
    """The episode, called as its copy is."""
    episode = source.read(row.number)
    return replace(episode, meta=replace(episode.meta, uid=uid_of(source, row), origin=origin_of(source, row)))


Seat = tuple[Carrier, int]
"""Who carries over, and how many demonstrations are tried in a scene."""
Carried = tuple[int, Episode | None, int]
"""The scene, what was proven in it, the steps it took."""


@contextmanager
def _opened(shown: _Shown) -> Iterator[Seat]:
    """A worker's own carrier."""
    with shown.plant() as arm:
        yield Carrier(arm, shown.demonstrations), shown.tries


def _carry(seat: Seat, seed: int) -> Carried:
    carrier, tries = seat
    before = carrier.steps
    episode = carrier.carry(seed, tries)
    return seed, episode, carrier.steps - before
