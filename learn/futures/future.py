"""Future: what a policy would do from a simulator state, found out in a twin of the environment that is being driven."""

import copy
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.errors import UserError
from learn.driver import Driver
from learn.evaluate import check_policy_fits, without_unused_cameras
from learn.policies import Chunk, Observation, Policy, PolicyConfig
from learn.threads import torch_threads
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant

ARM_AXES = 3  # dx, dy, dz
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Future:
    """What came of a state: `path_m` (1 + steps, 3) the tool centre point on the way, (0, 3) of what is no arm.

    `mode` is the behaviour mode that was asked for, None where the policy chose, and `probability` what the policy gave it
    where it began. `success`: within `steps`, which end there.
    """

    path_m: Vector
    success: bool
    steps: int
    mode: int | None = None
    probability: float = 1.0


class Futures:
    """Owns a twin of an environment, in which futures are tried. `cameras` only where `policy` sees.

    Raises UserError where the environment cannot be put back into a state, or is not the policy's. `longest_steps` is
    the environment's own time limit, None without one.
    """

    def __init__(self, policy: Policy, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
        self.env_id = env_id
        self._env, self.plant = make_plant(env_id, without_unused_cameras(policy, env_kwargs))
        try:
            check_restorable(self.plant, env_id)
            self._fitting: set[PolicyConfig] = set()
            self._check_policy(policy)
            self._env.reset(seed=0)
        except BaseException:
            self.close()
            raise
        self.longest_steps = longest_steps(self._env, self.plant)
        self._width = len(self.plant.sim_state())

    def roll(
        self,
        policy: Policy,
        sim_state: Vector,
        scene_seed: int,
        *,
        seed: int,
        mode: int | None = None,
        steps: int,
        obs: Observation | None = None,
        on_step: Callable[[], None] | None = None,
        shake: float = 0.0,
    ) -> Future:
        """Drive from `sim_state` (S,) in the scene of `reset(seed=scene_seed)`, to success, to the end, or for `steps`.

        All that is drawn comes from `seed`. `mode` indexes `policy.modes` of the first observation: it is held where modes
        are ways to do the whole task (`holds_modes`), elsewhere it is gone at the first look and then the policy goes on
        by itself. What a recurrent policy remembers is not in a state: it begins without. What `on_step` raises ends it.
        `shake` is noise on what is executed (see `Shake`).

        Of our arms a future is exact to the bit. Of a guest, what MuJoCo keeps is exact, and what Python keeps is as at the
        episode's beginning; some observe after a step what was a substep ago, and here what is: `obs`, where it is known,
        is what was seen in the state.
        """
        self._check_policy(policy)
        self._check_state(sim_state)
        actor = copy.deepcopy(policy) if policy.config.is_sequence else policy  # who drives meanwhile must not forget
        with torch_threads(1):
            self.plant.begin_again(scene_seed, sim_state)
            seen = self.plant.restore(sim_state)
            first = seen if obs is None else obs
            noise = Shake.of(self.plant, policy.config.action_dim, shake, seed)
            return self._drive(_Way.of(actor, first, mode, seed), noise, first, steps, on_step)

    def start_of(self, scene_seed: int) -> Vector:
        """The simulator state (S,) in which the scene of `reset(seed=scene_seed)` begins."""
        self._env.reset(seed=scene_seed)
        return self.plant.sim_state()

    def check_episode(self, episode: Episode, name: str) -> None:
        """Refuse an episode whose states are not this environment's."""
        if episode.meta.env_id != self.env_id:
            raise UserError(f"{name} is of {episode.meta.env_id}, this is {self.env_id}; give episodes of one environment")
        stored = episode.steps["sim_state"].shape[1:]
        if stored == (0,):
            raise UserError(f"{name} has no simulator states, as imported ones have none: nothing can be tried from it; leave it out")
        if stored != (self._width,):
            raise UserError(
                f"{name} has simulator states of {stored} numbers and {self.env_id} here has ({self._width},); "
                "it was recorded with another version of the environment or of MuJoCo"
            )

    def close(self) -> None:
        self._env.close()

    def _drive(self, way: "_Way", shake: "Shake", obs: Observation, steps: int, on_step: Callable[[], None] | None) -> Future:
        path, done, success, ended = [self._place_m()], 0, self.plant.is_success(), False
        while done < steps and not (success or ended):
            obs, _, terminated, truncated, info = self.plant.step(shake.shaken(way.act(obs)))
            done, success, ended = done + 1, bool(info.get("success", False)), terminated or truncated
            path.append(self._place_m())
            if on_step is not None:
                on_step()
        return Future(np.concatenate(path), success, done, way.mode, way.probability)

    def _place_m(self) -> Vector:
        return self.plant.tcp_pos_m[None] if isinstance(self.plant, ArmEnv) else np.empty((0, 3))

    def _check_policy(self, policy: Policy) -> None:
        if policy.config not in self._fitting:
            check_policy_fits(policy, self._env, self.env_id)
            self._fitting.add(policy.config)

    def _check_state(self, sim_state: Vector) -> None:
        if sim_state.shape != (self._width,):
            needed = f"{self.env_id} needs ({self._width},); use the env it was recorded with"
            raise UserError(f"this simulator state has {sim_state.shape} numbers, {needed}")


@dataclass(frozen=True)
class Shake:
    """Gaussian noise of standard deviation `sd`, in actions, on the first `axes` of what is executed.

    A policy that draws nothing so has many futures too, and what of it hangs by a thread shows. Laskey, Lee, Fox, Dragan and
    Goldberg 2017, *DART: Noise Injection for Robust Imitation Learning* (CoRL), shake the demonstrator; here it is the policy.
    """

    sd: float
    axes: int
    rng: np.random.Generator

    @classmethod
    def of(cls, plant: Plant, action_dim: int, sd: float, seed: int) -> "Shake":
        """Raises UserError for an `sd` outside of 0 to 1.

        Our arms are shaken along x, y and z: turns that no demonstration shows are never made good, and add up; a noise of
        0.02 on them left a policy that succeeds in 16 of 16 scenes of PandaLift-v0 none, 0.1 on the rest of it all.
        """
        check_shake(sd)
        return cls(sd, ARM_AXES if isinstance(plant, ArmEnv) else action_dim, np.random.default_rng(seed))

    def shaken(self, action: Chunk) -> Chunk:
        """(A,) in [-1, 1]"""
        if self.sd == 0.0:
            return action
        noise = np.zeros(len(action))
        noise[: self.axes] = self.rng.normal(0.0, self.sd, self.axes)
        return np.clip(action + noise, -1.0, 1.0).astype(np.float32)


def check_shake(shake: float) -> None:
    if not 0.0 <= shake <= 1.0:
        raise UserError(f"shake {shake} is outside 0 … 1; give the noise's standard deviation in actions, 0 for none")


@dataclass
class _Way:
    """A policy at the wheel, led at its first look where its modes hold no longer than that."""

    driver: Driver
    mode: int | None = None
    probability: float = 1.0
    led: deque[Chunk] = field(default_factory=deque)

    @classmethod
    def of(cls, policy: Policy, obs: Observation, mode: int | None, seed: int) -> "_Way":
        """Raises ValueError for a mode that is not there."""
        driver = Driver(policy, mode if holds_modes(policy) else None)
        driver.begin(seed)
        if mode is None:
            return cls(driver)
        modes = policy.modes(obs)
        if not 0 <= mode < len(modes):
            raise ValueError(f"mode {mode}: there are {len(modes)} here, counted from 0")
        alone = holds_modes(policy) or policy.head.averages
        led = deque[Chunk]() if alone else deque(modes[mode].chunk[: policy.config.execute])
        return cls(driver, mode, modes[mode].probability, led)

    def act(self, obs: Observation) -> Chunk:
        """(A,)"""
        action: Chunk = self.led.popleft() if self.led else self.driver.act(obs)[0]
        return action


def holds_modes(policy: Policy) -> bool:
    """Whether a mode of the policy is a way to do the whole task, and not only the next chunk."""
    return policy.head.keeps_modes and policy.config.sticky == "episode"


def draws(policy: Policy, mode: int | None = None, shake: float = 0.0) -> bool:
    """Whether two futures from the same state, in `mode`, may differ by their seeds."""
    return shake > 0.0 or not (policy.head.averages or (mode is not None and holds_modes(policy)))


def rolls_needed(policy: Policy, rolls: int, mode: int | None = None, shake: float = 0.0) -> int:
    """Of `rolls` futures on seeds of their own, how many are different: one where nothing is drawn."""
    return rolls if draws(policy, mode, shake) else 1


def longest_steps(env: gymnasium.Env[Any, Any], plant: Plant) -> int | None:
    """The environment's own time limit in steps; None where it has none."""
    registered = env.spec.max_episode_steps if env.spec is not None else None
    steps = plant.longest_steps or registered
    return steps if steps is not None and steps > 0 else None


def check_restorable(plant: Plant, env_id: str) -> None:
    """Refuse an environment whose states can be looked at only."""
    if not plant.can_restore:
        raise UserError(f"{env_id} cannot be put back into a state, so nothing can be tried from one; take one with MuJoCo underneath")
