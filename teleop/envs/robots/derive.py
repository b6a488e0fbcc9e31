"""A robot found out from its model: the chain to its hand, its servos, its gripper, its home pose."""

from dataclasses import asdict, dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError, one_of
from teleop.envs.robots.builtin import ROBOTIQ_2F85
from teleop.envs.robots.chain import find_arm_joints, find_fork, find_gripper_actuator, find_servos
from teleop.envs.robots.fingers import measure_fingers
from teleop.envs.robots.home import at_home
from teleop.envs.robots.robot import GRIPPER_PREFIX, Gripper, ModelFile, Robot, Triple, find_file
from teleop.envs.robots.spec import compile_spec, open_spec

Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is said of a robot; what is left empty is found out. Fields as in `Robot`; `gripper` is a known one to attach.

    `chooses_base`: the base may stand on a column where more of the workspace is then in reach.
    """

    name: str
    model: ModelFile
    gripper: Gripper | None = None
    gripper_model: ModelFile | None = None
    attachment_site: str = "attachment_site"
    tcp_site: str = ""
    tcp_body: str = ""
    tcp_pos_m: Triple | None = None
    tcp_quat_wxyz: tuple[float, float, float, float] | None = None
    home_qpos_rad: tuple[float, ...] = ()
    base_pos_m: Triple = (0.0, 0.0, 0.0)
    base_yaw_rad: float = 0.0
    chooses_base: bool = False
    arm_joints: tuple[str, ...] = ()
    arm_actuators: tuple[str, ...] = ()
    gripper_actuator: str = ""
    gripper_open_ctrl: float | None = None
    gripper_closed_ctrl: float | None = None
    finger_joints: tuple[str, ...] = ()
    fingertip_bodies: tuple[str, str] | None = None


def derive_robot(request: Request) -> Robot:
    """The whole robot; a UserError says in one line why an arm cannot be used."""
    name = request.name
    arm = compile_spec(open_spec(request.model), request.model.path)
    known = request.gripper or (None if request.gripper_model else _known_gripper(arm, request))
    attached = known.gripper_model if known else request.gripper_model
    model = compile_spec(open_spec(request.model, attached, request.attachment_site), request.model.path)
    _check_names(model, request)
    hand = int(model.body(known.hand_body).id) if known else _find_hand(model, request)
    joints = request.arm_joints or find_arm_joints(model, hand, name)
    servos = request.arm_actuators or find_servos(model, joints, name)
    if len(servos) != len(joints):
        raise UserError(f"{name}: {len(joints)} arm joints and {len(servos)} arm actuators; say one for each, in the same order")
    if request.home_qpos_rad and len(request.home_qpos_rad) != len(joints):
        raise UserError(f"{name}: home_qpos_rad has {len(request.home_qpos_rad)} numbers; it needs one for each of {', '.join(joints)}")
    home = _keyframe(request.model, arm, joints)
    gripper = known or _measure(model, hand, joints, servos, home, request, attached)
    data: dict[str, Any] = {**vars(gripper), "attachment_site": request.attachment_site}
    robot = Robot(
        **data, name=name, model=request.model, arm_joints=joints, arm_actuators=servos, home_qpos_rad=request.home_qpos_rad or home,
        base_pos_m=request.base_pos_m, base_yaw_rad=request.base_yaw_rad,
    )  # fmt: skip
    return at_home(robot, is_given=bool(request.home_qpos_rad), chooses_base=request.chooses_base)


def _known_gripper(arm: mujoco.MjModel, request: Request) -> Gripper | None:
    """The Robotiq for an arm without fingers of its own; None for one that has a hand."""
    if request.tcp_site or request.tcp_body or find_fork(arm) is not None:
        return None
    sites = [arm.site(i).name for i in range(arm.nsite)]
    if request.attachment_site in sites:
        return ROBOTIQ_2F85
    raise UserError(
        f"{request.name} has neither a gripper with two fingers nor a site {request.attachment_site!r} for one (sites: {one_of(sites)}); "
        "describe it in a robot.toml"
    )


def _check_names(model: mujoco.MjModel, request: Request) -> None:
    """Every name the request says is in the model."""
    said = {
        "body": (request.tcp_body, *(request.fingertip_bodies or ())),
        "joint": (*request.arm_joints, *request.finger_joints),
        "actuator": (*request.arm_actuators, request.gripper_actuator),
    }
    counts = {"body": model.nbody, "joint": model.njnt, "actuator": model.nu}
    for kind, names in said.items():
        there = [getattr(model, kind)(i).name for i in range(counts[kind])]
        for name in filter(None, names):
            if name not in there:
                raise UserError(f"{request.name} has no {kind} {name!r}; there are: {one_of(filter(None, there))}")


def _find_site(model: mujoco.MjModel, request: Request) -> int:
    """The site that the request names, or in an attached gripper the one of that name."""
    names = [model.site(i).name for i in range(model.nsite)]
    for name in (request.tcp_site, GRIPPER_PREFIX + request.tcp_site):
        if name in names:
            return names.index(name)
    raise UserError(f"{request.name} has no site {request.tcp_site!r}; its sites: {one_of(names)}")


def _find_hand(model: mujoco.MjModel, request: Request) -> int:
    if request.tcp_site:
        return int(model.site_bodyid[_find_site(model, request)])
    if request.tcp_body:
        return int(model.body(request.tcp_body).id)
    fork = find_fork(model)
    if fork is None:
        raise UserError(f"{request.name}: no gripper with two fingers was found; say tcp_site or tcp_body in a robot.toml")
    return fork


def _keyframe(file: ModelFile, arm: mujoco.MjModel, joints: tuple[str, ...]) -> tuple[float, ...]:
    """The arm at the model's keyframe `home`, else at its zero (pulled into the joints' ranges)."""
    whole = mujoco.MjModel.from_xml_path(str(find_file(file)))
    keys = [whole.key(i).name for i in range(whole.nkey)]
    qpos = whole.key("home").qpos if "home" in keys else whole.qpos0
    low, high = np.where(arm.jnt_limited[:, None], arm.jnt_range, [-np.pi, np.pi]).T
    return tuple(float(np.clip(qpos[whole.joint(j).qposadr[0]], low[arm.joint(j).id], high[arm.joint(j).id])) for j in joints)


def _measure(
    model: mujoco.MjModel, hand: int, joints: tuple[str, ...], servos: tuple[str, ...], home: tuple[float, ...],
    request: Request, attached: ModelFile | None,
) -> Gripper:  # fmt: skip
    """A gripper nobody told us of."""
    actuator = request.gripper_actuator or find_gripper_actuator(model, servos, request.name)
    given: dict[str, Any] = {
        key: value
        for key in ("gripper_open_ctrl", "gripper_closed_ctrl", "finger_joints", "fingertip_bodies")
        if (value := getattr(request, key)) not in (None, ())
    }
    given |= _tcp_frame(model, request)
    posture = {int(model.joint(j).id): q for j, q in zip(joints, request.home_qpos_rad or home, strict=True)}
    fingers = measure_fingers(model, hand, int(model.actuator(actuator).id), posture, given, request.name)
    return Gripper(
        gripper_model=attached, attachment_site=request.attachment_site, hand_body=str(model.body(hand).name), gripper_actuator=actuator,
        hard_fingertips=True, **asdict(fingers),
    )  # fmt: skip


def _tcp_frame(model: mujoco.MjModel, request: Request) -> dict[str, Vector]:
    """Where the tool centre point is said to be: `tcp_pos_m` (3,) and `tcp_rot` (3, 3) in the hand's frame, either missing where unsaid."""
    if request.tcp_site:
        site, rot = _find_site(model, request), np.zeros(9)
        mujoco.mju_quat2Mat(rot, model.site_quat[site])
        return {"tcp_pos_m": np.array(model.site_pos[site]), "tcp_rot": rot.reshape(3, 3)}
    frame = {}
    if request.tcp_pos_m is not None:
        frame["tcp_pos_m"] = np.array(request.tcp_pos_m)
    if request.tcp_quat_wxyz is not None:
        rot = np.zeros(9)
        mujoco.mju_quat2Mat(rot, np.array(request.tcp_quat_wxyz) / np.linalg.norm(request.tcp_quat_wxyz))
        frame["tcp_rot"] = rot.reshape(3, 3)
    return frame
