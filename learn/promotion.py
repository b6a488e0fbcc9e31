"""Promotion: a new policy takes the old one's place only where both, in the same scenes, show that it is no worse."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium

from data.errors import UserError
from data.files import replace_file
from learn.compare import Comparison, paired
from learn.driver import Driver
from learn.evaluate import MakeEnv, check_policy_fits, rollout, without_unused_cameras
from learn.policies import Policy
from learn.selection import FIRST_CHECK_SEED
from learn.threads import torch_threads
from teleop.envs import make_env

SCENES = 20  # of the first look
SECOND_LOOK = 2  # times as many more, where the first says that it is worse
SCENES_A_CONTEST = 250  # between the seeds of two contests: evidence is never gathered twice from one scene
LOG_NAME = "promotions.jsonl"
Trial = Callable[[Sequence[int]], list[bool]]
"""Whether a policy succeeds in each of these scenes."""


@dataclass(frozen=True)
class Verdict:
    """Of `episodes` scenes the new policy succeeded in `successes`, the old in `old_successes` (None: there was no old one).

    `only_new` and `only_old` are those in which one of them succeeded alone, `p_value` is McNemar's. `number` is the new
    policy's, `against` the old one's.
    """

    number: int
    against: int | None
    promoted: bool
    episodes: int
    successes: int
    old_successes: int | None = None
    only_new: int = 0
    only_old: int = 0
    p_value: float = 1.0


def judge(comparison: Comparison | None, number: int, against: int | None, successes: Sequence[bool]) -> Verdict:
    """The verdict on scenes that both met; without an old policy there is nothing to be worse than."""
    if comparison is None:
        return Verdict(number, None, True, len(successes), sum(successes))
    return Verdict(
        number,
        against,
        promoted=comparison.only_first >= comparison.only_second,
        episodes=comparison.episodes,
        successes=comparison.both + comparison.only_first,
        old_successes=comparison.both + comparison.only_second,
        only_new=comparison.only_first,
        only_old=comparison.only_second,
        p_value=comparison.p_value,
    )


def contest(
    new: Policy,
    old: Policy | None,
    number: int,
    against: int | None,
    env_id: str,
    env_kwargs: Mapping[str, Any],
    scenes: int = SCENES,
    make: MakeEnv = make_env,
) -> Verdict:
    """Roll both out in the same scenes, seeds that no demonstration and no other contest has.

    So many `scenes`, and where these say that the new one is worse, twice as many more: a good policy must not fall to two
    unlucky ones. It takes the place unless it then is still behind.
    """
    with closing(make(env_id, **without_unused_cameras(new, env_kwargs))) as env, torch_threads(1):
        check_policy_fits(new, env, env_id)
        theirs = None if old is None else partial(_successes, old, env)
        return held_against(partial(_successes, new, env), theirs, number, against, scenes)


def held_against(mine: Trial, theirs: Trial | None, number: int, against: int | None, scenes: int = SCENES) -> Verdict:
    """The contest itself, with whatever rolls out: the new policy's trial and the old one's."""
    first, new, old = first_scene(number), list[bool](), list[bool]()
    for more in (scenes, SECOND_LOOK * scenes):
        seeds = range(first + len(new), first + len(new) + more)
        new += mine(seeds)
        old += theirs(seeds) if theirs is not None else []
        verdict = judge(paired(new, old) if theirs is not None else None, number, against, new)
        if verdict.promoted:
            break
    return verdict


def first_scene(number: int) -> int:
    """The first seed of the contest of policy `number`."""
    return FIRST_CHECK_SEED + SCENES_A_CONTEST * (1 + number)


def append_verdict(out: Path, verdict: Verdict) -> None:
    """Add a line to the folder's promotion log; said again, it takes the place of the line of that number."""
    kept = [*(v for v in read_verdicts(out) if v.number != verdict.number), verdict]
    replace_file(out / LOG_NAME, "".join(json.dumps(asdict(v)) + "\n" for v in kept).encode())


def read_verdicts(out: Path) -> list[Verdict]:
    """The folder's promotion log; empty where there is none."""
    path = out / LOG_NAME
    if not path.exists():
        return []
    try:
        return [Verdict(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); give another --out or remove that file") from error


def _successes(policy: Policy, env: gymnasium.Env[Any, Any], seeds: Sequence[int]) -> list[bool]:
    driver = Driver(policy)
    return [rollout(driver, env, seed).success for seed in seeds]
