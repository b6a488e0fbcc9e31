"""Inverse kinematics: against finite differences, against mink, and as a person feels it."""

import os
import platform
import subprocess
import sys

import mink
import mujoco
import numpy as np
import pytest
from test_teleop_support import push

from teleop.control import ArmKinematics, IKConfig, Pose, apply_twist, between, move_by, pose_error, solve_ik
from teleop.envs import make_plant
from teleop.envs.arm import CONTROL_HZ
from teleop.envs.robots.builtin import PANDA
from teleop.envs.scene import PREFIX
from teleop.mapping import MappingConfig, stick_to_action

HOME = np.array(PANDA.home_qpos_rad)
EXACT = IKConfig(iterations=100)
DIRECTIONS = {"+x": (0, 1), "-x": (0, -1), "+y": (1, 1), "-y": (1, -1), "+z": (2, 1), "-z": (2, -1)}


@pytest.fixture(scope="module")
def env():
    env, arm = make_plant("PandaReach-v0", {"max_episode_steps": 10_000})
    env.reset(seed=0)
    yield arm
    env.close()


@pytest.fixture(scope="module")
def arm(env):
    return ArmKinematics(env.model, tuple(PREFIX + j for j in PANDA.arm_joints), PREFIX + "tcp")


def random_joints(arm, rng, spread=0.5):
    return np.clip(HOME + rng.uniform(-spread, spread, 7), arm.lower + 0.05, arm.upper - 0.05)


def random_pose(rng):
    return apply_twist(Pose(rng.normal(size=3), np.eye(3)), rng.uniform(-1.5, 1.5, 6))


# -- the mathematics ---------------------------------------------------------------------------------------------------


def test_the_jacobian_agrees_with_finite_differences(arm):
    rng, h = np.random.default_rng(0), 1e-6
    for _ in range(20):
        q = random_joints(arm, rng, 1.0)
        numeric = np.column_stack([pose_error(arm.pose(q + h * e), arm.pose(q - h * e)) / (2 * h) for e in np.eye(7)])
        arm.pose(q)
        np.testing.assert_allclose(arm.jacobian(), numeric, atol=1e-6)


def test_applying_the_error_between_two_poses_leads_from_one_to_the_other():
    rng = np.random.default_rng(1)
    for _ in range(50):
        now, target = random_pose(rng), random_pose(rng)
        there = apply_twist(now, pose_error(target, now))
        np.testing.assert_allclose(there.pos_m, target.pos_m, atol=1e-9)
        np.testing.assert_allclose(there.rot, target.rot, atol=1e-7)


def test_the_error_to_a_twisted_pose_is_the_twist():
    rng = np.random.default_rng(2)
    for _ in range(50):
        pose, twist = random_pose(rng), rng.uniform(-1.5, 1.5, 6)
        np.testing.assert_allclose(pose_error(apply_twist(pose, twist), pose), twist, atol=1e-7)


def test_no_twist_is_no_motion():
    pose = random_pose(np.random.default_rng(3))
    np.testing.assert_array_equal(apply_twist(pose, np.zeros(6)).rot, pose.rot)
    np.testing.assert_allclose(pose_error(pose, pose), np.zeros(6), atol=1e-12)


def test_a_twist_turns_about_the_base_s_axes():
    turned = apply_twist(Pose(np.zeros(3), np.diag([1.0, -1.0, -1.0])), np.array([0, 0, 0, 0, 0, np.pi / 2]))
    np.testing.assert_allclose(turned.rot[:, 0], [0.0, 1.0, 0.0], atol=1e-12)  # seen from above: to the left


def test_half_way_is_half_the_error():
    rng = np.random.default_rng(4)
    start = random_pose(rng)
    target = apply_twist(start, rng.uniform(-1, 1, 6))
    middle = between(start, target, 0.5)
    np.testing.assert_allclose(pose_error(target, middle), pose_error(target, start) / 2, atol=1e-7)
    assert between(start, target, 0.0) is start


# -- the solver --------------------------------------------------------------------------------------------------------


def test_random_reachable_poses_are_reached(arm):
    rng = np.random.default_rng(5)
    for _ in range(40):
        target = arm.pose(random_joints(arm, rng, 0.4))
        q, left = solve_ik(arm, HOME, target, HOME, EXACT)
        assert left < 1e-4
        assert np.linalg.norm(pose_error(target, arm.pose(q))) == pytest.approx(left, abs=1e-9)


def test_an_unreachable_pose_reports_what_is_left(arm):
    far = Pose(np.array([2.0, 0.0, 0.3]), arm.pose(HOME).rot)
    _, left = solve_ik(arm, HOME, far, HOME, EXACT)
    assert left > 0.5


def test_joint_limits_hold_however_long_and_wherever_one_pushes(arm):
    rng, config = np.random.default_rng(6), IKConfig()
    lower, upper = arm.lower + config.limit_margin_rad, arm.upper - config.limit_margin_rad
    touched = False
    for _ in range(8):
        q, twist = HOME.copy(), rng.uniform(-1, 1, 6) * np.repeat([0.05, 0.5], 3)
        for _ in range(60):
            q, _ = solve_ik(arm, q, apply_twist(arm.pose(q), twist), HOME, config)
            assert np.all(q >= lower - 1e-12)
            assert np.all(q <= upper + 1e-12)
        touched |= bool(np.any(np.isclose(q, lower) | np.isclose(q, upper)))
    assert touched, "no push came to a limit, so nothing was tested"


def test_no_control_step_turns_a_joint_faster_than_allowed(arm):
    rng, config = np.random.default_rng(7), IKConfig()
    for _ in range(8):
        q, twist = HOME.copy(), rng.uniform(-1, 1, 6) * np.repeat([0.05, 0.5], 3)
        for _ in range(30):
            after = move_by(arm, q, apply_twist(arm.pose(q), twist), HOME, config)
            assert np.abs(after - q).max() <= config.max_joint_step_rad
            q = after


def test_the_elbow_drifts_back_to_the_posture_while_the_hand_stands_still(arm):
    arm.pose(HOME)
    elbow = np.linalg.svd(arm.jacobian())[2][-1]
    q = HOME + 0.4 * elbow
    hand = arm.pose(q)
    away = [np.linalg.norm(q - HOME)]
    for _ in range(100):
        q, _ = solve_ik(arm, q, hand, HOME, IKConfig())
        away.append(np.linalg.norm(q - HOME))
        assert np.linalg.norm(pose_error(hand, arm.pose(q))) < 1e-4
    assert away[-1] < 0.5 * away[0]
    assert np.all(np.diff(away) < 1e-9)


def test_where_the_way_is_blocked_the_arm_stays_put(arm):
    stretched, _ = solve_ik(arm, HOME, Pose(np.array([0.75, 0.0, 0.3]), arm.pose(HOME).rot), HOME, EXACT)
    for _ in range(40):
        before = arm.pose(stretched)
        stretched = move_by(arm, stretched, apply_twist(before, np.array([0.05, 0, 0, 0, 0, 0])), HOME, IKConfig())
        np.testing.assert_allclose(arm.pose(stretched).pos_m[1:], before.pos_m[1:], atol=2e-4)


# -- against mink ------------------------------------------------------------------------------------------------------


def mink_step(model, q, target):
    """One of mink's differential steps towards `target`, with our damping: the joint step (7,)."""
    data = mujoco.MjData(model)
    data.qpos[:7] = q
    configuration = mink.Configuration(model, q=data.qpos.copy())
    frame = mink.FrameTask(PREFIX + "tcp", "site", position_cost=1.0, orientation_cost=1.0)
    rotation = mink.SO3.from_matrix(target.rot)
    frame.set_target(mink.SE3.from_rotation_and_translation(rotation, target.pos_m))
    tasks = [frame, mink.DampingTask(model, cost=IKConfig().damping)]
    return mink.solve_ik(configuration, tasks, 1.0, "daqp", damping=0.0)[:7]


def test_both_solvers_end_at_the_same_pose(env, arm):
    rng = np.random.default_rng(8)
    for _ in range(5):
        target = arm.pose(random_joints(arm, rng, 0.3))
        ours, _ = solve_ik(arm, HOME, target, HOME, EXACT)
        theirs = HOME.copy()
        for _ in range(40):
            theirs = theirs + mink_step(env.model, theirs, target)
        apart = pose_error(arm.pose(ours), arm.pose(theirs))
        assert np.linalg.norm(apart[:3]) < 1e-3
        assert np.linalg.norm(apart[3:]) < 0.01


def test_one_small_step_turns_the_joints_as_mink_does(env, arm):
    rng = np.random.default_rng(9)
    one = IKConfig(iterations=1, posture_gain=0.0)
    for _ in range(20):
        q = random_joints(arm, rng, 0.3)
        target = apply_twist(arm.pose(q), rng.normal(size=6) * np.repeat([0.002, 0.01], 3))
        ours = solve_ik(arm, q, target, HOME, one)[0] - q
        theirs = mink_step(env.model, q, target)
        assert ours @ theirs > 0.99 * np.linalg.norm(ours) * np.linalg.norm(theirs)
        assert np.linalg.norm(ours) == pytest.approx(np.linalg.norm(theirs), rel=0.05)


# -- as a person feels it ----------------------------------------------------------------------------------------------


def full_action(name):
    axis, sign = DIRECTIONS[name]
    action = np.zeros(7, np.float32)
    action[axis], action[6] = sign, -1.0
    return action


def full_stick(name):
    """The stick that an operator facing the robot holds to go there."""
    axes = {"+x": {"left_y": 1.0}, "-x": {"left_y": -1.0}, "+y": {"left_x": 1.0}, "-y": {"left_x": -1.0}}
    heights = {"+z": {"right_y": -1.0}, "-z": {"right_y": 1.0}}
    return stick_to_action(push(**(axes | heights)[name]), MappingConfig())


def held(env, action, seconds=2.0):
    """TCP positions (n, 3) m and tilts against the start (n,) rad while `action` is held."""
    start_rot, positions, tilts = env.tcp_rot, [env.tcp_pos_m], [0.0]
    for _ in range(round(seconds * CONTROL_HZ)):
        env.step(action)
        positions.append(env.tcp_pos_m)
        tilts.append(float(np.arccos(np.clip(env.tcp_rot[:, 2] @ start_rot[:, 2], -1.0, 1.0))))
    return np.array(positions), np.array(tilts)


OFF_LINE_M = 0.01 if mujoco.mj_version() >= 400 else 0.014  # MuJoCo 3.3's servos lag a little more on the way up


@pytest.mark.parametrize("drive", [full_action, full_stick], ids=["action", "stick"])
@pytest.mark.parametrize("name", DIRECTIONS)
def test_holding_a_direction_moves_the_hand_straight_and_does_not_shake_at_the_edge(env, name, drive):
    axis, sign = DIRECTIONS[name]
    env.reset(seed=0)
    positions, tilts = held(env, drive(name))
    moved = positions - positions[0]
    edge = (env.limits.upper_m if sign > 0 else env.limits.lower_m)[axis]
    wanted = min(2.0 * CONTROL_HZ * env.limits.metres_per_step * abs(drive(name)[axis]), abs(edge - positions[0, axis]))
    assert sign * moved[-1, axis] > min(0.9 * wanted, wanted - 0.03), "the hand did not get where the stick sent it"
    assert np.abs(np.delete(moved, axis, axis=1)).max() < OFF_LINE_M, "the hand left the straight line"
    assert np.degrees(tilts.max()) < 1.0, "the gripper tilted"


@pytest.mark.parametrize("drive", [full_action, full_stick], ids=["action", "stick"])
@pytest.mark.parametrize("name", DIRECTIONS)
def test_leaning_on_the_edge_of_the_workspace_the_hand_stands_still(env, name, drive):
    env.reset(seed=0)
    held(env, full_action(name), seconds=3.0)
    positions, tilts = held(env, drive(name), seconds=2.0)
    last = positions[-CONTROL_HZ // 2 :]
    assert np.ptp(last, axis=0).max() < 0.5e-3
    assert np.degrees(tilts.max()) < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_at_a_corner_of_the_workspace_the_hand_stands_still_too(env, seed):
    env.reset(seed=seed)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], 3)
    action = np.array([*signs, 0, 0, 0, -1], np.float32)
    held(env, action, seconds=3.0)
    positions, _ = held(env, action, seconds=1.0)
    assert np.ptp(positions[-CONTROL_HZ // 2 :], axis=0).max() < 0.5e-3


def test_letting_go_stops_the_hand_within_a_third_of_a_second(env):
    env.reset(seed=0)
    held(env, full_stick("+y"), seconds=1.0)
    positions, _ = held(env, np.array([0, 0, 0, 0, 0, 0, -1], np.float32), seconds=1.0)
    stopped = positions[CONTROL_HZ // 3 :]
    assert np.ptp(stopped, axis=0).max() < 2e-3


def test_pushing_into_the_table_does_not_wind_the_target_up(env):
    env.reset(seed=0)
    held(env, full_action("-z"), seconds=3.0)
    assert np.linalg.norm(env.tcp_target.pos_m - env.tcp_pos_m) <= env.limits.leash_m + 1e-6
    positions, _ = held(env, full_action("+z"), seconds=0.2)
    assert positions[-1, 2] - positions[0, 2] > 0.05, "the way back starts at once"


DRIVE = """
import gymnasium, numpy as np, teleop.envs
for name in ("teleop:PandaPickPlace-v0", "teleop:UR5eDrawer-v0"):
    env, rng = gymnasium.make(name), np.random.default_rng(0)
    env.reset(seed=0)
    for _ in range(50):
        env.step(rng.uniform(-1, 1, 7).astype(np.float32))
    print(env.unwrapped.sim_state().tobytes().hex())
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of x86 kernels")
def test_the_same_actions_give_the_same_bits_with_the_linear_algebra_of_another_processor() -> None:
    """OpenBLAS chooses its kernels by the processor; with numpy's products in the inverse kinematics these differed."""
    states = [
        subprocess.run([sys.executable, "-c", DRIVE], capture_output=True, text=True, check=True, env={**os.environ, **kernels}).stdout
        for kernels in ({}, {"OPENBLAS_CORETYPE": "Nehalem"})
    ]
    assert states[0] == states[1]
