"""How decided a policy is where the demonstrations part: sideways commands from before the middle of Detour's first board."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.session import Session
from learn.driver import Driver
from learn.evaluate import FIRST_EVALUATION_SEED
from learn.policies import Policy
from learn.threads import torch_threads
from teleop.envs import make_env

DETOUR = "PandaDetour-v0"
BESIDE = 13  # in `object`: the first board's y − the tool centre point's (m)
MIDDLE_M = 0.015  # as near to the middle a start counts
STARTS, STEPS = 40, 8
SIDEWAYS = 1  # of an action: y


def sideways_of_policy(policy: Policy) -> float:
    """Mean size of the mean command in y, in [0, 1], over the first steps from held-out starts in the middle."""
    env, driver = make_env(DETOUR), Driver(policy)
    sizes = []
    with torch_threads(1):
        for seed in _starts_in_the_middle(env):
            obs, _ = env.reset(seed=seed)
            driver.begin(seed)
            actions = []
            for _ in range(STEPS):
                actions.append(driver.act(obs)[0])
                obs = env.step(actions[-1])[0]
            sizes.append(_sideways(np.array(actions)))
    env.close()
    return float(np.mean(sizes))


def sideways_of_demonstrations(session: Session) -> float:
    """The same of a session's episodes that start there."""
    episodes = [session.read(row.number) for row in session.rows()]
    sizes = [_sideways(e.steps["actions"][:STEPS]) for e in episodes if abs(e.obs["object"][0, BESIDE]) < MIDDLE_M]
    return float(np.mean(sizes))


def _starts_in_the_middle(env: gymnasium.Env) -> list[int]:
    found: list[int] = []
    seed = FIRST_EVALUATION_SEED
    while len(found) < STARTS:
        if abs(env.reset(seed=seed)[0]["object"][BESIDE]) < MIDDLE_M:
            found.append(seed)
        seed += 1
    return found


def _sideways(actions: NDArray[Any]) -> float:
    return float(abs(actions[:, SIDEWAYS].mean()))
