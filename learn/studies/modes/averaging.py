"""How decided a policy is where the demonstrations part: sideways commands from before the middle of Detour's first board."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from learn.driver import Driver
from learn.policies import Policy
from learn.studies.modes.walks import BESIDE, MIDDLE_M, OBJECT, detour, starts_in_the_middle

STEPS = 8
SIDEWAYS = 1  # of an action: y


def sideways_of_policy(policy: Policy, starts: int) -> float:
    """Mean size of the mean command in y, in [0, 1], over the first steps from held-out starts in the middle."""
    sizes = []
    with detour() as (env, _):
        driver = Driver(policy)
        for seed in starts_in_the_middle(env, starts):
            obs, _ = env.reset(seed=seed)
            driver.begin(seed)
            actions = []
            for _ in range(STEPS):
                actions.append(driver.act(obs)[0])
                obs = env.step(actions[-1])[0]
            sizes.append(_sideways(np.array(actions)))
    return float(np.mean(sizes))


def sideways_of_demonstrations(episodes: Iterable[Episode]) -> float | None:
    """The same of the episodes that start there; None where none does."""
    sizes = [_sideways(e.steps["actions"][:STEPS]) for e in episodes if abs(e.obs[OBJECT][0, BESIDE]) < MIDDLE_M]
    return float(np.mean(sizes)) if sizes else None


def _sideways(actions: NDArray[Any]) -> float:
    return float(abs(actions[:, SIDEWAYS].mean()))
