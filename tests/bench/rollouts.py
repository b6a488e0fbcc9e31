"""Evaluation over cores: episodes a second with one worker and with all, beside the ideal and beside Gymnasium's AsyncVectorEnv."""

import time

import gymnasium
import numpy as np
import torch

from bench.driving import ENV
from bench.inference import untrained
from bench.row import FLOOR, OTHER, Row, Thing
from bench.stage import Stage
from bench.turns import Side
from data.cores import core_count
from learn.evaluate import FIRST_EVALUATION_SEED, evaluate
from learn.policies import Policy, Seen

ROUNDS, STEPS = 3, 150
COUNTED, BEFORE = 12, 20  # episodes a worker; the first start the workers, of which the pool starts one after the other
CANNOT = {
    "robosuite": "it has no policies",
    "robomimic": "it rolls out in one process",
    "LeRobot": "lerobot-eval uses Gymnasium's vector environments, which are timed in this row",
}
BATCHED = "as many environments in processes, one batch of observations after the other"


def rows(stage: Stage) -> list[Row]:
    """An untrained bc: every episode has all its steps, here and there. What is started before does not count."""
    cores = core_count()
    policy = untrained("bc")
    thing = Thing("rollouts", f"evaluation with {cores} workers, episodes of {STEPS} steps", "episodes/s", "more")
    ideal = Side(FLOOR, f"{cores} times one worker", lambda: cores * episodes_a_second(policy, 1), "the ideal")
    vector = Side(OTHER, "Gymnasium AsyncVectorEnv", lambda: vector_episodes_a_second(policy, cores), BATCHED)
    return stage.compare(thing, lambda: episodes_a_second(policy, cores), [ideal, vector], ROUNDS, **CANNOT)


def episodes_a_second(policy: Policy, workers: int) -> float:
    ended_s: list[float] = []
    counted, before = COUNTED * workers, (BEFORE if workers > 1 else 1) * workers
    episodes, kwargs = before + counted, {"max_episode_steps": STEPS}
    evaluate(policy, ENV, kwargs, episodes, FIRST_EVALUATION_SEED, workers, progress=lambda _: ended_s.append(time.perf_counter()))
    return counted / (ended_s[-1] - ended_s[before - 1])


def vector_episodes_a_second(policy: Policy, cores: int) -> float:
    """The same by all environments at once, each with the steps of as many episodes."""
    made = [lambda: gymnasium.make(f"teleop:{ENV}", max_episode_steps=STEPS)] * cores
    env = gymnasium.vector.AsyncVectorEnv(made, context="spawn")
    obs, _ = env.reset(seed=FIRST_EVALUATION_SEED)
    ended_s: list[float] = []
    while len(ended_s) < cores * (1 + COUNTED):
        state = torch.from_numpy(np.concatenate([obs[key] for key in policy.config.obs_keys], axis=1)).float()
        actions = policy.act_batch(Seen(state))[:, 0].numpy()
        obs, _, terminated, truncated, _ = env.step(actions)
        ended_s += [time.perf_counter()] * int(np.count_nonzero(terminated | truncated))
    env.close()
    return cores * COUNTED / (ended_s[-1] - ended_s[cores - 1])
