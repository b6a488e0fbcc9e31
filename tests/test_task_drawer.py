"""Drawer: open by 12 cm."""

import numpy as np
import pytest
from task_table import run

from teleop.envs.tasks.drawer import BAR_Z_M, OPEN_M, PLACES_M, TRAVEL_M, YAW_RAD, Drawer
from teleop.experts.aim import Wish
from teleop.experts.drawer import drawer_expert


@pytest.fixture(scope="module")
def env():
    env = Drawer()
    yield env
    env.close()


def open_it(env, opening_m):
    env.data.qpos[env.model.joint("drawer").qposadr[0]] = opening_m
    env.restore(env.sim_state())


def follow(env):
    """One step of the expert, without a person's noise; its stage."""
    aim = drawer_expert(env, Wish())
    action = np.zeros(7, np.float32)
    action[:3] = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -0.35, 0.35)
    action[6] = aim.grip
    env.step(action)
    return aim.stage


def test_the_cabinet_stands_elsewhere_and_otherwise_each_time_closed(env):
    places, yaws = [], []
    for seed in range(50):
        env.reset(seed=seed)
        places.append(env.data.body("cabinet").xpos[:2].copy())
        yaws.append(np.arctan2(env.cabinet_rot[1, 0], env.cabinet_rot[0, 0]))
        assert env.opening_m == 0.0
        assert env.bar_pos_m[2] == pytest.approx(BAR_Z_M, abs=1e-6)
        touching = set(env.model.geom_bodyid[env.data.contact.geom[: env.data.ncon]].ravel())
        assert not touching & {env.model.body("cabinet").id, env.model.body("drawer").id}
        low, high = np.array(env.limits.lower_m), np.array(env.limits.upper_m)
        assert np.all(env.bar_pos_m > low)
        assert np.all(env.bar_pos_m + [0.05, 0.0, 0.0] < high), "a hand fits behind the bar"
    assert np.all(np.array(places) >= PLACES_M[0])
    assert np.all(np.array(places) <= PLACES_M[1])
    assert np.abs(yaws).max() <= YAW_RAD
    assert np.std(yaws) > 0.05


@pytest.mark.parametrize(("opening_m", "done"), [(0.0, False), (OPEN_M - 0.001, False), (OPEN_M + 0.001, True), (TRAVEL_M, True)])
def test_success_is_twelve_centimetres(env, opening_m, done):
    env.reset(seed=0)
    open_it(env, opening_m)
    assert env.is_success() is done


def test_it_stays_where_it_is_when_nobody_pulls(env):
    env.reset(seed=0)
    open_it(env, 0.06)
    bar = env.bar_pos_m
    for _ in range(40):
        env.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))
    assert env.opening_m == pytest.approx(0.06, abs=0.002)
    assert np.linalg.norm(env.bar_pos_m - bar) < 0.003


def test_the_drawer_comes_with_the_fingers_along_the_cabinet_s_axis_while_the_cabinet_stays():
    env = Drawer()
    env.reset(seed=2)
    place, bar = env.data.body("cabinet").xpos.copy(), env.bar_pos_m
    for _ in range(150):
        follow(env)
        assert np.array_equal(env.data.body("cabinet").xpos, place)
    assert env.is_success()
    np.testing.assert_allclose(env.cabinet_rot.T @ (env.bar_pos_m - bar), [-env.opening_m, 0.0, 0.0], atol=1e-6)
    env.close()


def test_the_reward_grows_with_the_hand_and_the_drawer(env):
    env.reset(seed=0)
    rewards = []
    for opening in (0.0, 0.05, 0.10, OPEN_M + 0.001):
        open_it(env, opening)
        rewards.append(env.dense_reward())
    assert rewards == sorted(rewards)
    assert rewards[-1] == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    np.testing.assert_allclose(obs["object"][:3], env.bar_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][3:6], env.bar_pos_m - env.tcp_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][7:], env.cabinet_rot[:2, 0], atol=1e-6)


def test_the_expert_answers_from_odd_states(env):
    env.reset(seed=0)
    assert drawer_expert(env, Wish()).stage in ("approach", "rise")
    open_it(env, TRAVEL_M)
    assert drawer_expert(env, Wish()).stage == "done"


@pytest.mark.parametrize(("slip", "again"), [((0.0, 0.0, 0.4), "hook"), ((0.3, 0.0, 0.0), "pull")], ids=["off the bar", "back in"])
def test_the_expert_hooks_and_pulls_again_after_a_slip(env, slip, again):
    env.reset(seed=1)
    for _ in range(150):
        if follow(env) == "pull" and env.opening_m > 0.03:
            break
    for _ in range(6):
        env.step(np.array([*slip, 0.0, 0.0, 0.0, 1.0], np.float32))
    assert not env.is_success()
    stages = [follow(env) for _ in range(150)]
    assert env.is_success()
    assert again in stages


def test_a_stored_state_is_as_open_as_it_was(env):
    env.reset(seed=0)
    start = env.sim_state()
    open_it(env, OPEN_M + 0.01)
    opened, bar = env.sim_state(), env.bar_pos_m
    env.restore(start)
    assert not env.is_success()
    env.reset(seed=1)  # the cabinet elsewhere: its place comes back too
    env.restore(opened)
    assert env.is_success()
    np.testing.assert_array_equal(env.bar_pos_m, bar)


@pytest.mark.parametrize("env_id", ["PandaDrawer-v0", "UR5eDrawer-v0"])
def test_the_operator_does_it(env_id):
    assert all(run(env_id, seed).success for seed in (0, 1))
