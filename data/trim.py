"""Trim: what the operator's hands did nothing in, at both ends of an episode, is set aside, not thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.episode import Array, Episode, Part, Step

START_MARGIN, END_MARGIN = 5, 10


def idle_ends(steps: Sequence[Step]) -> tuple[int, int]:
    """How many steps to trim at the start and at the end: idle ones, but for a margin (0.25 s and 0.5 s at 20 Hz).

    At the end the reward must not change any more either, so that an episode never loses the step that succeeded.
    """
    idle = [step.idle for step in steps]
    still = [step.idle and step.reward == steps[-1].reward for step in steps]
    start, end = _leading(idle), _leading(still[::-1])
    if start == len(steps):
        return 0, 0
    return max(0, start - START_MARGIN), max(0, end - END_MARGIN)


def _leading(flags: Sequence[bool]) -> int:
    return flags.index(False) if False in flags else len(flags)


def trim(episode: Episode, start: int, end: int) -> Episode:
    """The episode without its first `start` and last `end` steps, which go to `idle`."""
    if start == end == 0:
        return episode
    stop = len(episode) - end
    steps = {name: column[start : stop + (name == "sim_state")] for name, column in episode.steps.items()}
    began_s = float(episode.steps["time_s"][start])
    final_obs = {k: column[stop] for k, column in episode.obs.items()} if end else episode.final_obs
    return Episode(
        meta=replace(episode.meta, idle_start=start, idle_end=end),
        steps={**_shifted(steps, began_s), "dones": _last_is_done(stop - start)},
        obs={k: column[start:stop] for k, column in episode.obs.items()},
        final_obs=final_obs,
        idle=_idle(episode, start, end, began_s),
    )


def _idle(episode: Episode, start: int, end: int, began_s: float) -> dict[str, Part]:
    parts = {}
    if start:
        steps, obs = ({k: v[:start] for k, v in columns.items()} for columns in (episode.steps, episode.obs))
        parts["start"] = Part(_shifted(steps, began_s), obs)
    if end:
        stop = len(episode) - end
        steps = {k: v[stop + (k == "sim_state") :] for k, v in episode.steps.items()}
        parts["end"] = Part(
            _shifted(steps, began_s), {k: np.concatenate([v[stop + 1 :], episode.final_obs[k][None]]) for k, v in episode.obs.items()}
        )
    return parts


def _shifted(steps: Mapping[str, Array], by_s: float) -> dict[str, Array]:
    return {**steps, "time_s": np.asarray(steps["time_s"], np.float64) - by_s}


def _last_is_done(length: int) -> Array:
    return np.asarray(np.arange(length) == length - 1, np.int64)


def whole(episode: Episode) -> Episode:
    """The recording before trimming; `trim(whole(e), e.meta.idle_start, e.meta.idle_end)` is `e`."""
    start, end = episode.idle.get("start"), episode.idle.get("end")
    parts = [p for p in (start, episode, end) if p is not None]
    steps = {name: np.concatenate([p.steps[name] for p in parts]) for name in episode.steps}
    # Before each step and after the last; the end's rows are those after its steps.
    seen = {}
    for k, v in episode.obs.items():
        before, after = ([part.obs[k]] if part else [] for part in (start, end))
        seen[k] = np.concatenate([*before, v, episode.final_obs[k][None], *after])
    return Episode(
        meta=replace(episode.meta, idle_start=0, idle_end=0),
        steps={**_shifted(steps, float(steps["time_s"][0])), "dones": _last_is_done(len(steps["dones"]))},
        obs={k: v[:-1] for k, v in seen.items()},
        final_obs={k: v[-1] for k, v in seen.items()},
    )
