"""Observe: episodes seen again, by the cameras one wishes for now, from the simulator's states that were kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.episode import Array, Episode, Part
from data.errors import UserError
from data.masks import read_masks, write_masks
from data.merge import origin_of, uid_of
from data.session import Session
from data.simulator import with_cameras
from teleop.envs.plant import Obs, Plant


@dataclass(frozen=True)
class Cameras:
    """What the new session's environment sees with; see `teleop.envs.eyes.parse_view` for the words."""

    names: tuple[str, ...]
    image_size: int = 84

    def arguments(self, env_kwargs: Mapping[str, object]) -> dict[str, object]:
        """The environment's arguments with these cameras instead of its own."""
        return with_cameras(env_kwargs, self.names, self.image_size)


def observe_each(source: Session, target: Session, plant: Plant, numbers: Sequence[int], cameras: Cameras) -> Iterator[int]:
    """Write each episode of `source` into `target`, under its number, as `plant` sees it now; gives the number when it is done.

    What `target` holds already is passed over. Raises UserError for an episode whose states are not the env's. Only for who
    has claimed `target`.
    """
    rows = {row.number: row for row in source.rows()}
    for number in numbers:
        if not target.episode_path(number).exists():
            row, episode = rows[number], source.read(number)
            try:
                seen = seen_again(episode, plant)
            except UserError as error:
                raise UserError(f"episode {number} cannot be seen again: {error}; choose others with --episodes") from error
            meta = replace(
                seen.meta,
                env_kwargs=cameras.arguments(episode.meta.env_kwargs),
                uid=uid_of(source, row),
                origin=origin_of(source, row),
            )
            target.append(replace(seen, meta=meta), number)
        yield number


def seen_again(episode: Episode, plant: Plant) -> Episode:
    """The episode with what `plant` sees of its states instead of its pictures. Its vectors stay as they were recorded;
    where there are none they are the plant's. Of [time, qpos, qvel] alone there is no last state: the last picture stands twice.

    Raises UserError without states, or with states of another environment.
    """
    plant.reset(seed=max(0, episode.meta.seed))
    states = _states_of(episode.steps, plant)
    if states is None:
        raise UserError("it has no simulator states")
    own = [key for key, column in episode.obs.items() if column.ndim == 2]
    seen = _seen(states, plant, everything=not own)
    count = len(episode)
    last = {key: column[min(count, len(column) - 1)] for key, column in seen.items()}
    return replace(
        episode,
        obs={**{key: episode.obs[key] for key in own}, **{key: column[:count] for key, column in seen.items()}},
        final_obs={**{key: episode.final_obs[key] for key in own}, **last},
        idle={end: _part_seen_again(part, plant) for end, part in episode.idle.items()},
    )


def _part_seen_again(part: Part, plant: Plant) -> Part:
    own = {key: column for key, column in part.obs.items() if column.ndim == 2}
    states = _states_of(part.steps, plant)
    if states is None:
        raise UserError("its idle steps have no simulator states")
    return replace(part, obs={**own, **_seen(states, plant, everything=not own)})


def _states_of(steps: Mapping[str, Array], plant: Plant) -> NDArray[np.float64] | None:
    """The exact ones (T+1, S) where they are this plant's, else robomimic's (T, 1+nq+nv); None without any."""
    fits = steps["sim_state"].shape[1:] == plant.sim_state().shape
    states = np.asarray(steps["sim_state" if fits else "states"], np.float64)
    return states if states.shape[1] else None


def _seen(states: NDArray[np.float64], plant: Plant, *, everything: bool) -> dict[str, Array]:
    """What is seen in each state: pictures (T, H, W, C), or every observation."""
    exact = states.shape[1:] == plant.sim_state().shape
    found: list[Obs] = []
    for state in states:
        obs = plant.restore(state) if exact else plant.restore_flat(state)
        found.append({key: np.array(value) for key, value in obs.items() if everything or np.ndim(value) > 1})
    return {key: np.stack([obs[key] for obs in found]) for key in found[0]}


def check_target(source: Session, target: Session, env_kwargs: Mapping[str, object]) -> None:
    """Refuse a session that holds anything else than `source`'s episodes, seen like this."""
    uids = {row.number: uid_of(source, row) for row in source.rows()}
    for row in target.rows():
        if uids.get(row.number) != row.uid or dict(row.env_kwargs) != dict(env_kwargs):
            raise UserError(f"{target.path} holds other episodes, or seen by other cameras (episode {row.number}); give a new --out")


def keep_split(source: Session, target: Session) -> None:
    """The split of `source` for those of its episodes that `target` has."""
    masks, there = read_masks(source.path), {row.number for row in target.rows()}
    if masks.named():
        train, valid = (tuple(number for number in side if number in there) for side in (masks.train, masks.valid))
        write_masks(target.path, replace(masks, train=train, valid=valid))
