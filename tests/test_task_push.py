"""Push: the puck on the spot, pushed there."""

from itertools import pairwise

import numpy as np
import pytest
from task_table import run
from test_teleop_support import put

from teleop.devices.habits import OperatorConfig
from teleop.devices.hand import wanted_action
from teleop.envs.tasks.push import AREA_M, FAR_M, HALF_HEIGHT_M, RADIUS_M, THERE_M, Push
from teleop.experts.aim import Wish
from teleop.experts.push import push_expert
from teleop.mapping import MappingConfig


@pytest.fixture(scope="module")
def env():
    env = Push()
    yield env
    env.close()


def put_puck(env, away_m, z_m=HALF_HEIGHT_M):
    """The puck so far from the goal, along x."""
    put(env, "puck", [*(env.goal_pos_m[:2] + [away_m, 0.0]), z_m])


def test_the_start_is_on_the_table_and_well_apart(env):
    for seed in range(50):
        env.reset(seed=seed)
        puck, goal = env.puck_pos_m[:2], env.goal_pos_m[:2]
        assert env.distance_m() > FAR_M
        for place in (puck, goal):
            assert np.all(place >= AREA_M[0])
            assert np.all(place <= AREA_M[1])
        assert np.linalg.norm(env.puck_pos_m - env.tcp_pos_m) > RADIUS_M + 0.02
        assert not env.is_success()


@pytest.mark.parametrize(
    ("away_m", "z_m", "done"),
    [(0.0, HALF_HEIGHT_M, True), (THERE_M - 0.001, HALF_HEIGHT_M, True), (THERE_M + 0.001, HALF_HEIGHT_M, False), (0.0, 0.06, False)],
)
def test_success_is_the_puck_lying_on_the_spot(env, away_m, z_m, done):
    env.reset(seed=0)
    put_puck(env, away_m, z_m)
    assert env.is_success() is done


def test_the_puck_does_not_fit_between_the_fingers(env):
    env.reset(seed=0)
    assert env.gripper_width_m + 0.005 < 2 * RADIUS_M


def test_the_reward_grows_with_the_hand_and_the_puck(env):
    env.reset(seed=0)
    put_puck(env, 0.2)
    far = env.dense_reward()
    put(env, "puck", [*env.tcp_pos_m[:2], HALF_HEIGHT_M])
    rewards = [far]
    for away in (0.15, 0.08, 0.03, 0.0):
        put_puck(env, away)
        rewards.append(env.dense_reward())
    assert rewards == sorted(rewards)
    assert rewards[-1] == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    np.testing.assert_allclose(obs["object"][:3], env.puck_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][3:6], env.puck_pos_m - env.tcp_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][6:], env.goal_pos_m - env.puck_pos_m, atol=1e-6)


def test_the_expert_goes_behind_first_and_pushes_then(env):
    env.reset(seed=1)
    aim = push_expert(env, Wish())
    assert aim.stage in ("behind", "rise")
    behind = env.puck_pos_m - env.goal_pos_m
    assert float((aim.pos_m - env.puck_pos_m)[:2] @ behind[:2]) > 0, "on the side away from the goal"
    put_puck(env, 0.0)
    assert push_expert(env, Wish()).stage == "done"


def test_the_expert_says_much_the_same_a_hair_beside(env):
    """Along an episode, with the puck shifted across by half a millimetre at a time: nowhere are opposite answers next to each other."""
    env.reset(seed=0)
    rng, stages, step = np.random.default_rng(0), set(), 0
    while (aim := push_expert(env, Wish())).stage != "done":
        stages.add(aim.stage)
        if (step := step + 1) % 3 == 0:
            before, puck, angle = env.sim_state(), env.puck_pos_m, rng.uniform(0.0, np.pi)
            answers = []
            for aside in np.arange(-0.02, 0.02, 0.0005):
                put(env, "puck", puck + aside * np.array([np.cos(angle), np.sin(angle), 0.0]))
                answers.append(push_expert(env, Wish()))
            env.restore(before)
            jumps = [np.linalg.norm(b.pos_m - a.pos_m) for a, b in pairwise(answers) if "done" not in (a.stage, b.stage)]
            assert max(jumps) < 0.03
        env.step(wanted_action(env, aim, OperatorConfig(skill=2.0), MappingConfig()))
    assert stages == {"behind", "lower", "push", "rise"}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_operator_does_it_without_lifting(seed):
    done = run("PandaPush-v0", seed)
    assert done.success
    assert done.steps < 500
