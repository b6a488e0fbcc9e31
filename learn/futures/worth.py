"""Worth: what each correction changed, found by trying the policy on the same seeds from before it and from after it.

The difference between the world with it and the world without, all else the same: a counterfactual (Pearl 2009, *Causality*,
chapter 7), which a simulator with exact states carries out instead of estimating it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.cores import Cluster, worker_pool
from data.episode import Episode
from data.episode_file import read_episode
from data.errors import UserError
from data.worth import Correction, Key, read_ledger, write_ledger
from learn.futures.corrections import Corrected, Stretch
from learn.futures.future import Futures, check_shake, rolls_needed
from learn.futures.packed import PackedPolicy
from learn.policies import Policy
from learn.threads import torch_threads

ALLOWANCE_STEPS = 100  # more than the episode took, where the environment's own time limit is no later
OnCorrection = Callable[[Correction, int], None]


@dataclass(frozen=True)
class WorthConfig:
    """How a correction is tried: with `rolls` futures from before it and as many from after it, `shake` on the policy's motion
    (`learn.futures.future.Shake`), in `workers` processes (None: one a core), here or on a cluster, of which nothing depends.
    """

    rolls: int = 8
    shake: float = 0.0
    workers: int | None = 1
    cluster: Cluster = "local"

    def __post_init__(self) -> None:
        if self.rolls < 1 or (self.workers is not None and self.workers < 1):
            raise UserError(f"--rolls {self.rolls} --workers {self.workers} of a correction's worth: give at least 1")
        check_shake(self.shake)


def worth_of(
    corrected: Sequence[Corrected],
    policies: Policy | Mapping[int, Policy],
    path: Path,
    config: WorthConfig | None = None,
    on_correction: OnCorrection = lambda found, left: None,
) -> list[Correction]:
    """The worth of every correction in `corrected`, in order. What the ledger at `path` holds is not tried again; what is new is added.

    `policies`: the one that drove, or by the episode's number; episodes without are left out. A policy that draws nothing
    and is not shaken has one future only, so its shares are 0 or 1. All have the environment's time limit, or
    `ALLOWANCE_STEPS` more than the episode took. `on_correction` is called with each new one, once it is kept, and how
    many are left. What was asked for stands last in the ledger; of what is no correction of these episodes any more it is freed.
    """
    config = config or WorthConfig()
    panel = _Panel.of(corrected, policies, config)
    jobs = [_job(one, stretch, panel) for one in corrected if one.number in panel.drivers for stretch in one.stretches]
    known = {correction.key: correction for correction in read_ledger(path) if _still_there(correction, corrected)}
    todo = [job for job in jobs if job.key not in known]
    with worker_pool(config.workers, _opened, panel, cluster=config.cluster, most=len(todo)) as pool:
        tried = pool.as_done(_try_out, ((job, read_episode(job.path, ())) for job in todo))
        for done, found in enumerate(tried, 1):
            known[found.key] = found
            write_ledger(path, known.values())
            on_correction(found, len(todo) - done)
    asked = {job.key: known.pop(job.key) for job in jobs}
    if asked:
        write_ledger(path, [*known.values(), *asked.values()])
    return list(asked.values())


def _still_there(correction: Correction, corrected: Sequence[Corrected]) -> bool:
    """Not where the episode was trimmed since: its steps are counted anew."""
    own = [one for one in corrected if one.uid == correction.uid]
    return not own or any((s.begin, s.end) == (correction.begin, correction.end) for one in own for s in one.stretches)


# -- what there is to do -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Member:
    """A policy to be tried, as plain data, with `rolls` futures a state."""

    packed: PackedPolicy
    rolls: int


@dataclass(frozen=True)
class _Panel:
    """The policies by their fingerprints, and which of them drove an episode, by its number; all are shaken alike."""

    members: Mapping[str, _Member]
    drivers: Mapping[int, str]
    shake: float

    @classmethod
    def of(cls, corrected: Sequence[Corrected], policies: Policy | Mapping[int, Policy], config: WorthConfig) -> "_Panel":
        each = {one.number: policies for one in corrected} if isinstance(policies, Policy) else policies
        members, names = dict[str, _Member](), dict[int, str]()  # names by the policy's id: many episodes have the same one
        for policy in {id(policy): policy for policy in each.values()}.values():
            packed = PackedPolicy.of(policy)
            names[id(policy)] = packed.fingerprint
            members[packed.fingerprint] = _Member(packed, rolls_needed(policy, config.rolls, shake=config.shake))
        return cls(members, {number: names[id(policy)] for number, policy in each.items()}, config.shake)


@dataclass(frozen=True)
class _Job:
    """A stretch of an episode, to be tried with one policy of the panel."""

    path: Path
    number: int
    uid: str
    stretch: Stretch
    fingerprint: str
    rolls: int
    shake: float

    @property
    def key(self) -> Key:
        return self.uid, self.stretch.begin, self.stretch.end, self.fingerprint, self.rolls, self.shake


def _job(one: Corrected, stretch: Stretch, panel: _Panel) -> _Job:
    name = panel.drivers[one.number]
    return _Job(one.path, one.number, one.uid, stretch, name, panel.members[name].rolls, panel.shake)


# -- trying ------------------------------------------------------------------------------------------------------------


class _Bench:
    """Owns the policies and the twin that they are tried in, which is made anew for an episode of another environment."""

    def __init__(self, panel: _Panel) -> None:
        self._policies = {name: member.packed.unpack() for name, member in panel.members.items()}
        self._twin: tuple[str, Futures] | None = None

    def try_out(self, job: _Job, episode: Episode) -> Correction:
        policy, stretch = self._policies[job.fingerprint], job.stretch
        futures, meta = self._futures(policy, episode.meta.env_id, episode.meta.env_kwargs), episode.meta
        futures.check_episode(episode, f"episode {job.number}")
        states = np.asarray(episode.steps["sim_state"], np.float64)
        horizon = max(futures.longest_steps or 0, len(episode) + ALLOWANCE_STEPS)

        def share(step: int) -> float:
            state, left = states[step], horizon - step
            tried = [futures.roll(policy, state, meta.seed, seed=k, steps=left, shake=job.shake) for k in range(job.rolls)]
            return sum(future.success for future in tried) / len(tried)

        return Correction(
            uid=job.uid,
            episode=job.number,
            dagger_round=meta.dagger_round,
            begin=stretch.begin,
            end=stretch.end,
            human_s=stretch.human_s,
            fingerprint=job.fingerprint,
            rolls=job.rolls,
            shake=job.shake,
            before=share(stretch.begin),
            after=share(stretch.end),
            success=meta.success,
        )

    def _futures(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> Futures:
        words = json.dumps([env_id, dict(env_kwargs), policy.config.image_keys], sort_keys=True)
        if self._twin is None or self._twin[0] != words:
            self.close()
            self._twin = words, Futures(policy, env_id, env_kwargs)
        return self._twin[1]

    def close(self) -> None:
        if self._twin is not None:
            self._twin[1].close()
            self._twin = None


@contextmanager
def _opened(panel: _Panel) -> Iterator[_Bench]:
    """A worker's own bench, and one torch thread."""
    with torch_threads(1), closing(_Bench(panel)) as bench:
        yield bench


def _try_out(bench: _Bench, work: tuple[_Job, Episode]) -> Correction:
    return bench.try_out(*work)
