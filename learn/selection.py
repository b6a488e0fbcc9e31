"""Selection: which of a training's checkpoints to keep, by what they do and not by their losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from learn.driver import Driver
from learn.evaluate import check_policy_fits, rollout, without_unused_cameras
from learn.policies import Policy
from learn.progress import Check
from learn.threads import torch_threads
from teleop.envs import make_env

# apart from the seeds of demonstrations (from 0) and of evaluations (from 100,000): what chooses does not judge
FIRST_CHECK_SEED = 50_000
LAST_ONES = 3


class Judge:
    """Rolls policies out in one env, always from the same starts, so that checkpoints meet the same scenes."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env

    def successes(self, policy: Policy, episodes: int) -> int:
        with torch_threads(1):
            driver = Driver(policy)
            return sum(rollout(driver, self.env, FIRST_CHECK_SEED + k).success for k in range(episodes))

    def close(self) -> None:
        self.env.close()


def open_judge(policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> Judge:
    """Raises UserError where the env cannot be made here or is not the policy's."""
    env = make_env(env_id, **without_unused_cameras(policy, env_kwargs))
    check_policy_fits(policy, env, env_id)
    return Judge(env)


def chosen(checks: Sequence[Check]) -> Check | None:
    """The check with most successes, the latest of equals; None without any."""
    return max(checks, key=lambda check: (check.successes, check.step), default=None)


def mean_of_last(checks: Sequence[Check]) -> float:
    """Mean success rate of the last checks: what one may expect without choosing."""
    last = checks[-LAST_ONES:]
    return sum(check.success_rate for check in last) / len(last)
