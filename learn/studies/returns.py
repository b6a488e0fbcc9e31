"""Returns of whole episodes: to the environment's own end, whatever counts as a success on the way."""

from collections.abc import Iterable
from contextlib import closing

import gymnasium
import numpy as np

from learn.evaluate import Actor, Env, OnStep
from learn.policies import Chunk, Observation
from teleop.envs import make_env


class AtRandom:
    """Actions drawn evenly from [-1, 1]; of a discrete action each choice is as likely as any other."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.begin(0)

    def begin(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, obs: Observation) -> Chunk:
        return self._rng.uniform(-1.0, 1.0, (1, self.width)).astype(np.float32)


def whole_episode(actor: Actor, env: Env, seed: int, on_step: OnStep | None = None) -> float:
    """The undiscounted return of one episode from `env.reset(seed=seed)`; `on_step(obs, action, info)` is called after every step."""
    obs, _ = env.reset(seed=seed)
    actor.begin(seed)
    total, ended = 0.0, False
    while not ended:
        action = actor.act(obs)[0]
        after, reward, terminated, truncated, info = env.step(action)
        total, ended = total + float(reward), terminated or truncated
        if on_step is not None:
            on_step(obs, action, info)
        obs = after
    return total


def returns_of(actor: Actor, env_id: str, seeds: Iterable[int]) -> list[float]:
    """The return from each of these seeds."""
    with closing(make_env(env_id)) as env:
        return [whole_episode(actor, env, seed) for seed in seeds]


def at_random(env_id: str) -> AtRandom:
    """The random policy for this environment's actions."""
    with closing(make_env(env_id)) as env:
        assert isinstance(env.action_space, gymnasium.spaces.Box)
        return AtRandom(env.action_space.shape[0])
