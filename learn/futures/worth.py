"""Worth: what each correction changed, found by trying the policy on the same seeds from before it and from after it.

The difference between the world with it and the world without, all else the same: a counterfactual (Pearl 2009, *Causality*,
chapter 7), which a simulator with exact states carries out instead of estimating it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.cores import worker_pool
from data.episode_file import read_episode
from data.errors import UserError, one_of
from data.migrate import uid_from_content
from data.session import Session
from learn.futures.corrections import Stretch, corrections_of
from learn.futures.future import Futures, rolls_needed
from learn.futures.ledger import Correction, Key, read_ledger, write_ledger
from learn.futures.packed import PackedPolicy
from learn.policies import Policy

ALLOWANCE_STEPS = 100  # more than the episode took, where the environment's own time limit is no later


def worth_of(
    session: Session,
    policies: Policy | Mapping[int, Policy],
    path: Path,
    *,
    rolls: int = 8,
    workers: int = 1,
    on_correction: Callable[[Correction], None] | None = None,
) -> list[Correction]:
    """The worth of every correction in `session`, in order. What the ledger at `path` holds is not tried again; what is new is added.

    `policies`: the one that drove, or by the episodes' `dagger_round` (in round n drives what round n − 1 has trained).
    A policy that draws nothing has one future only, so its shares are 0 or 1. All have the environment's time limit, or
    `ALLOWANCE_STEPS` more than the episode took. `on_correction` is called with each new one, as it comes.
    """
    if rolls < 1 or workers < 1:
        raise UserError(f"rolls {rolls} and workers {workers} of a correction's worth: give at least 1")
    known = {correction.key: correction for correction in read_ledger(path)}
    panel = _Panel.of(policies, rolls)
    jobs = [job for row in session.rows() if (job := _job(session.episode_path(row.number), row.number, panel)).stretches]
    todo = [left for job in jobs if (left := job.without(known)).stretches]
    for found in _tried(todo, panel, workers):
        known |= {correction.key: correction for correction in found}
        write_ledger(path, known.values())
        if on_correction is not None:
            for correction in found:
                on_correction(correction)
    return [known[key] for job in jobs for key in job.keys]


# -- what there is to do -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Member:
    """A policy to be tried, as plain data, with `rolls` futures a state."""

    packed: PackedPolicy
    fingerprint: str
    rolls: int


@dataclass(frozen=True)
class _Panel:
    """The policies by dagger round; under None the one for every round."""

    members: Mapping[int | None, _Member]

    @classmethod
    def of(cls, policies: Policy | Mapping[int, Policy], rolls: int) -> "_Panel":
        each: Mapping[Any, Policy] = {None: policies} if isinstance(policies, Policy) else policies
        packed = {number: PackedPolicy.of(policy) for number, policy in each.items()}
        return cls({n: _Member(p, p.fingerprint, rolls_needed(each[n], rolls)) for n, p in packed.items()})

    def round_of(self, number: int, dagger_round: int) -> int | None:
        """The key of the policy for an episode of this number."""
        if None in self.members:
            return None
        if dagger_round not in self.members:
            rounds = one_of(str(key) for key in self.members)
            raise UserError(
                f"episode {number} was driven in round {dagger_round}, there are policies for {rounds}; give the one that drove"
            )
        return dagger_round


@dataclass(frozen=True)
class _Job:
    """An episode's stretches to be tried with one policy of the panel."""

    path: Path
    number: int
    uid: str
    member: int | None
    fingerprint: str
    rolls: int
    stretches: tuple[Stretch, ...]

    @property
    def keys(self) -> list[Key]:
        return [(self.uid, stretch.begin, stretch.end, self.fingerprint, self.rolls) for stretch in self.stretches]

    def without(self, known: Mapping[Key, Correction]) -> "_Job":
        left = (stretch for stretch, key in zip(self.stretches, self.keys, strict=True) if key not in known)
        return replace(self, stretches=tuple(left))


def _job(path: Path, number: int, panel: _Panel) -> _Job:
    episode = read_episode(path, ())
    stretches = tuple(corrections_of(episode))
    if not stretches:  # nobody is asked for the policy of an episode without
        return _Job(path, number, "", None, "", 0, ())
    key = panel.round_of(number, episode.meta.dagger_round)
    member = panel.members[key]
    return _Job(path, number, episode.meta.uid or uid_from_content(episode), key, member.fingerprint, member.rolls, stretches)


# -- trying ------------------------------------------------------------------------------------------------------------


class _Bench:
    """Owns the policies and the twin that they are tried in, which is made anew for an episode of another environment."""

    def __init__(self, panel: _Panel) -> None:
        self._policies = {key: member.packed.unpack() for key, member in panel.members.items()}
        self._twin: tuple[str, Futures] | None = None

    def try_out(self, job: _Job) -> list[Correction]:
        episode, policy = read_episode(job.path, ()), self._policies[job.member]
        futures = self._futures(policy, episode.meta.env_id, episode.meta.env_kwargs)
        futures.check_episode(episode, f"episode {job.number}")
        states, meta = np.asarray(episode.steps["sim_state"], np.float64), episode.meta
        horizon = max(futures.longest_steps or 0, len(episode) + ALLOWANCE_STEPS)

        def share(step: int) -> float:
            tried = [futures.roll(policy, states[step], meta.seed, seed=k, steps=horizon - step) for k in range(job.rolls)]
            return sum(future.success for future in tried) / len(tried)

        return [
            Correction(
                uid=job.uid,
                episode=job.number,
                dagger_round=meta.dagger_round,
                begin=stretch.begin,
                end=stretch.end,
                human_s=stretch.human_s,
                fingerprint=job.fingerprint,
                rolls=job.rolls,
                before=share(stretch.begin),
                after=share(stretch.end),
                success=meta.success,
            )
            for stretch in job.stretches
        ]

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


def _tried(jobs: Sequence[_Job], panel: _Panel, workers: int) -> Iterator[list[Correction]]:
    """The jobs' corrections, each job's as it is done."""
    if min(workers, len(jobs)) <= 1:
        with closing(_Bench(panel)) as bench:
            yield from map(bench.try_out, jobs)
        return
    with worker_pool(min(workers, len(jobs)), _start_worker, panel) as pool:
        for done in as_completed([pool.submit(_try_in_worker, job) for job in jobs]):
            yield done.result()


# A worker process's own bench, made once as it begins.
_worker: list[_Bench] = []


def _start_worker(panel: _Panel) -> None:
    torch.set_num_threads(1)
    _worker.append(_Bench(panel))


def _try_in_worker(job: _Job) -> list[Correction]:
    return _worker[0].try_out(job)
