"""Evaluation over cores: episodes a second with one worker and with all, beside the ideal and beside Gymnasium's AsyncVectorEnv."""

import os

import gymnasium
import numpy as np
import torch

from bench.driving import ENV
from bench.inference import untrained
from bench.row import FLOOR, OTHER, Row, Thing
from bench.stage import Stage
from bench.turns import Side, seconds_of
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.policies import Policy, Seen

ROUNDS, EPISODES = 3, 24
CANNOT = {
    "robosuite": "it has no policies",
    "robomimic": "it rolls out in one process",
    "LeRobot": "lerobot-eval uses Gymnasium's vector environments; they are timed in this row",
}


def rows(stage: Stage) -> list[Row]:
    """An untrained bc: every episode has all its steps, here and there."""
    cores = len(os.sched_getaffinity(0))
    policy = untrained("bc")
    thing = Thing("rollouts", f"evaluation with {cores} workers, {EPISODES} episodes, starting them included", "episodes/s", "more")
    ideal = Side(FLOOR, f"{cores} times one worker", lambda: cores * episodes_a_second(policy, 1))
    vector = Side(
        OTHER,
        "Gymnasium AsyncVectorEnv",
        lambda: vector_episodes_a_second(policy, cores),
        f"{cores} environments in processes, one batch of observations after the other",
    )
    return stage.compare(thing, lambda: episodes_a_second(policy, cores), [ideal, vector], ROUNDS, **CANNOT)


def episodes_a_second(policy: Policy, workers: int) -> float:
    return EPISODES / seconds_of(lambda: evaluate(policy, ENV, {}, EPISODES, FIRST_EVALUATION_SEED, workers))


def vector_episodes_a_second(policy: Policy, cores: int) -> float:
    """The same episodes by all environments at once, one batch of observations after the other."""

    def run() -> None:
        env = gymnasium.vector.AsyncVectorEnv([lambda: gymnasium.make(f"teleop:{ENV}")] * cores, context="spawn")
        obs, _ = env.reset(seed=FIRST_EVALUATION_SEED)
        ended = 0
        while ended < EPISODES:
            state = torch.from_numpy(np.concatenate([obs[key] for key in policy.config.obs_keys], axis=1)).float()
            actions = policy.act_batch(Seen(state))[:, 0].numpy()
            obs, _, terminated, truncated, _ = env.step(actions)
            ended += int(np.count_nonzero(terminated | truncated))
        env.close()

    return EPISODES / seconds_of(run)
