"""Domain randomisation: what of a scene changes from reset to reset, from one stored seed.

Tobin et al., *Domain Randomization for Transferring Deep Neural Networks from Simulation to the Real World* (IROS 2017);
masses and friction as in Peng et al., *Sim-to-Real Transfer of Robotic Control with Dynamics Randomization* (ICRA 2018).
"""

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from data.errors import UserError, one_of
from teleop.envs.scene import PREFIX

Vector = NDArray[np.float64]
COLOUR = 0.15  # ± on each of red, green and blue
LIGHT_M, LIGHT_SHARE = 0.4, 0.3
CAMERA_M, CAMERA_RAD, FOVY_DEG = 0.02, 0.03, 2.0
MASS_SHARE, FRICTION_SHARE = 0.3, 0.3
FIELDS = (
    "geom_rgba", "mat_rgba", "light_pos", "light_diffuse", "cam_pos", "cam_quat", "cam_fovy", "body_mass", "body_inertia", "geom_friction",
)  # fmt: skip


class Randomizer:
    """Changes a model and can put it back. The same (`randomize_seed`, scene's seed) gives the same model to the bit.

    `wishes`: colours (±0.15 of each channel, robot excepted), light (±0.4 m, ±30 % brightness), cameras (±2 cm, ±1.7°,
    ±2° of view), masses (of what is not the robot ±30 %, its friction too).
    """

    def __init__(self, model: mujoco.MjModel, wishes: tuple[str, ...], seed: int) -> None:
        for wish in wishes:
            if wish not in CHANGES:
                raise UserError(f"--randomize {wish!r} is not known; allowed: {one_of(CHANGES)}")
        if seed < 0:
            raise UserError(f"--randomize-seed {seed} is negative; give 0 or more")
        self.wishes, self._model, self._seed = wishes, model, seed
        self._nominal = {name: np.array(getattr(model, name)) for name in FIELDS} if wishes else {}
        self._robot_bodies = np.array([model.body(i).name.startswith(PREFIX) for i in range(model.nbody)])
        self._applied = -1

    def apply(self, seed: int) -> None:
        """Make the model that of the scene `seed`; nothing without wishes."""
        if not self.wishes or seed == self._applied:
            return
        for name, values in self._nominal.items():
            getattr(self._model, name)[:] = values
        for i, (name, change) in enumerate(CHANGES.items()):
            if name in self.wishes:  # each has its own stream, so that one wish more changes no other
                change(self._model, ~self._robot_bodies, np.random.default_rng([self._seed, seed, i]))
        if "masses" in self.wishes:
            mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
        self._applied = seed


def _colours(model: mujoco.MjModel, ours: NDArray[np.bool_], rng: Generator) -> None:
    geoms = ours[model.geom_bodyid]
    shift = rng.uniform(-COLOUR, COLOUR, (model.ngeom, 3))
    model.geom_rgba[geoms, :3] = np.clip(model.geom_rgba[geoms, :3] + shift[geoms], 0.0, 1.0)
    floor = model.material("floor").id
    model.mat_rgba[floor, :3] = np.clip(model.mat_rgba[floor, :3] + rng.uniform(-COLOUR, COLOUR, 3), 0.0, 1.0)


def _light(model: mujoco.MjModel, ours: NDArray[np.bool_], rng: Generator) -> None:
    model.light_pos[:] += rng.uniform(-LIGHT_M, LIGHT_M, model.light_pos.shape)
    model.light_diffuse[:] *= rng.uniform(1.0 - LIGHT_SHARE, 1.0 + LIGHT_SHARE, (model.nlight, 1))


def _cameras(model: mujoco.MjModel, ours: NDArray[np.bool_], rng: Generator) -> None:
    model.cam_pos[:] += rng.uniform(-CAMERA_M, CAMERA_M, model.cam_pos.shape)
    model.cam_fovy[:] += rng.uniform(-FOVY_DEG, FOVY_DEG, model.ncam)
    for quat, turn in zip(model.cam_quat, rng.uniform(-CAMERA_RAD, CAMERA_RAD, (model.ncam, 3)), strict=True):
        mujoco.mju_quatIntegrate(quat, turn, 1.0)


def _masses(model: mujoco.MjModel, ours: NDArray[np.bool_], rng: Generator) -> None:
    factor = np.where(ours, rng.uniform(1.0 - MASS_SHARE, 1.0 + MASS_SHARE, model.nbody), 1.0)
    model.body_mass[:] *= factor
    model.body_inertia[:] *= factor[:, None]
    geoms = ours[model.geom_bodyid]
    model.geom_friction[geoms, 0] *= rng.uniform(1.0 - FRICTION_SHARE, 1.0 + FRICTION_SHARE, model.ngeom)[geoms]


CHANGES: dict[str, Callable[[mujoco.MjModel, NDArray[np.bool_], Generator], None]] = {
    "colours": _colours,
    "light": _light,
    "cameras": _cameras,
    "masses": _masses,
}
