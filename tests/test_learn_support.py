"""What the tests of `learn` share: a toy environment, its expert, and sessions recorded with it in no time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.episode import Episode, Step, build_episode
from data.schema import EpisodeMeta, Outcome, Phase, Source
from data.session import Session
from learn.log import TENSORBOARD_NAME
from learn.policies import Policy, PolicyConfig, build_policy

torch.set_num_threads(1)

TOY = "Toy-v0"
TOY_KEYS = ("goal", "position")
TOY_CONFIG = PolicyConfig(obs_keys=TOY_KEYS, obs_dims=(2, 2), action_dim=2, hidden=(16, 16))


class ToyReach(gymnasium.Env):
    """A point in the plane must come within 0.1 of a goal; a step moves it by a tenth of the action; 30 steps at most."""

    def __init__(self, cameras: tuple[str, ...] = ()) -> None:
        self.cameras = cameras
        box = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.observation_space = gymnasium.spaces.Dict(dict.fromkeys(TOY_KEYS, box))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._steps, self._position, self._goal = 0, np.zeros(2), self.np_random.uniform(-1.0, 1.0, 2)
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self._steps += 1
        self._position = self._position + 0.1 * action
        success = bool(np.linalg.norm(self._goal - self._position) < 0.1)
        return self._obs(), float(success), False, self._steps >= 30, {"success": success}

    def _obs(self) -> dict[str, Any]:
        return {"goal": self._goal.astype(np.float32), "position": self._position.astype(np.float32)}


def make_toy(env_id: str, **kwargs: Any) -> gymnasium.Env:
    assert env_id == TOY
    return ToyReach(**kwargs)


def toy_expert(obs: Any) -> np.ndarray:
    return np.clip(5.0 * (obs["goal"] - obs["position"]), -1.0, 1.0).astype(np.float32)


def step(obs: dict[str, Any], action: Any, source: Source = Source.SCRIPTED, label: Any = None) -> Step:
    return Step(
        obs={key: np.asarray(value, np.float32) for key, value in obs.items()},
        sim_state=np.zeros(3),
        state=np.zeros(3),
        action=np.asarray(action, np.float32),
        reward=0.0,
        source=source,
        phase=Phase.POLICY if source is Source.POLICY else Phase.HUMAN,
        stick=np.zeros(21, np.float32),
        time_s=0.0,
        label=None if label is None else np.asarray(label, np.float32),
        policy_action=np.asarray(action, np.float32) if source is Source.POLICY else None,
    )


def episode(steps: list[Step], outcome: Outcome = Outcome.SUCCESS, env_id: str = TOY, **env_kwargs: Any) -> Episode:
    meta = EpisodeMeta(env_id=env_id, env_kwargs=env_kwargs, seed=0, outcome=outcome, operator="test")
    ticks = [replace(one, time_s=0.05 * t) for t, one in enumerate(steps)]
    return build_episode(ticks, ticks[-1].obs, np.zeros(3), meta)


def session_of(folder: Path, *episodes: Episode) -> Session:
    session = Session.create(folder)
    for one in episodes:
        session.append(one)
    return session


def expert_episode(seed: int, act: Callable[[Any], np.ndarray] = toy_expert) -> Episode:
    env, steps, ended = ToyReach(), [], False
    obs, _ = env.reset(seed=seed)
    while not ended:
        steps.append(step(obs, act(obs)))
        obs, _, _, truncated, info = env.step(steps[-1].action)
        ended = truncated or info["success"]
    return episode(steps)


def corrected_episode(seed: int, every: int = 7, slowness: float = 0.7) -> Episode:
    """A policy drives as the expert would, but slower, and every so many steps the expert answers and goes a step."""
    env, steps, ended = ToyReach(), [], False
    obs, _ = env.reset(seed=seed)
    while not ended:
        best = toy_expert(obs)
        asked = len(steps) % every == every - 1
        steps.append(step(obs, best, Source.SCRIPTED, best) if asked else step(obs, slowness * best, Source.POLICY))
        obs, _, _, truncated, info = env.step(steps[-1].action)
        ended = truncated or info["success"]
    return episode(steps)


def expert_session(folder: Path, episodes: int) -> Session:
    return session_of(folder, *(expert_episode(seed) for seed in range(episodes)))


def toy_policy(members: int = 1, seed: int = 0) -> Policy:
    config = PolicyConfig(obs_keys=TOY_KEYS, obs_dims=(2, 2), action_dim=2, hidden=(16, 16), members=members)
    return build_policy(config, seed)


def toy_obs(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {key: rng.uniform(-1, 1, 2).astype(np.float32) for key in TOY_KEYS}


def curves(out: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows: each scalar by step."""
    events = EventAccumulator(str(out / TENSORBOARD_NAME))
    events.Reload()
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in events.Tags()["scalars"]}
