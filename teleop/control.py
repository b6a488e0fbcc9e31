"""Differential inverse kinematics: a Cartesian step becomes joint targets.

Damped least squares (Nakamura and Hanafusa 1986; Buss 2004, eq. 11) with a null-space pull to a posture and joint
limits by clamping and solving again without the clamped joints.

Sums are MuJoCo's (`mju_*`), not numpy's: BLAS adds up in an order that depends on the processor, and an action must
give the same joint targets on every one. They are quicker on matrices this small, too.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


STALLED = 0.9
_EYE = np.eye(6)


@dataclass(frozen=True)
class IKConfig:
    """`tolerance` is the norm of the stacked error (m, rad) at which a solution counts as exact."""

    damping: float = 0.02
    posture_gain: float = 0.05
    iterations: int = 12
    tolerance: float = 1e-5
    limit_margin_rad: float = 0.02
    max_joint_step_rad: float = 0.15


@dataclass(frozen=True)
class Pose:
    """A frame in the robot's base frame: position (3,) in metres, rotation matrix (3, 3)."""

    pos_m: Vector
    rot: Vector


class ArmKinematics:
    """Forward kinematics and Jacobian of the tool centre point on a scratch copy of the model's data."""

    def __init__(self, model: mujoco.MjModel, joints: tuple[str, ...], site: str) -> None:
        self.model = model
        self._data = mujoco.MjData(model)
        self._site = model.site(site).id
        self._qpos = np.array([model.joint(j).qposadr[0] for j in joints])
        self._dof = np.array([model.joint(j).dofadr[0] for j in joints])
        self._whole_jacobian = np.zeros((6, model.nv))
        self.lower, self.upper = model.jnt_range[[model.joint(j).id for j in joints]].T.copy()

    def pose(self, q: Vector) -> Pose:
        """The tool centre point for joint positions `q` (n,) in radians."""
        self._data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self.model, self._data)
        return Pose(self._data.site_xpos[self._site].copy(), self._data.site_xmat[self._site].reshape(3, 3).copy())

    def jacobian(self) -> Vector:
        """The (6, n) Jacobian (linear, angular; base frame) at the joint positions last given to `pose`."""
        mujoco.mj_comPos(self.model, self._data)
        whole = self._whole_jacobian
        mujoco.mj_jacSite(self.model, self._data, whole[:3], whole[3:], self._site)
        return whole.take(self._dof, axis=1)


def pose_error(target: Pose, now: Pose) -> Vector:
    """The twist (6,) in the base frame that takes `now` to `target`: metres, then a rotation vector in radians."""
    turn, quat, error = np.empty((3, 3)), np.empty(4), np.empty(6)
    mujoco.mju_mulMatMatT(turn, target.rot, now.rot)
    mujoco.mju_mat2Quat(quat, turn.ravel())
    mujoco.mju_quat2Vel(error[3:], quat, 1.0)
    np.subtract(target.pos_m, now.pos_m, out=error[:3])
    return error


def _times(matrix: Vector, vector: Vector) -> Vector:
    product = np.empty(len(matrix))
    mujoco.mju_mulMatVec(product, matrix, vector)
    return product


def _damped_step(jac: Vector, error: Vector, pull: Vector, damping: float) -> Vector:
    """dq = J⁺e + (I − J⁺J) pull with J⁺ = Jᵀ(JJᵀ + λ²I)⁻¹, as Jᵀ(JJᵀ + λ²I)⁻¹(e − J pull) + pull."""
    factor, solved, step = np.empty((6, 6)), np.empty(6), np.empty(len(pull))
    mujoco.mju_mulMatMatT(factor, jac, jac)
    factor += damping**2 * _EYE
    mujoco.mju_cholFactor(factor, 0.0)
    mujoco.mju_cholSolve(solved, factor, error - _times(jac, pull))
    mujoco.mju_mulMatTVec(step, jac, solved)
    step += pull
    return step


def _step_within_limits(jac: Vector, error: Vector, pull: Vector, q: Vector, lower: Vector, upper: Vector, damping: float) -> Vector:
    """A damped step that respects joint limits: joints that would leave them are stopped there and the rest solve again."""
    step = _damped_step(jac, error, pull, damping)
    moved = q + step
    over = (moved < lower) | (moved > upper)
    if not over.any():
        return step
    free = ~over
    for _ in range(len(q)):
        stopped = np.where(free, 0.0, np.clip(moved, lower, upper) - q)
        step = _damped_step(jac * free, error - _times(jac, stopped), pull * free, damping) + stopped
        moved = q + step
        over = free & ((moved < lower) | (moved > upper))
        if not over.any():
            break
        free &= ~over
    return np.clip(moved, lower, upper) - q


def solve_ik(arm: ArmKinematics, q: Vector, target: Pose, posture: Vector, config: IKConfig) -> tuple[Vector, float]:
    """Joint positions (n,) near `q` that reach `target`, and the error norm that is left (m and rad stacked)."""
    lower, upper = arm.lower + config.limit_margin_rad, arm.upper - config.limit_margin_rad
    now = arm.pose(q)
    error = pose_error(target, now)
    pull = config.posture_gain * (posture - q)  # once a step: a pull on every iteration would fight the last one
    left = np.inf
    for _ in range(config.iterations):
        q = q + _step_within_limits(arm.jacobian(), error, pull, q, lower, upper, config.damping)
        pull = np.zeros_like(q)
        error = pose_error(target, arm.pose(q))
        before, left = left, mujoco.mju_norm(error)
        if left < config.tolerance or left > STALLED * before:
            break  # there, or out of reach: more iterations would not come nearer
    return q, mujoco.mju_norm(error)


def move_by(arm: ArmKinematics, q: Vector, target: Pose, posture: Vector, config: IKConfig) -> Vector:
    """As much of the way from the pose at `q` to `target` as the arm can go in one control step, in a straight line.

    Where the whole way is out of reach or too fast for a joint, shorter ones are tried; at the edge the arm stays put
    instead of sliding off the line.
    """
    start = arm.pose(q)
    for share in (1.0, 0.5, 0.25, 0.1):
        solution, left = solve_ik(arm, q, between(start, target, share), posture, config)
        if left < 10 * config.tolerance and np.abs(solution - q).max() <= config.max_joint_step_rad:
            return solution
    return q


def between(start: Pose, target: Pose, share: float) -> Pose:
    """The pose `share` (0…1) of the way from start to target: straight line, shortest rotation."""
    return start if share == 0.0 else apply_twist(start, share * pose_error(target, start))


def apply_twist(pose: Pose, twist: Vector) -> Pose:
    """Translate by twist[:3] metres and rotate by the rotation vector twist[3:] (radians), both in the base frame."""
    angle = mujoco.mju_norm3(twist[3:])
    quat, turn, rot = np.empty(4), np.empty(9), np.empty((3, 3))
    mujoco.mju_axisAngle2Quat(quat, twist[3:] / angle if angle > 0 else np.array([0.0, 0.0, 1.0]), angle)
    mujoco.mju_quat2Mat(turn, quat)
    mujoco.mju_mulMatMat(rot, turn.reshape(3, 3), pose.rot)
    return Pose(pose.pos_m + twist[:3], rot)
