"""A gripper found out by trying: opened and closed without gravity, what moves together are its fingers."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from teleop.envs.robots.chain import below, joints_of
from teleop.envs.robots.robot import Triple

Vector = NDArray[np.float64]
SETTLING_S, TIMESTEP_S = 2.0, 0.0025
TIP_BEYOND_TCP_M = 0.009
LEAST_STROKE_M = 0.005
SQUEEZE_N = (10.0, 50.0)  # weaker, and 100 g slip; stronger, and they are shot away
SNAP_COS = 0.94  # 20°
ON_AXIS_M = 0.003


@dataclass(frozen=True)
class Fingers:
    """What `Gripper` wants to know, under its names."""

    tcp_pos_in_hand_m: Triple
    tcp_quat_in_hand_wxyz: tuple[float, float, float, float]
    finger_joints: tuple[str, ...]
    fingertip_bodies: tuple[str, str]
    fingertip_points_m: tuple[Triple, Triple]
    fingertips_touch_m: float
    gripper_open_qpos: dict[str, float]
    gripper_open_ctrl: float
    gripper_closed_ctrl: float
    gripper_stiffness: float
    gripper_force_limit: float


class Trial:
    """The gripper at one command, after a while. Positions are in the hand's frame, metres."""

    def __init__(self, model: mujoco.MjModel, hand: int, actuator: int, ctrl: float, arm_qpos: dict[int, float]) -> None:
        self.model, self.hand, self.ctrl = model, hand, ctrl
        self.data = mujoco.MjData(model)
        for joint, angle in arm_qpos.items():
            self.data.qpos[model.jnt_qposadr[joint]] = angle
            self.data.ctrl[(model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT) & (model.actuator_trnid[:, 0] == joint)] = angle
        self.data.ctrl[actuator] = ctrl
        mujoco.mj_step(model, self.data, round(SETTLING_S / TIMESTEP_S))
        mujoco.mj_forward(model, self.data)

    def in_hand(self, pos_m: Vector) -> Vector:
        out: Vector = self.data.xmat[self.hand].reshape(3, 3).T @ (pos_m - self.data.xpos[self.hand])
        return out

    def reach(self, geoms: list[int], along: Vector) -> float:
        """How far these geoms' boxes reach in a direction (3,) of the hand's frame."""
        rot = self.data.xmat[self.hand].reshape(3, 3)
        reaches = []
        for g in geoms:
            to_geom = rot.T @ self.data.geom_xmat[g].reshape(3, 3)
            middle = self.in_hand(self.data.geom_xpos[g]) + to_geom @ self.model.geom_aabb[g, :3]
            reaches.append(float(along @ middle + np.abs(to_geom.T @ along) @ self.model.geom_aabb[g, 3:]))
        return max(reaches)

    def middle(self, geoms: list[int]) -> Vector:
        return np.array([self.reach(geoms, axis) - self.reach(geoms, -axis) for axis in np.eye(3)]) / 2

    def point_of(self, body: int, pos_m: Vector) -> Triple:
        """A point of the hand's frame in a body's frame."""
        world = self.data.xpos[self.hand] + self.data.xmat[self.hand].reshape(3, 3) @ pos_m
        return _triple(self.data.xmat[body].reshape(3, 3).T @ (world - self.data.xpos[body]))

    def gap_m(self, one: list[int], other: list[int]) -> float:
        fromto = np.zeros(6)
        nearest: float = min(mujoco.mj_geomDistance(self.model, self.data, a, b, 1.0, fromto) for a in one for b in other)
        return max(0.0, nearest)


def measure_fingers(
    model: mujoco.MjModel, hand: int, actuator: int, arm_qpos: dict[int, float], given: dict[str, Any], name: str
) -> Fingers:
    """Everything about the gripper; `given` is what the user says under the names of `Fingers`. The model is for this only."""
    model.opt.gravity[:] = 0.0
    model.opt.timestep, model.opt.integrator = TIMESTEP_S, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    low, high = _commands(model, actuator, given, name)
    trials = [Trial(model, hand, actuator, ctrl, arm_qpos) for ctrl in (low, high)]
    parts = _parts(model, hand)
    one, other = _given_pair(model, given, parts, name) or _closing_pair(trials, parts, name)
    if "gripper_open_ctrl" not in given and _apart(trials[0], parts, one, other) < _apart(trials[1], parts, one, other):
        trials.reverse()
    opened, closed = trials
    frame = _frame(opened, closed, parts, one, other)
    if "tcp_rot" in given:
        if abs(frame[:, 1] @ given["tcp_rot"][:, 1]) < SNAP_COS or frame[:, 2] @ given["tcp_rot"][:, 2] < 0.0:
            raise UserError(
                f"{name}: the tool centre point's z axis must point away from the hand and its y axis along the fingers' opening, "
                f"which in the hand's frame is {np.round(frame[:, 1], 2).tolist()}; turn it"
            )
        frame = given["tcp_rot"]
    if "fingertip_bodies" not in given:
        one, other = _furthest(trials, parts, (one, other), frame)
    if _across(opened, parts, one, other, frame) < 0:
        one, other = other, one
    tcp = given["tcp_pos_m"] if "tcp_pos_m" in given else _between_tips(trials, parts, one, other, frame)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(frame).ravel())
    stiffness, force_limit = _strength(opened, closed, actuator, _across(opened, parts, one, other, frame))
    moving = joints_of(model, [b for b in below(model, hand) if b != hand])
    return Fingers(
        tcp_pos_in_hand_m=_triple(tcp),
        tcp_quat_in_hand_wxyz=(float(quat[0]), float(quat[1]), float(quat[2]), float(quat[3])),
        finger_joints=given.get("finger_joints") or _driven_joints(model, actuator, moving),
        fingertip_bodies=(str(model.body(one).name), str(model.body(other).name)),
        fingertip_points_m=(closed.point_of(one, tcp), closed.point_of(other, tcp)),
        fingertips_touch_m=-closed.gap_m(parts[one], parts[other]),
        gripper_open_qpos={str(model.joint(j).name): float(opened.data.qpos[model.jnt_qposadr[j]]) for j in moving},
        gripper_open_ctrl=opened.ctrl,
        gripper_closed_ctrl=closed.ctrl,
        gripper_stiffness=stiffness,
        gripper_force_limit=force_limit,
    )


def _commands(model: mujoco.MjModel, actuator: int, given: dict[str, Any], name: str) -> tuple[float, float]:
    """Opened and closed where the user says so, else the two ends of the actuator's range."""
    if "gripper_open_ctrl" in given or "gripper_closed_ctrl" in given:
        if not {"gripper_open_ctrl", "gripper_closed_ctrl"} <= given.keys():
            raise UserError(f"{name}: give both gripper_open_ctrl and gripper_closed_ctrl, or neither")
        return float(given["gripper_open_ctrl"]), float(given["gripper_closed_ctrl"])
    if not model.actuator_ctrllimited[actuator]:
        raise UserError(f"{name}: the gripper's actuator has no ctrlrange; add one, or say gripper_open_ctrl and gripper_closed_ctrl")
    low, high = model.actuator_ctrlrange[actuator]
    return float(low), float(high)


def _parts(model: mujoco.MjModel, hand: int) -> dict[int, list[int]]:
    """Every body that moves against the hand, with the geoms of it and what is fixed to it that can touch something."""
    parts: dict[int, list[int]] = {}
    here = set(below(model, hand))
    for g in range(model.ngeom):
        body = int(model.geom_bodyid[g])
        part = int(model.body_weldid[body])
        if body in here and part != int(model.body_weldid[hand]) and (model.geom_contype[g] or model.geom_conaffinity[g]):
            parts.setdefault(part, []).append(g)
    return parts


def _given_pair(model: mujoco.MjModel, given: dict[str, Any], parts: dict[int, list[int]], name: str) -> tuple[int, int] | None:
    if "fingertip_bodies" not in given:
        return None
    one, other = (int(model.body_weldid[model.body(b).id]) for b in given["fingertip_bodies"])
    for body, said in zip((one, other), given["fingertip_bodies"], strict=True):
        if body not in parts:
            raise UserError(f"{name}: fingertip body {said!r} does not move against the hand, or nothing of it can touch anything")
    return one, other


def _apart(trial: Trial, parts: dict[int, list[int]], one: int, other: int) -> float:
    return float(np.linalg.norm(trial.middle(parts[one]) - trial.middle(parts[other])))


def _strokes(trials: list[Trial], parts: dict[int, list[int]]) -> dict[tuple[int, int], float]:
    """How much nearer each pair of parts comes."""
    return {(a, b): abs(_apart(trials[0], parts, a, b) - _apart(trials[1], parts, a, b)) for a, b in combinations(parts, 2)}


def _closing_pair(trials: list[Trial], parts: dict[int, list[int]], name: str) -> tuple[int, int]:
    """The two parts that come nearest to each other as the gripper closes."""
    strokes = _strokes(trials, parts)
    pair = max(strokes, key=strokes.__getitem__, default=None)
    if pair is None or strokes[pair] < LEAST_STROKE_M:
        raise UserError(f"{name}: no two fingers were found that close when its gripper is driven; say fingertip_bodies in a robot.toml")
    return pair


def _frame(opened: Trial, closed: Trial, parts: dict[int, list[int]], one: int, other: int) -> Vector:
    """(3, 3) columns x, y, z in the hand's frame: z away from the hand, y along the opening; the hand's own axes where near."""
    opening = _snapped(opened.middle(parts[one]) - opened.middle(parts[other]))
    opening *= np.sign(opening[np.argmax(np.abs(opening))])
    away = (closed.middle(parts[one]) + closed.middle(parts[other])) / 2
    away = _snapped(away - (away @ opening) * opening)
    return np.column_stack([np.cross(opening, away), opening, away])


def _snapped(direction: Vector) -> Vector:
    """As a unit vector; the nearest axis when that is less than 20° away."""
    unit = direction / np.linalg.norm(direction)
    axis = int(np.argmax(np.abs(unit)))
    return np.sign(unit[axis]) * np.eye(3)[axis] if abs(unit[axis]) > SNAP_COS else unit


def _across(trial: Trial, parts: dict[int, list[int]], one: int, other: int, frame: Vector) -> float:
    return float(frame[:, 1] @ (trial.middle(parts[one]) - trial.middle(parts[other])))


def _furthest(trials: list[Trial], parts: dict[int, list[int]], pair: tuple[int, int], frame: Vector) -> tuple[int, int]:
    """Of all pairs that close nearly as much as `pair`, the one that reaches furthest away from the hand."""
    strokes = _strokes(trials, parts)
    least = 0.8 * strokes.get(pair, strokes.get(pair[::-1], 0.0))
    good = [p for p, stroke in strokes.items() if stroke >= least]
    return max(good, key=lambda p: min(trials[0].reach(parts[body], frame[:, 2]) for body in p))


def _between_tips(trials: list[Trial], parts: dict[int, list[int]], one: int, other: int, frame: Vector) -> Vector:
    """Between the closed fingers, 9 mm before the furthest that their tips ever reach."""
    closed, (across, opening, away) = trials[1], frame.T
    tip = max(trial.reach(parts[body], away) for trial in trials for body in (one, other))
    beside = (closed.reach(parts[other], opening) - closed.reach(parts[one], -opening)) / 2
    middle = (closed.middle(parts[one]) + closed.middle(parts[other])) / 2 @ across
    middle = 0.0 if abs(middle) < ON_AXIS_M else middle
    beside = 0.0 if abs(beside) < ON_AXIS_M else beside
    out: Vector = (tip - TIP_BEYOND_TCP_M) * away + beside * opening + middle * across
    return out


def _strength(opened: Trial, closed: Trial, actuator: int, width_m: float) -> tuple[float, float]:
    """(stiffness, force limit) with which the servo squeezes what is half as wide as its opening within `SQUEEZE_N`; 0: as it is.

    By virtual work: force × travel of the servo = squeeze × travel of the fingers.
    """
    model = closed.model
    gain, bias = float(model.actuator_gainprm[actuator, 0]), float(model.actuator_biasprm[actuator, 1])
    ends = [float(trial.data.actuator_length[actuator]) for trial in (opened, closed)]
    force, force_per_n = abs(gain * closed.ctrl + bias * sum(ends) / 2), width_m / max(abs(ends[0] - ends[1]), 1e-9)
    if model.actuator_forcelimited[actuator]:
        force = min(force, float(np.abs(model.actuator_forcerange[actuator]).min()))
    squeeze_n = force / force_per_n
    weak, strong = bias < 0.0 < squeeze_n < SQUEEZE_N[0], squeeze_n > SQUEEZE_N[1]
    return -bias * SQUEEZE_N[0] / squeeze_n if weak else 0.0, SQUEEZE_N[1] * force_per_n if strong else 0.0


def _driven_joints(model: mujoco.MjModel, actuator: int, moving: list[int]) -> tuple[str, ...]:
    """The gripper's joints that the actuator drives, and those made to follow one of them; all where it drives none directly."""
    target = int(model.actuator_trnid[actuator, 0])
    driven: list[int] = []
    if model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_JOINT:
        driven = [target]
    elif model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_TENDON:
        wraps = range(model.tendon_adr[target], model.tendon_adr[target] + model.tendon_num[target])
        driven = [int(model.wrap_objid[w]) for w in wraps if model.wrap_type[w] == mujoco.mjtWrap.mjWRAP_JOINT]
    for e in np.flatnonzero(model.eq_type == mujoco.mjtEq.mjEQ_JOINT):
        pair = [int(model.eq_obj1id[e]), int(model.eq_obj2id[e])]
        if any(j in driven for j in pair):
            driven += [j for j in pair if j >= 0 and j not in driven]
    chosen = [j for j in moving if j in driven] or moving
    return tuple(str(model.joint(j).name) for j in chosen)


def _triple(values: Any) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
