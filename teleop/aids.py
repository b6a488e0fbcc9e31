"""Aids: what helps to judge depth and room, drawn into the scene and measured for the HUD."""

from dataclasses import dataclass
from itertools import pairwise

import mujoco
import numpy as np

from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Vector
from teleop.envs.probe import Reading
from teleop.envs.render import GhostGeom, ghost_line

Colour = tuple[float, float, float, float]
WHITE, AMBER, RED, FAINT = (
    (1.0, 1.0, 1.0, 1.0),
    (1.0, 0.72, 0.2, 1.0),
    (1.0, 0.2, 0.2, 1.0),
    (0.96, 0.92, 0.84, 1.0),
)  # see-through costs time
WALL: Colour = (1.0, 0.15, 0.15, 0.22)
RING_M, THIN_M, LIFT_M = 0.022, 0.0011, 0.0015
NEAR_EDGE_M = 0.015  # with the gripper down, the arm itself stops 13 mm short of the edge at its base
NEAR_FLOOR_M = 0.001  # grasping brings the fingertips this low, so only the very end warns
NEAR_TARGET_M = 0.03  # closer, the lines to the target would only hide it
WALL_HALF_M = 0.14
_ANGLES = np.linspace(0.0, 2.0 * np.pi, 13)
CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES), np.zeros_like(_ANGLES)])


@dataclass(frozen=True)
class Readout:
    """What the aids say in numbers: metres and newtons, None where there is nothing to say; `edges` such as "x+"."""

    width_m: float | None = None
    grip_n: float = 0.0
    push_n: float = 0.0
    height_m: float | None = None
    distance_m: float | None = None
    edges: tuple[str, ...] = ()


def read_out(arm: ArmEnv, reading: Reading) -> Readout:
    tcp, target, below = arm.tcp_pos_m, arm.target_pos_m(), reading.below_z_m
    return Readout(
        width_m=arm.gripper_width_m,
        grip_n=reading.grip_n,
        push_n=reading.push_n,
        height_m=None if below is None else max(0.0, float(tcp[2] - below)),
        distance_m=None if target is None else float(np.linalg.norm(target - tcp)),
        edges=near_edges(arm),
    )


def near_edges(arm: ArmEnv) -> tuple[str, ...]:
    """The sides of the workspace that the gripper, or the place it was sent to, is about to leave by."""
    tcp, sent, limits = arm.tcp_pos_m, arm.tcp_target.pos_m, arm.limits
    found = []
    for i, axis in enumerate("xyz"):
        margin = NEAR_FLOOR_M if axis == "z" else NEAR_EDGE_M
        if min(tcp[i], sent[i]) < limits.lower_m[i] + margin:
            found.append(f"{axis}-")
        if max(tcp[i], sent[i]) > limits.upper_m[i] - NEAR_EDGE_M:
            found.append(f"{axis}+")
    return tuple(found)


def make_aids(arm: ArmEnv, reading: Reading, edges: tuple[str, ...]) -> tuple[GhostGeom, ...]:
    """Everything to draw into the scene besides the arm and the task's bodies."""
    return (*_workspace(arm, edges), *_drop_line(arm, reading), *_target_lines(arm), *arm.goal_ghost())


def _drop_line(arm: ArmEnv, reading: Reading) -> tuple[GhostGeom, ...]:
    if reading.below_z_m is None:
        return ()
    tcp = arm.tcp_pos_m
    foot = np.array([*tcp[:2], reading.below_z_m + LIFT_M])
    return (ghost_line(tcp, foot, THIN_M, WHITE), *_ring(foot, RING_M, WHITE))


def _target_lines(arm: ArmEnv) -> tuple[GhostGeom, ...]:
    target, tcp = arm.target_pos_m(), arm.tcp_pos_m
    if target is None or np.linalg.norm(target - tcp) < NEAR_TARGET_M:
        return ()
    lines = [ghost_line(tcp, target, THIN_M, AMBER)]
    if target[2] > NEAR_TARGET_M:
        foot = np.array([*target[:2], LIFT_M])
        lines += [ghost_line(target, foot, THIN_M, AMBER), *_ring(foot, 0.7 * RING_M, AMBER)]
    return tuple(lines)


def _ring(centre_m: Vector, radius_m: float, colour: Colour) -> tuple[GhostGeom, ...]:
    corners = centre_m + radius_m * CIRCLE
    return tuple(ghost_line(a, b, THIN_M, colour) for a, b in pairwise(corners))


def _workspace(arm: ArmEnv, edges: tuple[str, ...]) -> tuple[GhostGeom, ...]:
    """The outline on the table, and a glowing wall at each of `edges`."""
    (x0, y0, _), (x1, y1, _) = arm.limits.lower_m, arm.limits.upper_m
    corners = [np.array([x, y, LIFT_M]) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))]
    names = ("y-", "x+", "y+", "x-")
    outline = [
        ghost_line(a, b, THIN_M * (2.5 if name in edges else 1.0), RED if name in edges else FAINT)
        for name, (a, b) in zip(names, pairwise(corners), strict=True)
    ]
    return (*outline, *(_wall(arm, edge) for edge in edges))


def _wall(arm: ArmEnv, edge: str) -> GhostGeom:
    """A translucent pane at the edge, about where the gripper is; those at the sides stand on the table."""
    axis, limits = "xyz".index(edge[0]), arm.limits
    pos = np.clip(arm.tcp_pos_m, limits.lower_m, limits.upper_m)
    size = np.full(3, WALL_HALF_M)
    if axis != 2:
        size[2] = pos[2] = (pos[2] + WALL_HALF_M) / 2
    size[axis] = THIN_M
    pos[axis] = (limits.upper_m if edge[1] == "+" else limits.lower_m)[axis]
    if edge == "z-":
        pos[2] = LIFT_M
    return GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (float(size[0]), float(size[1]), float(size[2])), pos, WALL)
