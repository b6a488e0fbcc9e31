"""Trim: what the operator's hands did nothing in, at both ends of an episode, is set aside, not thrown away.

What was set aside is the episode's own: `branch_step` counts from where the branch itself now begins. So an abandoned
branch and the episode it left may be trimmed apart: the branch's step `branch_step` is the step
`branch_step + branch.idle_start - parent.idle_start` of its parent (below 0: among what is set aside there).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.check import problems_of
from data.episode import Array, Episode, Part, Step, shifted_s
from data.episode_file import read_episode, write_episode
from data.migrate import STEPS as MIGRATIONS
from data.migrate import migrate_file
from data.schema import SCHEMA_VERSION

START_MARGIN, END_MARGIN = 5, 10


@dataclass(frozen=True)
class Margins:
    """How many idle steps stay at either end (0.25 s and 0.5 s at 20 Hz)."""

    start: int = START_MARGIN
    end: int = END_MARGIN


def idle_ends(steps: Sequence[Step], branch_step: int = -1) -> tuple[int, int]:
    """`ends_at_rest` of an episode that is being recorded."""
    at_rest = np.array([step.at_rest for step in steps], bool)
    return ends_at_rest(at_rest, np.array([step.reward for step in steps], np.float32), branch_step=branch_step)


def ends_at_rest(at_rest: Array, rewards: Array, margins: Margins | None = None, branch_step: int = -1) -> tuple[int, int]:
    """How many steps to trim at the start and at the end: idle ones, but for a margin. `at_rest` and `rewards` are (T,).

    At the end the reward must not change any more either, so that an episode never loses the step that succeeded. A
    branch keeps what comes after `branch_step`, or nobody could tell later where it left its parent.
    """
    margins = margins or Margins()
    idle = np.asarray(at_rest, bool)
    still = idle & (rewards == rewards[-1:])
    start, end = _leading(idle), _leading(still[::-1])
    if start == len(idle):
        return 0, 0
    most = branch_step if branch_step >= 0 else len(idle)
    return min(max(0, start - margins.start), most), max(0, end - margins.end)


def _leading(flags: Array) -> int:
    return int(np.argmin(flags)) if not flags.all() else len(flags)


def retrim(episode: Episode, margins: Margins | None) -> Episode | None:
    """The episode with its idle ends set aside anew, whatever was set aside before; None when that changes nothing.

    `margins` None: with nothing set aside. Needs the present schema's column `at_rest`.
    """
    full, meta = whole(episode), episode.meta
    branch_step = meta.branch_step + meta.idle_start if meta.branch_step >= 0 else -1
    start, end = ends_at_rest(full.steps["at_rest"], full.steps["rewards"], margins, branch_step) if margins else (0, 0)
    if (start, end) == (meta.idle_start, meta.idle_end):
        return None
    again = trim(full, start, end)
    return replace(again, meta=replace(again.meta, branch_step=branch_step - start if branch_step >= 0 else meta.branch_step))


def trim_file(path: Path, margins: Margins | None) -> bool:
    """`retrim` for the file of an episode; whether it was rewritten. One of an older schema is migrated with it.

    Raises DamagedError for a file that does not hold what was written.
    """
    ends = read_episode(path, ())  # images are read only where they have to move
    for version in range(ends.meta.schema_version, SCHEMA_VERSION):
        ends = MIGRATIONS[version](ends)
    if retrim(ends, margins) is None:
        return False
    migrate_file(path, problems_of)
    episode = retrim(read_episode(path), margins)
    if episode is not None:
        write_episode(path, episode)
    return episode is not None


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
    return {**steps, "time_s": shifted_s(steps["time_s"], by_s)}


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
