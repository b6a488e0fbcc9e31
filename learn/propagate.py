"""Propagation: a person's answer for one state carried over to near ones, and kept only where stepping the simulator proves it.

Corrective labels as in Ke et al., *CCIL: Continuity-Based Data Augmentation for Corrective Imitation Learning* (ICLR 2024,
section 4): an action that leads from a state beside the demonstrated one to where the demonstrator went. There a learned,
locally continuous model of the dynamics proposes the action and bounds its error; here the simulator says where it leads.
The near states are such as a policy came to itself, for it is those that it must know its way in (Ross et al. 2011).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.catalog import Row
from data.episode import Episode
from data.episode_file import read_episode
from data.errors import UserError, one_of
from data.masks import read_masks, write_masks
from data.migrate import uid_from_content
from data.session import Session
from learn.answers import Answers, Near, Places, gather, near_pairs
from learn.columns import read_columns, write_columns
from learn.dataset import Floats, Ints
from learn.inverse.verify import Landing, Ruler, Vector, Verifier, open_plant, put_back
from learn.weights import LABELLED_BY
from teleop.envs.arm import ACTION_NAMES, ArmEnv
from teleop.envs.plant import Plant

PROPAGATED = "propagated"  # the word in an episode's settings, and the folder beside the episodes
AT_LIMIT = 1.0 - 1e-6


@dataclass(frozen=True)
class PropagateConfig:
    """How far an answer is carried, and what counts as proof."""

    nearest: int = 8
    """near states that an answer is tried in, at most"""
    radius: float = 1.0
    """how far off these may be, in typical one-step changes"""
    apart: float = 0.25
    """how far off all that have labels they must be: a policy that is stuck comes to one place a hundred times"""
    tolerance: float = 0.25
    """accept what leads this near to where the answer leads, in typical one-step changes"""
    least_progress: float = 0.7
    """from where one step does not reach that far: accept what comes nearer by this share of the answer's own way"""
    refine: int = 6
    """Gauss-Newton steps through the simulator, from the answer as it is; 0: the answer as it is"""
    hold: tuple[int, ...] = ()
    """numbers of the action that stay the answer's, such as a guest arm's gripper; our arms' grip always does"""

    def __post_init__(self) -> None:
        if self.nearest < 1 or self.refine < 0 or min(self.hold, default=0) < 0:
            raise UserError(f"--nearest {self.nearest} --refine {self.refine} --hold {self.hold}: give at least 1, 0 and 0")
        if not (0.0 < self.tolerance < np.inf and 0.0 < self.least_progress <= 1.0):
            raise UserError(f"--tolerance {self.tolerance} --least-progress {self.least_progress}: give numbers above 0, a share up to 1")
        if not 0.0 <= self.apart < self.radius < np.inf:
            raise UserError(f"--apart {self.apart} --radius {self.radius}: give numbers from 0, the second larger; 0.25 and 1 are usual")


@dataclass(frozen=True)
class Propagated:
    """P proposals for states of one episode, in the order they were tried: of each state until one was accepted.

    `step` (P,) of the episode; the answer was given at `from_step` of `from_episode`, `distance` (P,) off. `actions` (P, A)
    proposed, and how far from where the answer leads the state is (`before`), the answer unchanged leads
    (`first_residual`) and the proposal leads (`residual`), (P,) each as `Ruler` measures; `accepted` (P,) is a label now.
    """

    step: Ints
    from_episode: Ints
    from_step: Ints
    distance: Floats
    actions: Floats
    before: Floats
    first_residual: Floats
    residual: Floats
    accepted: NDArray[np.bool_]


@dataclass(frozen=True)
class PropagateResult:
    """What is in the new session now, also from earlier calls. `residual`: of the accepted ones median, 90th percentile, worst."""

    session: Session
    episodes: int
    done_now: int
    answers: int
    visited: int
    tried: int
    accepted: int
    arrived: int
    residual: tuple[float, float, float] | None

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints; `arrived` of the `accepted` lead to the same place, the others towards it."""
        return {**vars(self), "session": str(self.session.path)}


@dataclass(frozen=True)
class Plan:
    """What is to be done: `uids` names what becomes of each usable episode of `source`, `missing` are not in `out` yet."""

    source: Session
    out: Path
    config: PropagateConfig
    rows: Mapping[int, Row]
    answers: Answers
    visited: Places
    ruler: Ruler
    uids: Mapping[int, str]
    missing: tuple[int, ...]


OnEpisode = Callable[[int, Propagated | None], None]


def plan_propagation(source: Session, out: Path, config: PropagateConfig) -> Plan:
    """Find the answers and the states they might be carried to; writes nothing.

    Raises UserError for a session without answers, without a policy's own states, or whose labels are nobody's answers.
    """
    if out.resolve() == source.path.resolve():
        raise UserError(f"--out {out} is the session with the answers; give a new folder")
    rows = {row.number: row for row in source.rows() if row.usable}
    if len(ids := {row.env_id for row in rows.values()}) > 1:
        raise UserError(f"{source.path} mixes environments ({one_of(ids)}); split it, an answer holds in one")
    if not any(row.labels for row in rows.values()):
        raise UserError(f"{source.path} has no answers to propagate; give some: python -m learn dagger {source.path} --out DIR")
    answers, visited, ruler = gather(source, list(rows), (PROPAGATED, LABELLED_BY))
    if not len(visited):
        raise UserError(f"{source.path} has no state that a policy came to unanswered; roll one out: python -m learn dagger")
    uids = _uids(source, rows, set(visited.episode.tolist()), config)
    return Plan(source, out, config, rows, answers, visited, ruler, uids, _missing(out, uids))


def propagate(plan: Plan, on_episode: OnEpisode | None = None) -> PropagateResult:
    """Write the session `plan.out`: every usable episode of the source under its own number, with what was propagated in `labels`.

    So training takes it in the place of the source, and an episode's answers and what follows from them are never on two
    sides of a split. What was propagated stands in the episode's settings (`steps`) and, with all that was tried and how
    it was verified, in `propagated/NUMBER.hdf5` (`read_propagated`). Episodes that `out` holds are passed over, so that a
    call that was broken off is gone on with by the same one.
    """
    first = next(iter(plan.rows.values()))
    with open_plant(first.env_id, first.env_kwargs) as (plant, _):
        target = Session.create(plan.out)
        with target.claim():
            if plan.missing:
                _fill(plan, plant, target, on_episode)
            if (masks := read_masks(plan.source.path)).named():
                write_masks(target.path, masks)
                target.tidy_listing()
    return _result(plan, target)


def read_propagated(session: Session, number: int) -> Propagated:
    """What was tried in the states of an episode; raises DamagedError where that cannot be read."""
    columns = read_columns(_sidecar(session, number), tuple(Propagated.__dataclass_fields__), "propagate the session again")
    return Propagated(**{**columns, "accepted": columns["accepted"].astype(bool)})


# -- what there is to do -----------------------------------------------------------------------------------------------


def _uids(source: Session, rows: Mapping[int, Row], changed: set[int], config: PropagateConfig) -> dict[int, str]:
    """An episode in which no policy was left alone stays what it is; what others become depends on all answers."""
    own = {number: row.uid or uid_from_content(read_episode(source.episode_path(number), ())) for number, row in rows.items()}
    everything = repr((asdict(config), [(uid, rows[number].checksum) for number, uid in own.items()]))
    name = {number: hashlib.blake2b(repr((uid, everything)).encode(), digest_size=16).hexdigest() for number, uid in own.items()}
    return {number: name[number] if number in changed else own[number] for number in rows}


def _missing(out: Path, uids: Mapping[int, str]) -> tuple[int, ...]:
    """The numbers of those episodes that `out` does not hold yet."""
    held = {row.number: row.uid for row in Session.create(out).rows()} if out.exists() else {}
    if any(uids.get(number) != uid for number, uid in held.items()):
        raise UserError(f"--out {out} holds other episodes, or was made of other answers or settings; give a new folder")
    return tuple(number for number in uids if number not in held)


def _free(plant: Plant, answers: Answers, config: PropagateConfig) -> NDArray[np.bool_]:
    """(A,) what refinement may change: what a demonstrator ever moved, but no grip."""
    free = answers.moved.copy()
    held = [*config.hold, *([ACTION_NAMES.index("grip")] if isinstance(plant, ArmEnv) else [])]
    if max(held, default=-1) >= len(free):
        raise UserError(f"--hold {' '.join(map(str, config.hold))}: an action has {len(free)} numbers, the first is 0")
    free[held] = False
    return free


# -- one episode -------------------------------------------------------------------------------------------------------


def _fill(plan: Plan, plant: Plant, target: Session, on_episode: OnEpisode | None) -> None:
    verifier = Verifier(plant, plan.ruler, plan.config.tolerance, plan.config.refine, _free(plant, plan.answers, plan.config))
    goals = _successors(plan, plant)
    near = Near(plan.config.nearest, plan.config.radius, plan.config.apart)
    which, place, distance = near_pairs(plan.ruler, plan.answers, plan.ruler.flat(goals), plan.visited, near)
    for number in plan.missing:
        episode, found = plan.source.read(number), None
        if np.any(plan.visited.episode == number):
            here = plan.visited.episode[place] == number
            found = _try_pairs(plan, verifier, goals, episode, which[here], place[here], distance[here])
            write_columns(_sidecar(target, number), vars(found))
        target.append(_with_labels(plan, episode, number, found), number)
        if on_episode is not None:
            on_episode(number, found)


def _successors(plan: Plan, plant: Plant) -> dict[str, Floats]:
    """(N, n) by key where each answer leads, from its own state in the simulator, also where something else was executed."""
    led, at = [], plan.answers.at
    for index, (state, label) in enumerate(zip(plan.answers.sim_state, plan.answers.label, strict=True)):
        put_back(plant, plan.ruler, plan.rows[int(at.episode[index])], state, at.state(index))
        led.append(plant.step(label)[0])
    return {key: np.stack([obs[key] for obs in led]) for key in at.states}


def _try_pairs(
    plan: Plan, verifier: Verifier, goals: Mapping[str, Floats], episode: Episode, which: Ints, place: Ints, distance: Vector
) -> Propagated:
    """Each of an episode's pairs in its turn, until a state has its label."""
    sim_state, at = np.asarray(episode.steps["sim_state"], np.float64), plan.answers.at
    labelled, tried = set[int](), list[tuple[Any, ...]]()
    for one, here, off in zip(which.tolist(), place.tolist(), distance.tolist(), strict=True):
        step = int(plan.visited.step[here])
        if step in labelled:
            continue
        seen, goal = plan.visited.state(here), {key: values[one] for key, values in goals.items()}
        put_back(verifier.plant, plan.ruler, plan.rows[int(plan.visited.episode[here])], sim_state[step], seen)
        first, last = verifier.approach(sim_state[step], goal, plan.answers.label[one])
        before, way = (plan.ruler.residual(plan.ruler.offset(start, goal)) for start in (seen, at.state(one)))
        accepted = _is_proven(plan, verifier, last, plan.answers.label[one], before, way)
        labelled |= {step} if accepted else set()
        tried.append((step, at.episode[one], at.step[one], off, last.action, before, first.residual, last.residual, accepted))
    return _columns(tried, plan.answers.label.shape[1])


def _is_proven(plan: Plan, verifier: Verifier, last: Landing, label: Floats, before: float, way: float) -> bool:
    """Whether the action leads where the answer leads; or, with all that a step can do, a good part of the answer's `way` towards it."""
    moving = np.abs(last.action[verifier.free])
    arrives = last.residual <= plan.config.tolerance
    comes_nearer = moving.max(initial=0.0) >= AT_LIMIT and before - last.residual >= plan.config.least_progress * way
    return bool((arrives or comes_nearer) and np.array_equal(last.action[~verifier.free], label[~verifier.free]))


def _columns(tried: list[tuple[Any, ...]], width: int) -> Propagated:
    step, from_episode, from_step, distance, actions, before, first, residual, accepted = zip(*tried, strict=True) if tried else ((),) * 9
    return Propagated(
        step=np.array(step, np.int64),
        from_episode=np.array(from_episode, np.int64),
        from_step=np.array(from_step, np.int64),
        distance=np.array(distance, np.float32),
        actions=np.array(actions, np.float32).reshape(len(tried), width),
        before=np.array(before, np.float32),
        first_residual=np.array(first, np.float32),
        residual=np.array(residual, np.float32),
        accepted=np.array(accepted, bool),
    )


def _with_labels(plan: Plan, episode: Episode, number: int, found: Propagated | None) -> Episode:
    """The episode as it is, with what was accepted as labels of steps that had none."""
    origin = episode.meta.origin or f"{plan.source.path.resolve().name}#{number}"
    meta = replace(episode.meta, uid=plan.uids[number], origin=origin, parent=-1, branch_step=-1)
    if found is None:
        return replace(episode, meta=meta)
    steps, labels = found.step[found.accepted], np.array(episode.steps["labels"], np.float32)
    labels[steps] = found.actions[found.accepted]
    said = {**asdict(plan.config), "tried": len(found.step), "steps": sorted(steps.tolist())}
    meta = replace(meta, settings={**meta.settings, PROPAGATED: said})
    return replace(episode, meta=meta, steps={**episode.steps, "labels": labels})


def _sidecar(session: Session, number: int) -> Path:
    return session.path / PROPAGATED / f"{number:06d}.hdf5"


# -- in all ------------------------------------------------------------------------------------------------------------


def _result(plan: Plan, target: Session) -> PropagateResult:
    found = [read_propagated(target, number) for number in np.unique(plan.visited.episode).tolist()]
    residual = np.concatenate([one.residual[one.accepted] for one in found]).astype(np.float64)
    return PropagateResult(
        session=target,
        episodes=len(plan.rows),
        done_now=len(plan.missing),
        answers=len(plan.answers),
        visited=len(plan.visited),
        tried=sum(len(one.step) for one in found),
        accepted=len(residual),
        arrived=int(np.count_nonzero(residual <= np.float32(plan.config.tolerance))),
        residual=tuple(np.quantile(residual, (0.5, 0.9, 1.0)).tolist()) if len(residual) else None,
    )
