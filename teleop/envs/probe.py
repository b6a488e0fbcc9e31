"""Probe: what the gripper feels and what lies below it, found out beside the simulation and without touching it."""

from dataclasses import dataclass

import mujoco
import numpy as np

from teleop.envs.arm import STATE_SPEC, ArmEnv
from teleop.envs.render import COLLISION_GROUP, UNDRAWN_GROUP, VISUAL_GROUP
from teleop.envs.robots.chain import below, path_to
from teleop.envs.scene import PREFIX

DOWN = np.array([0.0, 0.0, -1.0])
SKIP_M = 1e-4


@dataclass(frozen=True)
class Reading:
    """`grip_n`: the mean squeeze of the two fingers on what they hold; `push_n`: how hard the hand pushes on what cannot
    move, such as the table; `below_z_m`: the height of the first solid thing under the fingertips, if there is any.
    """

    grip_n: float = 0.0
    push_n: float = 0.0
    below_z_m: float | None = None


class Probe:
    """Owns a scratch copy of the arm's data: contacts are solved there."""

    def __init__(self, arm: ArmEnv) -> None:
        self._arm, self._model, self._data = arm, arm.model, mujoco.MjData(arm.model)
        hand, *tips = (int(self._model.body(PREFIX + b).id) for b in (arm.robot.hand_body, *arm.robot.fingertip_bodies))
        self._hand = fingers_of(self._model, hand, tips)
        self._groups = np.ones(mujoco.mjNGROUP, np.uint8)
        self._groups[[VISUAL_GROUP, COLLISION_GROUP, UNDRAWN_GROUP]] = 0  # the robot's own

    def read(self) -> Reading:
        mujoco.mj_setState(self._model, self._data, self._arm.sim_state(), STATE_SPEC)
        mujoco.mj_forward(self._model, self._data)
        grips: dict[int, list[float]] = {}
        push = 0.0
        for i in range(self._data.ncon):
            ours, other = self._sides(i)
            if ours is None:
                continue
            force = self._normal_n(i)
            if self._model.body_weldid[other] == 0:
                push += force
            elif (finger := self._hand[ours]) is not None:
                felt = grips.setdefault(other, [0.0, 0.0])
                felt[finger] += force
        held = next((body for body, felt in grips.items() if all(felt)), -1)
        squeeze = max((sum(felt) / len(felt) for felt in grips.values()), default=0.0)
        return Reading(squeeze, push, self._below_z_m(held))

    def _sides(self, contact: int) -> tuple[int | None, int]:
        """The body of the hand in this contact, if it touches something else with it, and the other body."""
        one, other = (int(self._model.geom_bodyid[g]) for g in self._data.contact[contact].geom)
        if (one in self._hand) == (other in self._hand):
            return None, -1
        return (one, other) if one in self._hand else (other, one)

    def _normal_n(self, contact: int) -> float:
        force = np.zeros(6)
        mujoco.mj_contactForce(self._model, self._data, contact, force)
        return float(force[0])

    def _below_z_m(self, held: int) -> float | None:
        """Looks straight down past what is held and past markers that nothing can touch."""
        start = self._arm.tcp_pos_m
        geom = np.zeros(1, np.int32)
        for _ in range(self._model.ngeom):
            distance = mujoco.mj_ray(self._model, self._data, start, DOWN, self._groups, 1, held, geom)
            if geom[0] < 0:
                return None
            start = start + distance * DOWN
            if self._model.geom_contype[geom[0]] or self._model.geom_conaffinity[geom[0]]:
                return float(start[2])
            start = start + SKIP_M * DOWN
        return None


def fingers_of(model: mujoco.MjModel, hand: int, fingertips: list[int]) -> dict[int, int | None]:
    """Of each body of the hand which finger it belongs to: the place in `fingertips` of what its branch leads to, None for the palm."""
    owner: dict[int, int | None] = dict.fromkeys(below(model, hand))
    for finger, tip in enumerate(fingertips):
        path = path_to(model, tip)
        owner |= dict.fromkeys(below(model, path[path.index(hand) + 1]), finger)
    return owner
