"""What the tests of `learn.futures` share: policies for PandaReach-v0 written by hand, and episodes driven step by step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from data.episode import Episode, Step, build_episode
from data.schema import EpisodeMeta, Outcome, Phase, Source
from learn.policies import Policy, PolicyConfig, build_policy
from teleop.envs import make_plant
from teleop.envs.arm import ArmEnv

torch.set_num_threads(1)

REACH = "PandaReach-v0"
LONGEST = 150  # its time limit in steps
CONFIG = PolicyConfig(obs_keys=("object",), obs_dims=(6,), action_dim=7, hidden=(6,))
GAIN = 4.0  # of the full deflection, a metre from the ball


def goal_keeper(sign: float = 1.0) -> Policy:
    """A regression by hand: straight to the ball (`sign` −1: away from it), by ReLUs of goal − tool centre point and of its negative."""
    policy = build_policy(CONFIG).eval()
    see, act = policy.head.mlp.layers
    with torch.no_grad():
        _look_at_ball(see)
        _steer(act.weight[0], act.bias[0], sign)
    return policy


def stops_short(short_m: float = 0.03) -> Policy:
    """A regression by hand that goes to the ball and stops `short_m` beside it along x: it draws nothing, so it never arrives."""
    policy = goal_keeper()
    with torch.no_grad():
        for side in (0, 3):
            policy.head.mlp.layers[0].bias[0, side] = -short_m
    return policy


def undecided(probabilities: Sequence[float] = (0.3, 0.7), signs: Sequence[float] = (-1.0, 1.0), **changes: Any) -> Policy:
    """A mixture by hand: expert k goes to the ball (sign 1) or away from it (−1) and is chosen with a probability, wherever it is."""
    policy = build_policy(replace(CONFIG, kind="moe", experts=len(signs), **changes)).eval()
    head = policy.head
    with torch.no_grad():
        _look_at_ball(head.trunk[0])
        for parameter in (*head.turns, *head.gate.parameters()):
            parameter.zero_()
        head.gate.layers[-1].bias[0] = torch.tensor([math.log(p) for p in probabilities])
        for k, sign in enumerate(signs):
            for step in range(policy.config.chunk):
                _steer(head.experts.weight[k][7 * step : 7 * step + 7], head.experts.bias[k][7 * step : 7 * step + 7], sign)
    return policy


def _look_at_ball(layer: Any) -> None:
    layer.weight.zero_()
    layer.bias.zero_()
    for axis in range(3):
        layer.weight[0, axis, 3 + axis], layer.weight[0, 3 + axis, 3 + axis] = 1.0, -1.0


def _steer(weight: torch.Tensor, bias: torch.Tensor, sign: float) -> None:
    weight.zero_()
    bias.zero_()
    for axis in range(3):
        weight[axis, axis], weight[axis, 3 + axis] = sign * GAIN, -sign * GAIN


def arm_of(env_id: str = REACH) -> ArmEnv:
    env, plant = make_plant(env_id, {})
    assert isinstance(plant, ArmEnv)
    env.reset(seed=0)
    return plant


AWAY = np.array([-0.4, 0, 0.4, 0, 0, 0, -1], np.float32)
Tick = tuple[np.ndarray, dict[str, Any]]


def policy_step(action: np.ndarray) -> Tick:
    return action, {"source": Source.POLICY, "phase": Phase.POLICY, "policy_action": action}


def person_step(action: np.ndarray, proposal: np.ndarray, phase: Phase = Phase.HUMAN, latency_s: float = float("nan")) -> Tick:
    facts = {"source": Source.HUMAN, "phase": phase, "policy_action": proposal, "label": action, "decision_latency_s": latency_s}
    return action, facts


def driven(plant: ArmEnv, seed: int, steps: int, tick: Callable[[int, Any], Tick], **meta: Any) -> Episode:
    """An episode of `steps`, or to its success; `tick(t, obs)` gives the action and what else the Step is to hold."""
    obs, _ = plant.reset(seed=seed)
    ticks: list[Step] = []
    while len(ticks) < steps and not plant.is_success():
        action, facts = tick(len(ticks), obs)
        defaults = {"reward": 0.0, "stick": np.zeros(21, np.float32), "time_s": 0.05 * len(ticks)}
        states = {"sim_state": plant.sim_state(), "state": plant.flat_state()}
        ticks.append(Step(obs=obs, action=action, **states, **{**defaults, **facts}))
        obs, *_ = plant.step(action)
    outcome = Outcome.SUCCESS if plant.is_success() else Outcome.FAILURE
    facts = {"env_id": REACH, "env_kwargs": {}, "seed": seed, "outcome": outcome, "operator": "test", **meta}
    return build_episode(ticks, obs, plant.sim_state(), EpisodeMeta(**facts))
