"""The shared scene: floor, table, lights, the robot on the table, the `front` and `wrist` cameras."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from teleop.envs.robots import Robot
from teleop.envs.robots.spec import share_options

Vector = NDArray[np.float64]
PREFIX = "robot0_"
TIMESTEP_S = 0.0025
TABLE_HALF_M = (0.5, 0.55, 0.02)
TABLE_CENTRE_X_M = 0.4
FLOOR_Z_M = -0.6
PANEL_PX = (1280, 960)
WRIST_CAMERA_M = (0.07, 0.0, -0.1034)  # from the tool centre point, along its axes
COLUMN_RADIUS_M = 0.085


def build_scene(robot: Robot, robot_spec: mujoco.MjSpec) -> mujoco.MjSpec:
    """World frame: x away from the robot, which stands at the origin, z up, z = 0 on the table's surface."""
    spec = mujoco.MjSpec()
    spec.modelname = f"{robot.name}_table"
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = PANEL_PX
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.35, 0.35, 0.35]
    spec.visual.headlight.specular = [0.1, 0.1, 0.1]
    _add_room(spec)
    _add_front_camera(spec)
    _add_column(spec.worldbody, robot)
    half_yaw = robot.base_yaw_rad / 2
    frame = spec.worldbody.add_frame(pos=robot.base_pos_m, quat=[np.cos(half_yaw), 0.0, 0.0, np.sin(half_yaw)])
    share_options(spec, robot_spec)
    spec.attach(robot_spec, frame=frame, prefix=PREFIX)
    _add_wrist_camera(spec.body(PREFIX + robot.hand_body), robot)
    return spec


def _add_column(world: mujoco.MjsBody, robot: Robot) -> None:
    """What a base above the table stands on; only to be seen."""
    x, y, height = robot.base_pos_m
    if height <= 0.01:
        return
    for radius, half, z, shade in ((COLUMN_RADIUS_M, height / 2, height / 2, 0.50), (1.3 * COLUMN_RADIUS_M, 0.006, 0.006, 0.40)):
        world.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[radius, half, 0], pos=[x, y, z],
            rgba=[shade, shade + 0.02, shade + 0.05, 1.0], contype=0, conaffinity=0,
        )  # fmt: skip


def _add_room(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.86, 0.89, 0.93], rgb2=[0.62, 0.68, 0.76], width=64, height=64,
    )  # fmt: skip
    spec.add_texture(
        name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[1.0, 1.0, 1.0], rgb2=[0.92, 0.93, 0.93], width=256, height=256,
    )  # fmt: skip
    floor = spec.add_material(name="floor", texrepeat=[8, 8], reflectance=0.0, rgba=[0.50, 0.54, 0.60, 1.0])
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    world = spec.worldbody
    world.add_light(pos=[0.3, 0.6, 2.2], dir=[0.1, -0.3, -1.0], diffuse=[0.55] * 3, specular=[0.2] * 3, castshadow=True)
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[3, 3, 0.1], pos=[0, 0, FLOOR_Z_M], material="floor",
        contype=0, conaffinity=0,
    )  # fmt: skip
    world.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=TABLE_HALF_M,
        pos=[TABLE_CENTRE_X_M, 0, -TABLE_HALF_M[2]], rgba=[0.80, 0.72, 0.60, 1], friction=[1.0, 0.005, 0.0001],
    )  # fmt: skip
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            world.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.03, 0.03, (-FLOOR_Z_M - 0.04) / 2],
                pos=[TABLE_CENTRE_X_M + side_x * 0.44, side_y * 0.49, (FLOOR_Z_M - 0.04) / 2],
                rgba=[0.45, 0.40, 0.34, 1], contype=0, conaffinity=0,
            )  # fmt: skip


def _add_front_camera(spec: mujoco.MjSpec) -> None:
    """Opposite the robot, looking down on the table as a person sitting there would."""
    pos, target = np.array([1.28, 0.0, 0.68]), np.array([0.42, 0.0, 0.13])
    forward = (target - pos) / np.linalg.norm(target - pos)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    spec.worldbody.add_camera(name="front", pos=pos, xyaxes=[*right, *up], fovy=45)


def _add_wrist_camera(hand: mujoco.MjsBody, robot: Robot) -> None:
    """In front of the palm, tilted so that the fingertips stay in the lower part of the picture."""
    tcp, turn = np.array(robot.tcp_pos_in_hand_m), np.zeros(9)
    mujoco.mju_quat2Mat(turn, np.array(robot.tcp_quat_in_hand_wxyz))
    rot = turn.reshape(3, 3)
    beside, before = np.array([WRIST_CAMERA_M[0], 0.0, 0.0]), np.array([0.0, 0.0, WRIST_CAMERA_M[2]])
    forward = 0.75 * beside - beside - before
    forward /= np.linalg.norm(forward)
    right = np.array([0.0, 1.0, 0.0])
    up = np.cross(-forward, right)
    hand.add_camera(name="wrist", pos=tcp + rot @ (beside + before), xyaxes=[*(rot @ right), *(rot @ up)], fovy=75)
