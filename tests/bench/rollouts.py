"""Evaluation over cores: episodes a second with one worker and with all, beside the ideal and beside Gymnasium's AsyncVectorEnv."""

import os
import time

import gymnasium
import numpy as np
import torch

from bench.driving import ENV
from bench.inference import untrained
from bench.row import FLOOR, OTHER, Row, Thing
from bench.stage import Stage
from bench.turns import Side
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.policies import Policy, Seen

ROUNDS, EPISODES, STEPS = 3, 16, 100
CANNOT = {
    "robosuite": "it has no policies",
    "robomimic": "it rolls out in one process",
    "LeRobot": "lerobot-eval uses Gymnasium's vector environments, which are timed in this row",
}
BATCHED = "as many environments in processes, one batch of observations after the other"


def rows(stage: Stage) -> list[Row]:
    """An untrained bc: every episode has all its steps, here and there. From the end of the first on, so that nothing is started."""
    cores = len(os.sched_getaffinity(0))
    policy = untrained("bc")
    what = f"evaluation with {cores} workers, episodes of {STEPS} steps"
    ideal = Side(FLOOR, f"{cores} times one worker", lambda: cores * episodes_a_second(policy, 1), "the ideal")
    vector = Side(OTHER, "Gymnasium AsyncVectorEnv", lambda: vector_episodes_a_second(policy, cores), BATCHED)
    thing = Thing("rollouts", what, "episodes/s", "more")
    return stage.compare(thing, lambda: episodes_a_second(policy, cores), [ideal, vector], ROUNDS, **CANNOT)


def episodes_a_second(policy: Policy, workers: int) -> float:
    ended_s: list[float] = []
    kwargs = {"max_episode_steps": STEPS}
    evaluate(policy, ENV, kwargs, EPISODES, FIRST_EVALUATION_SEED, workers, progress=lambda _: ended_s.append(time.perf_counter()))
    return (EPISODES - workers) / (ended_s[-1] - ended_s[workers - 1])


def vector_episodes_a_second(policy: Policy, cores: int) -> float:
    """The same by all environments at once, each with the steps of as many episodes."""
    made = [lambda: gymnasium.make(f"teleop:{ENV}", max_episode_steps=STEPS)] * cores
    env = gymnasium.vector.AsyncVectorEnv(made, context="spawn")
    obs, _ = env.reset(seed=FIRST_EVALUATION_SEED)
    ended_s: list[float] = []
    while len(ended_s) < EPISODES:
        state = torch.from_numpy(np.concatenate([obs[key] for key in policy.config.obs_keys], axis=1)).float()
        actions = policy.act_batch(Seen(state))[:, 0].numpy()
        obs, _, terminated, truncated, _ = env.step(actions)
        ended_s += [time.perf_counter()] * int(np.count_nonzero(terminated | truncated))
    env.close()
    return (EPISODES - cores) / (ended_s[-1] - ended_s[cores - 1])
