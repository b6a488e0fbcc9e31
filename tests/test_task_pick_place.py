"""PickPlace: the cube in the bin, and let go."""

import numpy as np
import pytest
from task_table import run
from test_teleop_support import put

from teleop.envs.tasks.pick_place import BIN_HALF_M, FLOOR_M, HALF_M, WALL_HEIGHT_M, WALL_M, PickPlace
from teleop.experts.aim import Wish
from teleop.experts.pick_place import pick_place_expert

INSIDE = np.array([0.0, 0.0, FLOOR_M + HALF_M])


@pytest.fixture(scope="module")
def env():
    env = PickPlace()
    yield env
    env.close()


def test_cube_and_bin_start_apart_on_both_sides(env):
    sides = set()
    for seed in range(50):
        env.reset(seed=seed)
        away = env.cube_pos_m - env.bin_pos_m
        assert np.abs(away[:2]).max() > BIN_HALF_M + 2 * WALL_M + 2 * HALF_M, "a hand fits between"
        touching = {frozenset(env.model.geom_bodyid[c.geom]) for c in env.data.contact[: env.data.ncon]}
        assert not any(env.model.body("cube").id in pair and env.model.body("bin").id in pair for pair in touching)
        sides.add(np.sign(env.bin_pos_m[1]))
    assert sides == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("away", "done"),
    [
        (INSIDE, True),
        (INSIDE + [0.05, -0.05, 0.0], True),
        (INSIDE + [BIN_HALF_M + WALL_M, 0.0, 0.0], False),
        (INSIDE + [0.0, 0.12, 0.0], False),
        ([0.0, 0.0, WALL_HEIGHT_M + 0.01], False),
    ],
)
def test_success_is_between_the_walls_and_below_the_rim(env, away, done):
    env.reset(seed=0)
    put(env, "cube", env.bin_pos_m + away)
    assert env.is_success() is done


def test_a_cube_that_is_still_held_in_the_bin_is_no_success(env):
    env.reset(seed=0)
    for _ in range(12):
        env.step(np.array([0, 0, 0, 0, 0, 0, 1], np.float32))
    put(env, "cube", env.tcp_pos_m)
    env.data.mocap_pos[0] = env.tcp_pos_m - INSIDE
    assert env.is_in_bin()
    assert not env.is_success()


def test_the_reward_grows_on_the_way(env):
    env.reset(seed=0)
    start = env.dense_reward()
    put(env, "cube", env.tcp_pos_m)
    held = env.dense_reward()
    put(env, "cube", env.bin_pos_m + [0.0, 0.0, 0.10])
    above = env.dense_reward()
    put(env, "cube", env.bin_pos_m + INSIDE)
    assert start < min(held, above)
    assert above < env.dense_reward() == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    np.testing.assert_allclose(obs["object"][:3], env.cube_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][7:10], env.cube_pos_m - env.tcp_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][10:], env.bin_pos_m - env.cube_pos_m, atol=1e-6)


def test_the_expert_answers_from_odd_states(env):
    env.reset(seed=0)
    put(env, "cube", env.bin_pos_m + INSIDE)
    assert pick_place_expert(env, Wish()).stage == "done"
    put(env, "cube", env.bin_pos_m + [0.0, 0.2, HALF_M])
    assert pick_place_expert(env, Wish()).stage in ("approach", "descend", "rise")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_operator_does_it(seed):
    assert run("PandaPickPlace-v0", seed).success
