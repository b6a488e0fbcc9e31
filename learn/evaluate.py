"""How good a policy is: seeded rollouts, counted with an interval."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from data.cores import Cluster, worker_pool
from data.errors import UserError, one_of
from data.intervals import wilson
from learn.driver import Driver
from learn.modes import ModeUse
from learn.policies import Chunk, Observation, Policy, PolicyConfig, build_policy
from learn.threads import torch_threads
from teleop.envs import make_env

# Sessions are seeded from 0 upwards, one per recorded episode: evaluation must not start where training did.
FIRST_EVALUATION_SEED = 100_000
Env = gymnasium.Env[Any, Any]
MakeEnv = Callable[..., Env]
OnStep = Callable[[Observation, NDArray[np.float32], Mapping[str, Any]], None]


class Actor(Protocol):
    """Whatever answers an observation with actions (n, A) in [-1, 1] of which the first is executed; see `learn.driver`."""

    def begin(self, seed: int) -> None: ...

    def act(self, obs: Observation) -> Chunk: ...


@dataclass(frozen=True)
class Rollout:
    """One evaluated episode: `length` in steps, `total_reward` undiscounted, `mode` the behaviour mode the task says it was.

    `mode_switches`: how often the policy gave up one of its own modes for another.
    """

    seed: int
    success: bool
    length: int
    total_reward: float
    mode: str = ""
    mode_switches: int = 0


@dataclass(frozen=True)
class Evaluation:
    """Rollouts of one policy; `ci_low` to `ci_high` is Wilson's 95 % interval of the success rate.

    `modes` are the behaviour modes that the task tells apart, `modes_shown` how many demonstrations there were of each.
    """

    env: str
    policy: str
    rollouts: tuple[Rollout, ...]
    seconds: float
    modes: tuple[str, ...] = ()
    modes_shown: Mapping[str, int] = field(default_factory=dict)

    @property
    def episodes(self) -> int:
        return len(self.rollouts)

    @property
    def successes(self) -> int:
        return sum(r.success for r in self.rollouts)

    @property
    def success_rate(self) -> float:
        return self.successes / self.episodes

    @property
    def ci_low(self) -> float:
        return wilson(self.successes, self.episodes)[0]

    @property
    def ci_high(self) -> float:
        return wilson(self.successes, self.episodes)[1]

    @property
    def mean_return(self) -> float:
        return math.fsum(r.total_reward for r in self.rollouts) / self.episodes

    @property
    def mode_use(self) -> ModeUse:
        """Successes in each of the task's behaviour modes."""
        found = Counter(r.mode for r in self.rollouts if r.success)
        return ModeUse({mode: found[mode] for mode in self.modes}, self.modes_shown)

    @property
    def mode_switches(self) -> float:
        """How often in an episode the policy gave up the mode it was in for another, on average."""
        return sum(r.mode_switches for r in self.rollouts) / self.episodes

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        names = ("success_rate", "ci_low", "ci_high", "episodes", "mean_return", "seconds", "policy", "env")
        facts = {name: getattr(self, name) for name in names}
        return facts | ({**self.mode_use.summary(), "mode_switches": self.mode_switches} if self.modes else {})


def evaluate(
    policy: Policy,
    env_id: str,
    env_kwargs: Mapping[str, Any],
    episodes: int,
    seed: int,
    workers: int | None = 1,
    *,
    cluster: Cluster = "local",
    progress: Callable[[Rollout], None] | None = None,
    make: MakeEnv = make_env,
    modes_shown: Mapping[str, int] | None = None,
) -> Evaluation:
    """Roll `policy` out; episode i starts from `env.reset(seed=seed + i)`, so any number of workers (None: one a core) gives the same
    results, on this machine or on a cluster.

    Each worker is a process with its own env and one torch thread (the number of threads changes sums in the last
    bit). `make(env_id, **env_kwargs)` must be a module's function. `progress` is called with each episode, in order.
    """
    if episodes < 1 or (workers is not None and workers < 1) or seed < 0:
        raise UserError(f"--episodes {episodes} --workers {workers} --seed {seed}: give at least 1, 1 and 0")
    started = time.perf_counter()
    kwargs = without_unused_cameras(policy, env_kwargs)
    with closing(make(env_id, **kwargs)) as env:
        check_policy_fits(policy, env, env_id)
        modes = tuple(getattr(env.unwrapped, "modes", ()))
    task = _Task(policy.config, {k: v.cpu().numpy() for k, v in policy.state_dict().items()}, env_id, kwargs, make)
    rollouts = []
    with worker_pool(workers, _opened, task, cluster=cluster, most=episodes) as pool:
        for done in pool.map(_roll, range(seed, seed + episodes)):
            rollouts.append(done)
            if progress is not None:
                progress(done)
    return Evaluation(env_id, policy.config.kind, tuple(rollouts), time.perf_counter() - started, modes, modes_shown or {})


def rollout(policy: Actor, env: Env, seed: int, on_step: OnStep | None = None) -> Rollout:
    """One episode from `env.reset(seed=seed)` to its first success or its end.

    `on_step(obs, action, info)` is called after every step with the observation the action answered: draw frames there.
    """
    obs, _ = env.reset(seed=seed)
    policy.begin(seed)
    total_reward, length, success, ended = 0.0, 0, False, False
    info: Mapping[str, Any] = {}
    while not (success or ended):
        action = policy.act(obs)[0]
        after, reward, terminated, truncated, info = env.step(action)
        total_reward, length = total_reward + float(reward), length + 1
        success, ended = bool(info.get("success", False)), terminated or truncated
        if on_step is not None:
            on_step(obs, action, info)
        obs = after
    return Rollout(seed, success, length, total_reward, str(info.get("mode", "")), int(getattr(policy, "mode_switches", 0)))


def check_policy_fits(policy: Policy, env: Env, env_id: str, trained_env_id: str | None = None) -> None:
    """Refuse an env whose observations or actions are not the policy's.

    With `trained_env_id` the env must also be the one the policy was trained in; leave it out where the user chose
    another env on purpose.
    """
    config = policy.config
    keys = (*config.obs_keys, *config.image_keys)
    if trained_env_id is not None and trained_env_id != env_id:
        raise UserError(f"the policy was trained in {trained_env_id}, this is {env_id}; train one here or give --env {trained_env_id}")
    if not isinstance(env.observation_space, gymnasium.spaces.Dict):
        raise UserError(f"{env_id} observes {env.observation_space}, the policy needs a Dict with {one_of(keys)}")
    spaces = env.observation_space.spaces
    missing = [key for key in keys if key not in spaces]
    if missing:
        raise UserError(f"the policy needs {one_of(missing)}, which {env_id} does not observe; it has: {one_of(spaces)}")
    for key, width in zip(config.obs_keys, config.obs_dims, strict=True):
        if math.prod(spaces[key].shape or ()) != width:
            raise UserError(f"the policy was trained with {key} of width {width}, {env_id} has shape {spaces[key].shape}")
    for key, shape in zip(config.image_keys, config.image_shapes, strict=True):
        if spaces[key].shape != shape:
            raise UserError(f"the policy was trained with {key} of shape {shape}, {env_id} has {spaces[key].shape}; give the same cameras")
    if env.action_space.shape != (config.action_dim,):
        raise UserError(f"the policy gives {config.action_dim} numbers per action, {env_id} takes {env.action_space}")


@dataclass(frozen=True)
class _Task:
    """All that a worker needs, as plain data."""

    config: PolicyConfig
    weights: Mapping[str, NDArray[np.generic]]
    env_id: str
    env_kwargs: Mapping[str, Any]
    make: MakeEnv

    def driver(self) -> Driver:
        policy = build_policy(self.config)
        policy.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights.items()})
        return Driver(policy.eval())


def without_unused_cameras(policy: Policy, env_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Recording with cameras must not make every evaluated step of a low-dimensional policy draw them."""
    kwargs = dict(env_kwargs)
    if "cameras" in kwargs:
        kwargs["cameras"] = [name for name in kwargs["cameras"] if f"{name.split(':')[0]}_image" in policy.config.image_keys]
    return kwargs


Seat = tuple[Driver, Env]


@contextmanager
def _opened(task: _Task) -> Iterator[Seat]:
    """A worker's own policy and env, and one torch thread."""
    with torch_threads(1), closing(task.make(task.env_id, **task.env_kwargs)) as env:
        yield task.driver(), env


def _roll(seat: Seat, seed: int) -> Rollout:
    return rollout(*seat, seed)
