"""PegInsert: the peg upright and deep in the hole."""

import mujoco
import numpy as np
import pytest
from task_table import run
from test_teleop_support import put

from teleop.envs.props import YAW_RAD
from teleop.envs.tasks.peg_insert import BLOCK_HEIGHT_M, FLOOR_M, HOLE_HALF_M, INSERTED_M, PEG_HALF_M, PegInsert
from teleop.experts.aim import Wish
from teleop.experts.peg_insert import peg_insert_expert


@pytest.fixture(scope="module")
def env():
    env = PegInsert()
    yield env
    env.close()


def stand(env, pos_m, tilt_rad=0.0):
    """The peg there, squared with the block, tilted about the block's x axis."""
    quat, tilt = np.zeros(4), np.array([np.cos(tilt_rad / 2), np.sin(tilt_rad / 2), 0.0, 0.0])
    mujoco.mju_mulQuat(quat, env.data.mocap_quat[0], tilt)
    joint = env.model.joint("peg")
    env.data.qpos[joint.qposadr[0] : joint.qposadr[0] + 7] = [*pos_m, *quat]
    env.data.qvel[joint.dofadr[0] : joint.dofadr[0] + 6] = 0.0
    env.restore(env.sim_state())


def in_hole(env, depth_m):
    stand(env, env.rim_pos_m + [0.0, 0.0, PEG_HALF_M[2] - depth_m])


def test_the_clearance_is_at_most_three_millimetres():
    assert 0.001 < 2 * (HOLE_HALF_M - PEG_HALF_M[0]) <= 0.003


def test_the_start_is_upright_apart_and_without_contact(env):
    yaws = []
    for seed in range(50):
        env.reset(seed=seed)
        assert env.peg_axis[2] == pytest.approx(1.0)
        assert np.linalg.norm((env.peg_pos_m - env.data.mocap_pos[0])[:2]) > 0.10
        bodies = {env.model.body("peg").id, env.model.body("block").id}
        assert not any(bodies == set(env.model.geom_bodyid[c.geom]) for c in env.data.contact[: env.data.ncon])
        peg = env.data.body("peg").xmat.reshape(3, 3)
        yaws.append(np.arctan2(peg[1, 0], peg[0, 0]))
    assert np.abs(yaws).max() <= YAW_RAD
    assert np.std(yaws) > 0.1


@pytest.mark.parametrize(("depth_m", "done"), [(INSERTED_M + 0.002, True), (INSERTED_M - 0.002, False), (0.0, False)])
def test_success_is_deep_enough(env, depth_m, done):
    env.reset(seed=0)
    in_hole(env, depth_m)
    assert env.is_success() is done
    assert env.depth_m() == pytest.approx(depth_m, abs=1e-6)


def test_beside_the_block_or_leaning_is_no_success(env):
    env.reset(seed=0)
    stand(env, env.data.mocap_pos[0] + [0.0, 0.05, PEG_HALF_M[2]])
    assert (env.depth_m(), env.is_success()) == (0.0, False)
    stand(env, env.rim_pos_m + [0.0, 0.0, PEG_HALF_M[2] * np.cos(0.3) - 0.03], tilt_rad=0.3)
    assert not env.is_success()


def test_either_end_may_be_the_lower_one(env):
    env.reset(seed=0)
    in_hole(env, INSERTED_M + 0.002)
    lower = env.peg_end_m
    stand(env, env.peg_pos_m, tilt_rad=np.pi)
    assert env.is_success()
    np.testing.assert_allclose(env.peg_end_m, lower, atol=1e-9)


def test_a_stored_state_is_as_done_as_it_was(env):
    env.reset(seed=0)
    start = env.sim_state()
    in_hole(env, INSERTED_M + 0.002)
    inserted = env.sim_state()
    env.restore(start)
    assert not env.is_success()
    env.restore(inserted)
    assert env.is_success()


def test_it_goes_in_and_stays_there_by_its_own_weight(env):
    """The hole is really open: let go above it, squared, the peg slides to the floor."""
    env.reset(seed=0)
    in_hole(env, 0.004)
    for _ in range(20):
        env.step(np.zeros(7, np.float32))
    assert env.is_success()
    assert env.peg_end_m[2] == pytest.approx(FLOOR_M, abs=0.002)


def test_a_peg_that_is_turned_does_not_go_in(env):
    env.reset(seed=0)
    joint = env.model.joint("peg").qposadr[0]
    in_hole(env, -0.001)
    env.data.qpos[joint + 3 : joint + 7] = [np.cos(np.pi / 8), 0.0, 0.0, np.sin(np.pi / 8)]
    env.restore(env.sim_state())
    for _ in range(20):
        env.step(np.zeros(7, np.float32))
    assert env.depth_m() < 0.005
    assert BLOCK_HEIGHT_M > INSERTED_M


def test_the_reward_grows_on_the_way(env):
    env.reset(seed=0)
    rewards = [env.dense_reward()]
    stand(env, env.rim_pos_m + [0.0, 0.0, PEG_HALF_M[2] + 0.08])
    rewards.append(env.dense_reward())
    for depth_m in (0.001, 0.015, INSERTED_M + 0.002):
        in_hole(env, depth_m)
        rewards.append(env.dense_reward())
    assert rewards == sorted(rewards)
    assert rewards[-1] == 1.0


def test_the_observation_says_where_things_are(env):
    obs, _ = env.reset(seed=3)
    np.testing.assert_allclose(obs["object"][:3], env.peg_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][10:13], env.data.mocap_pos[0], atol=1e-6)
    assert np.linalg.norm(obs["object"][13:15]) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(obs["object"][15:], env.rim_pos_m - env.peg_end_m, atol=1e-6)


def test_the_expert_leaves_a_peg_that_is_in(env):
    env.reset(seed=0)
    in_hole(env, INSERTED_M + 0.005)
    assert peg_insert_expert(env, Wish()).stage == "done"


def drive(env, until, ticks=300):
    """The expert at the arm, without a person's noise, until that holds; the stages on the way."""
    stages = []
    while not until() and len(stages) < ticks:
        aim = peg_insert_expert(env, Wish())
        stages.append(aim.stage)
        move = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -0.35, 0.35) * min(1.0, aim.speed)
        env.step(np.array([*move, 0.0, 0.0, np.clip(aim.yaw_rad * 0.3, -0.3, 0.3), aim.grip], np.float32))
    return stages


def test_the_expert_lifts_a_peg_off_the_rim_and_puts_it_in(env):
    env.reset(seed=0)
    drive(env, lambda: peg_insert_expert(env, Wish()).stage == "enter")
    for _ in range(6):  # a slip: 1 cm aside and down onto the block's upper side
        env.step(np.array([0.05, 0.05, -0.05, 0.0, 0.0, 0.0, 1.0], np.float32))
    bodies = {env.model.body("peg").id, env.model.body("block").id}
    assert any(bodies == set(env.model.geom_bodyid[c.geom]) for c in env.data.contact[: env.data.ncon]), "it stands on the rim"
    assert not env.is_success()
    drive(env, env.is_success)
    assert env.is_success()


def test_the_expert_grasps_a_dropped_peg_again(env):
    env.reset(seed=0)
    drive(env, lambda: env.peg_end_m[2] > 0.02)
    for _ in range(8):
        env.step(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0], np.float32))
    assert env.peg_end_m[2] < 0.002
    assert env.peg_axis[2] > 0.99
    stages = drive(env, env.is_success)
    assert env.is_success()
    assert "grasp" in stages


def test_the_expert_answers_about_a_peg_that_is_far_away(env):
    env.reset(seed=0)
    put(env, "peg", [0.30, -0.30, PEG_HALF_M[2]])
    aim = peg_insert_expert(env, Wish())
    assert aim.grip < 0.0
    assert np.all(np.isfinite(aim.pos_m))


@pytest.mark.parametrize("env_id", ["PandaPegInsert-v0", "UR5ePegInsert-v0"])
def test_the_operator_does_it(env_id):
    assert all(run(env_id, seed).success for seed in (0, 1))
