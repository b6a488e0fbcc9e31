"""Takes: the entries of a running episode, and the episodes that come of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.episode import Array, Episode, Step, build_episode
from data.schema import LATE_S, EpisodeMeta, Outcome
from data.trim import idle_ends, trim


@dataclass(frozen=True)
class End:
    """What the arm came to after the last step."""

    obs: Mapping[str, Array]
    sim_state: Array


@dataclass(frozen=True)
class Begin:
    """A new episode `number`; `meta` is what it will be kept with if nobody ever says how it ended.

    `trims`: its idle ends will be set aside.
    """

    number: int
    meta: EpisodeMeta
    trims: bool = True


@dataclass(frozen=True)
class Rewind:
    """Back to `step`: the steps so far, ending in `end`, become the abandoned episode `number`; the first `step` go on."""

    step: int
    number: int
    end: End


@dataclass(frozen=True)
class Finish:
    meta: EpisodeMeta
    end: End


@dataclass(frozen=True)
class Landed:
    """What the steps so far have led to: said after an answer, which then survives a kill while the next one is thought over."""

    end: End


Entry = Begin | Step | Rewind | Finish | Landed


@dataclass(frozen=True)
class Take:
    """An episode that is not on disk yet, as it was driven."""

    number: int
    steps: tuple[Step, ...]
    end: End
    meta: EpisodeMeta
    trims: bool = True

    def episode(self) -> Episode:
        """In columns, its idle ends set aside."""
        start, end = idle_ends(self.steps, self.meta.branch_step) if self.trims else (0, 0)
        meta = replace(self.meta, branch_step=self.meta.branch_step - start) if self.meta.branch_step >= 0 else self.meta
        return trim(build_episode(self.steps, self.end.obs, self.end.sim_state, meta), start, end)


def takes_of(entries: Iterable[Entry]) -> list[Take]:
    """The episode that `entries` tell of, then the branches that were left.

    Where they break off without a `Finish` the recorder was killed: the episode is partial, and ends before its last
    step, since of that nobody knows what came, unless a `Landed` says so.
    """
    begin: Begin | None = None
    landed: End | None = None
    finish: Finish | None = None
    steps: list[Step] = []
    branches: list[tuple[Rewind, tuple[Step, ...]]] = []
    for entry in entries:
        match entry:
            case Begin():
                begin = entry
            case Step():
                steps.append(entry)
                landed = None
            case Rewind(step=step):
                branches.append((entry, tuple(steps)))
                del steps[step:]
                landed = None
            case Landed(end=landed):
                pass
            case Finish():
                finish = entry
    if begin is None:
        return []
    takes = []
    if finish is None and steps:
        if landed is None:
            last = steps.pop()
            landed = End(last.obs, last.sim_state)
        finish = Finish(_cut_short(begin.meta, steps), landed)
    meta = _cut_short(begin.meta, steps) if finish is None else finish.meta
    if finish is not None and steps:
        takes.append(Take(begin.number, tuple(steps), finish.end, meta, begin.trims))
    for rewind, walked in branches:
        parent = (begin.number, rewind.step) if takes and takes[0].number == begin.number else (-1, -1)
        uid = meta.uid and f"{meta.uid}-{rewind.number}"
        abandoned = replace(meta, outcome=Outcome.ABANDONED, parent=parent[0], branch_step=parent[1], uid=uid, found_mode="")
        takes.append(Take(rewind.number, walked, rewind.end, abandoned, begin.trims))
    return takes


def _cut_short(meta: EpisodeMeta, steps: list[Step]) -> EpisodeMeta:
    late_s = np.array([step.lateness_s for step in steps])
    return replace(meta, recovered=True, late_ticks=int(np.count_nonzero(late_s > LATE_S)), max_lateness_s=float(late_s.max(initial=0.0)))
