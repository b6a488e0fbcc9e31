"""The base of every task at the table: an arm, its actions and observations, exact states, cameras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from data.schema import ACTION_NAMES
from teleop.control import ArmKinematics, IKConfig, Pose, apply_twist, move_by, solve_ik
from teleop.envs.eyes import Eyes
from teleop.envs.plant import Obs, Plant, Vector
from teleop.envs.randomize import Randomizer
from teleop.envs.render import FAST, PRETTY, GhostGeom, Image, Look, can_orbit, view_heading_deg
from teleop.envs.robots import find_robot, load_robot_spec
from teleop.envs.scene import PREFIX, build_scene

if TYPE_CHECKING:
    from teleop.screen import Orbit

CONTROL_HZ = 20
START_BOX_M = ((0.38, -0.08, 0.13), (0.54, 0.08, 0.28))  # where the tool centre point starts
TRAIL_SUBSTEPS = 2  # every 5 ms
EDGE_M = 1e-3
STATE_SPEC = mujoco.mjtState.mjSTATE_INTEGRATION


@dataclass(frozen=True)
class ArmLimits:
    """What ±1 means and where the tool centre point may go; base frame, metres and radians."""

    metres_per_step: float = 0.05
    radians_per_step: float = 0.5
    lower_m: tuple[float, float, float] = (0.28, -0.35, 0.012)
    upper_m: tuple[float, float, float] = (0.70, 0.35, 0.45)
    leash_m: float = 0.08


class ArmEnv(gymnasium.Env[Obs, NDArray[np.float32]], Plant):
    """An arm with a gripper at a table, driven by Cartesian steps at 20 Hz. `robot`: a name, or a file of one's own.

    Action (7,) in [-1, 1]: `(dx, dy, dz, droll, dpitch, dyaw, grip)`, ±0.05 m and ±0.5 rad a step in the base frame
    (robosuite's OSC_POSE convention), grip −1 open … +1 closed. The step moves the *target* of the arm's position
    servos; the target lives in `data.ctrl`, so MuJoCo's integration state is the whole state of the environment. What
    a task has to remember of the way there is in `data.userdata`, which belongs to that state.

    Observation (Dict of float32): `robot0_eef_pos` (3,) m, `robot0_eef_quat` (4,) xyzw with x ≥ 0,
    `robot0_gripper_qpos` (2,), `robot0_joint_pos` (n,) rad, `object` (n,) as the task says, and what `cameras` see
    (`eyes.py`). `randomize` names what changes from reset to reset (`randomize.py`).

    Episodes are only truncated; `info["success"]` says whether the task is done now, `info["mode"]`, where the task
    has behaviour modes, which one the episode has turned out to be ("" while that is open).
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # type: ignore[misc]
    control_hz = float(CONTROL_HZ)
    object_width = 0
    memory_size = 0
    start_box_m = START_BOX_M

    def __init__(
        self,
        robot: str = "panda",
        cameras: tuple[str, ...] = (),
        image_size: int = 84,
        reward: str = "sparse",
        randomize: tuple[str, ...] = (),
        randomize_seed: int = 0,
        render_mode: str | None = None,
    ) -> None:
        if reward not in ("sparse", "dense"):
            raise UserError(f"reward {reward!r} is not known; allowed: sparse, dense")
        self.render_mode, self.reward_kind, self.limits = render_mode, reward, ArmLimits()
        self.robot, self._ik = find_robot(robot), IKConfig()
        self.model = self._compile()
        self.data = mujoco.MjData(self.model)
        self.keeps_trail, self.trail = False, []
        self._arm = ArmKinematics(self.model, tuple(PREFIX + j for j in self.robot.arm_joints), PREFIX + "tcp")
        self._find_addresses()
        self._eyes = Eyes(self.model, tuple(cameras), image_size)
        self._randomizer = Randomizer(self.model, tuple(randomize), randomize_seed)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (len(ACTION_NAMES),), np.float32)
        self.observation_space = self._make_observation_space()

    # -- the task's part -------------------------------------------------------------------------------------------

    def add_objects(self, world: mujoco.MjsBody) -> None:
        """Add the task's bodies to the scene."""

    def reset_objects(self) -> None:
        """Place the task's bodies, with `self.np_random`."""

    def object_obs(self) -> Vector:
        """(object_width,) what the policy may know of the task's bodies."""
        raise NotImplementedError

    def is_success(self) -> bool:
        raise NotImplementedError

    def note_progress(self) -> None:
        """After each step: put into `self.memory` what the task has to remember of the way."""

    @property
    def memory(self) -> Vector:
        """(memory_size,) what the task remembers, zeros at a reset; a view that may be written to."""
        view: Vector = self.data.userdata
        return view

    def dense_reward(self) -> float:
        """In [0, 1], 1 at success."""
        raise NotImplementedError

    def target_pos_m(self) -> Vector | None:
        """(3,) where the operator has to bring the gripper next; None when there is no such place."""
        return None

    def goal_ghost(self) -> tuple[GhostGeom, ...]:
        """What the goal looks like, drawn into the operator's view and nowhere else."""
        return ()

    # -- Gymnasium -------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        super().reset(seed=seed)
        self.trail = []
        if self._randomizer.wishes:
            self.set_scene(int(self.np_random.integers(2**31)) if seed is None else seed)
        mujoco.mj_resetData(self.model, self.data)
        start = Pose(self.np_random.uniform(*self.start_box_m), self._arm.pose(self._posture).rot)
        q, _ = solve_ik(self._arm, self._posture, start, self._posture, IKConfig(iterations=100))
        self.data.qpos[self._arm_qpos] = self.data.ctrl[self._arm_ctrl] = q
        self.data.qpos[self._gripper_qpos] = self._gripper_open_qpos
        self.data.ctrl[self._gripper_ctrl] = self.robot.gripper_open_ctrl
        self.reset_objects()
        mujoco.mj_forward(self.model, self.data)
        return self.observe(), self._info(self.is_success())

    def step(self, action: NDArray[np.float32]) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        if not np.all(np.isfinite(action)):
            raise ValueError(f"action {action} is not finite; actions are 7 numbers in [-1, 1]")
        self._set_targets(np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0))
        self._advance()
        self._refresh()
        self.note_progress()
        success = self.is_success()
        reward = self.dense_reward() if self.reward_kind == "dense" else float(success)
        return self.observe(), reward, False, False, self._info(success)

    def _info(self, success: bool) -> dict[str, Any]:
        return {"success": success, "mode": self.behaviour_mode()} if self.modes else {"success": success}

    def render(self) -> Image | None:
        if self.render_mode != "rgb_array":
            return None
        return self.draw("front", 640, 480, PRETTY)

    def close(self) -> None:
        self._eyes.close()

    # -- exact states ----------------------------------------------------------------------------------------------

    def sim_state(self) -> Vector:
        """mjSTATE_INTEGRATION (S,): everything the next step depends on."""
        state = np.empty(mujoco.mj_stateSize(self.model, STATE_SPEC))
        mujoco.mj_getState(self.model, self.data, state, STATE_SPEC)
        return state

    def stand_as(self, state: Vector) -> None:
        """Stand as in a state from `sim_state`, for looking at; no observation is made."""
        mujoco.mj_setState(self.model, self.data, np.ascontiguousarray(state, dtype=np.float64), STATE_SPEC)
        self._refresh()

    def restore(self, state: Vector) -> Obs:
        """Put back a state from `sim_state`; the same actions then give the same states to the bit."""
        size = mujoco.mj_stateSize(self.model, STATE_SPEC)
        if state.shape != (size,):
            raise UserError(
                f"this simulator state has {state.shape} numbers, {type(self).__name__} needs ({size},); use the env it was recorded with"
            )
        self.stand_as(state)
        self.trail = []
        return self.observe()

    def flat_state(self) -> Vector:
        """robomimic's [time, qpos, qvel] (1 + nq + nv,)."""
        return np.concatenate([[self.data.time], self.data.qpos, self.data.qvel])

    def at_ease(self, state: Vector) -> Vector:
        """The servos hold the joints where they stand; the task remembers nothing of the way."""
        self.stand_as(state)
        self.data.ctrl[self._arm_ctrl] = self.data.qpos[self._arm_qpos]
        self.memory[:] = 0.0
        return self.sim_state()

    # -- what operators and windows look at ------------------------------------------------------------------------

    @property
    def tcp_pos_m(self) -> Vector:
        return np.array(self.data.site_xpos[self._tcp])

    @property
    def tcp_rot(self) -> Vector:
        """(3, 3) rotation matrix of the gripper in the base frame."""
        return np.array(self.data.site_xmat[self._tcp]).reshape(3, 3)

    @property
    def tcp_target(self) -> Pose:
        """Where the servos are asked to bring the tool centre point."""
        return self._arm.pose(self.data.ctrl[self._arm_ctrl])

    @property
    def grip_command(self) -> float:
        """What the gripper is asked to do: −1 open … +1 closed."""
        opened, closed = self.robot.gripper_open_ctrl, self.robot.gripper_closed_ctrl
        return float(2.0 * (self.data.ctrl[self._gripper_ctrl] - opened) / (closed - opened) - 1.0)

    def joint_twist(self, joint: int) -> Vector:
        """(6,) the action per radian that moves the hand as turning arm joint `joint` (0 is the base's) alone would."""
        self._arm.pose(self.data.ctrl[self._arm_ctrl])
        per_rad: Vector = self._arm.jacobian()[:, joint] / np.repeat([self.limits.metres_per_step, self.limits.radians_per_step], 3)
        return per_rad

    def edges(self) -> tuple[str, ...]:
        """The sides of the workspace at which the commanded tool centre point is stopped: "x+", "z-" and the like."""
        pos = self.tcp_target.pos_m
        low, high = (np.abs(pos - np.array(side)) < EDGE_M for side in (self.limits.lower_m, self.limits.upper_m))
        return tuple(f"{axis}{sign}" for sign, at in (("-", low), ("+", high)) for axis, there in zip("xyz", at, strict=True) if there)

    @property
    def gripper_width_m(self) -> float:
        """Distance between the fingertips."""
        rotations = self.data.xmat[self._fingertips].reshape(2, 3, 3)
        left, right = self.data.xpos[self._fingertips] + np.einsum("sij,sj->si", rotations, self._fingertip_points)
        return max(0.0, float(np.linalg.norm(left - right)) - self.robot.fingertips_touch_m)

    @property
    def xml(self) -> str:
        return self._xml

    @property
    def camera_names(self) -> list[str]:
        return self._eyes.names

    def heading_deg(self, camera: str, orbit: "Orbit | None" = None) -> float:
        return view_heading_deg(self.model, self.data, camera, orbit)

    def can_orbit(self, camera: str) -> bool:
        return can_orbit(self.model, camera)

    def set_scene(self, seed: int) -> None:
        self._randomizer.apply(seed)

    def draw(
        self,
        camera: str,
        width: int,
        height: int,
        look: Look = FAST,
        orbit: "Orbit | None" = None,
        ghosts: Sequence[GhostGeom] = (),
    ) -> Image:
        return self._eyes.picture(self.data, camera, (width, height), look, orbit, ghosts)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _compile(self) -> mujoco.MjModel:
        spec = build_scene(self.robot, load_robot_spec(self.robot))
        spec.nuserdata = self.memory_size
        self.add_objects(spec.worldbody)
        model = spec.compile()
        self._xml = str(spec.to_xml())
        self._substeps = round(1.0 / (CONTROL_HZ * model.opt.timestep))
        return model

    def _find_addresses(self) -> None:
        model, robot = self.model, self.robot
        self._tcp = model.site(PREFIX + "tcp").id
        self._arm_qpos = np.array([model.joint(PREFIX + j).qposadr[0] for j in robot.arm_joints])
        self._arm_ctrl = np.array([model.actuator(PREFIX + a).id for a in robot.arm_actuators])
        self._finger_qpos = np.array([model.joint(PREFIX + j).qposadr[0] for j in robot.finger_joints])
        self._gripper_qpos = np.array([model.joint(PREFIX + j).qposadr[0] for j in robot.gripper_open_qpos])
        self._gripper_open_qpos = np.array(list(robot.gripper_open_qpos.values()))
        self._fingertips = np.array([model.body(PREFIX + b).id for b in robot.fingertip_bodies])
        self._fingertip_points = np.array(robot.fingertip_points_m)
        self._gripper_ctrl = model.actuator(PREFIX + robot.gripper_actuator).id
        self._posture = np.array(robot.home_qpos_rad)

    def _make_observation_space(self) -> Any:  # Gymnasium's Dict is not generic in its values
        widths = {
            "robot0_eef_pos": 3,
            "robot0_eef_quat": 4,
            "robot0_gripper_qpos": len(self._finger_qpos),
            "robot0_joint_pos": len(self._arm_qpos),
            "object": self.object_width,
        }
        spaces: dict[str, gymnasium.Space[Any]] = {k: gymnasium.spaces.Box(-np.inf, np.inf, (n,), np.float32) for k, n in widths.items()}
        return gymnasium.spaces.Dict({**spaces, **self._eyes.spaces()})

    def _set_targets(self, action: Vector) -> None:
        limits, ctrl = self.limits, self.data.ctrl
        q = ctrl[self._arm_ctrl].copy()
        twist = action[:6] * np.repeat([limits.metres_per_step, limits.radians_per_step], 3)
        if np.any(twist):
            target = apply_twist(self._arm.pose(q), twist)
            # The leash: pushing against something must not wind the target up.
            pull = target.pos_m - self.tcp_pos_m
            pull *= min(1.0, limits.leash_m / max(mujoco.mju_norm3(pull), 1e-9))
            pos = np.clip(self.tcp_pos_m + pull, limits.lower_m, limits.upper_m)
            q = move_by(self._arm, q, Pose(pos, target.rot), self._posture, self._ik)
        ctrl[self._arm_ctrl] = q
        opened, closed = self.robot.gripper_open_ctrl, self.robot.gripper_closed_ctrl
        ctrl[self._gripper_ctrl] = opened + (action[6] + 1.0) / 2.0 * (closed - opened)

    def _advance(self) -> None:
        """One control step of physics; with `keeps_trail` the states on the way are kept, for a window that draws them."""
        if not self.keeps_trail:
            mujoco.mj_step(self.model, self.data, self._substeps)
            return
        self.trail = []
        for _ in range(0, self._substeps, TRAIL_SUBSTEPS):
            mujoco.mj_step(self.model, self.data, TRAIL_SUBSTEPS)
            self.trail.append(self.sim_state())

    def _refresh(self) -> None:
        """Poses that belong to the state now; mj_step leaves those of its last substep's start."""
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def observe(self) -> Obs:
        obs: Mapping[str, Vector] = {
            "robot0_eef_pos": self.data.site_xpos[self._tcp],
            "robot0_eef_quat": quat_xyzw(self.data.site_xmat[self._tcp], positive=0),  # x is 1 with the gripper down
            "robot0_gripper_qpos": self.data.qpos[self._finger_qpos],
            "robot0_joint_pos": self.data.qpos[self._arm_qpos],
            "object": self.object_obs(),
        }
        return {**{key: value.astype(np.float32) for key, value in obs.items()}, **self._eyes.observe(self.data)}


def quat_xyzw(rotation: Vector, positive: int = 3) -> Vector:
    """Unit quaternion (4,) xyzw of a rotation matrix (9,), of the two signs the one whose component `positive` is ≥ 0.

    Choose a component that stays far from 0 in use, else the sign jumps and nothing can be learnt from it.
    """
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, rotation)
    xyzw = quat[[1, 2, 3, 0]]
    return xyzw if xyzw[positive] >= 0 else -xyzw
