"""Stack: red rests on blue, and is let go."""

import numpy as np
import pytest
from task_table import run
from test_teleop_support import put

from teleop.envs.tasks.stack import APART_M, HALF_M, OFF_M, RESTS_M, Stack
from teleop.experts.aim import Wish
from teleop.experts.stack import stack_expert

ON = np.array([0.0, 0.0, 2 * HALF_M])


@pytest.fixture(scope="module")
def env():
    env = Stack()
    yield env
    env.close()


def test_the_cubes_start_apart_on_the_table(env):
    for seed in range(50):
        env.reset(seed=seed)
        red, blue = env.cube_pos_m("red"), env.cube_pos_m("blue")
        assert np.linalg.norm(red - blue) > APART_M
        assert red[2] == blue[2] == pytest.approx(HALF_M)
        assert not env.is_success()


@pytest.mark.parametrize(
    ("away", "done"),
    [
        (ON, True),
        (ON + [OFF_M - 0.001, 0.0, 0.0], True),
        (ON + [OFF_M + 0.001, 0.0, 0.0], False),
        (ON + [0.0, 0.0, RESTS_M + 0.001], False),
        ([2 * HALF_M, 0.0, 0.0], False),
        (-ON, False),
    ],
)
def test_success_is_red_on_blue(env, away, done):
    env.reset(seed=0)
    put(env, "red", env.cube_pos_m("blue") + away)
    assert env.is_success() is done


def test_red_that_is_still_held_on_blue_is_no_success(env):
    env.reset(seed=0)
    for _ in range(12):
        env.step(np.array([0, 0, 0, 0, 0, 0, 1], np.float32))
    put(env, "red", env.tcp_pos_m)
    put(env, "blue", env.tcp_pos_m - ON)
    assert env.is_on_blue()
    assert not env.is_success()


def test_the_reward_grows_on_the_way(env):
    env.reset(seed=0)
    start, place = env.dense_reward(), env.place_pos_m
    put(env, "red", env.tcp_pos_m)
    held = env.dense_reward()
    put(env, "red", place + [0.0, 0.0, 0.05])
    above = env.dense_reward()
    put(env, "red", place)
    assert start < held
    assert above < env.dense_reward() == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    red, blue = env.cube_pos_m("red"), env.cube_pos_m("blue")
    np.testing.assert_allclose(obs["object"][:3], red, atol=1e-6)
    np.testing.assert_allclose(obs["object"][10:13], blue, atol=1e-6)
    np.testing.assert_allclose(obs["object"][20:], blue - red, atol=1e-6)


def test_the_expert_answers_from_odd_states(env):
    env.reset(seed=0)
    put(env, "red", env.place_pos_m)
    assert stack_expert(env, Wish()).stage == "done"
    put(env, "red", env.cube_pos_m("blue") + [0.06, 0.0, 0.0])
    assert stack_expert(env, Wish()).stage in ("approach", "descend", "rise")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_operator_does_it(seed):
    assert run("PandaStack-v0", seed).success
