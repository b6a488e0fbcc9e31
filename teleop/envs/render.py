"""Offscreen MuJoCo cameras that work with and without a display, beside an open pygame window."""

import os
import platform
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError

Image = NDArray[np.uint8]
VISUAL_GROUP, COLLISION_GROUP = 2, 3


@dataclass(frozen=True)
class Look:
    """What a picture shows. `fast` is for camera observations: no shadows, collision hulls instead of visual meshes.

    MuJoCo's default shadow map alone costs 25 ms an image in software rendering, the visual meshes another 20 ms.
    """

    meshes: bool = False
    shadows: bool = False
    samples: int = 0


FAST = Look()
PRETTY = Look(meshes=True, shadows=True, samples=4)


def _gl_context(width: int, height: int) -> Any:
    """An offscreen GL context: MUJOCO_GL where set, else the platform's own; on Linux egl, then osmesa."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if platform.system() != "Linux" or asked == "glfw":
        from mujoco.gl_context import GLContext

        return GLContext(width, height)
    reasons = []
    for backend in [asked] if asked in ("egl", "osmesa") else ["egl", "osmesa"]:
        try:
            return _linux_context(backend, width, height)
        except (ImportError, RuntimeError, AttributeError, OSError) as error:
            reasons.append(f"{backend}: {error}")
    raise UserError(f"no OpenGL to draw with ({'; '.join(reasons)}); install Mesa's libegl1 or libosmesa6, or record without cameras")


def _linux_context(backend: str, width: int, height: int) -> Any:
    if backend == "egl":
        from mujoco.egl import GLContext
    else:
        from mujoco.osmesa import GLContext
    return GLContext(width, height)


class Camera:
    """Owns a GL context and draws one model at one size. Not thread-safe: use it from the thread that made it."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int, look: Look = FAST) -> None:
        self.model, self.width, self.height, self.look = model, width, height, look
        self._gl = _gl_context(width, height)
        self._gl.make_current()
        quality, saved = model.vis.quality, (model.vis.quality.shadowsize, model.vis.quality.offsamples)
        quality.shadowsize, quality.offsamples = (2048 if look.shadows else 0), look.samples
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        quality.shadowsize, quality.offsamples = saved
        mujoco.mjr_resizeOffscreen(width, height, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = look.shadows
        self._option = mujoco.MjvOption()
        self._option.geomgroup[VISUAL_GROUP], self._option.geomgroup[COLLISION_GROUP] = look.meshes, not look.meshes
        self._view = mujoco.MjvCamera()

    def draw(self, data: mujoco.MjData, camera: str) -> Image:
        """The picture of the named camera: (height, width, 3) uint8, upright."""
        self._gl.make_current()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = self.model.camera(camera).id
        mujoco.mjv_updateScene(self.model, data, self._option, None, self._view, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        image = np.empty((self.height, self.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return np.ascontiguousarray(image[::-1])

    def close(self) -> None:
        self._context.free()
        self._gl.free()


def project(
    model: mujoco.MjModel, data: mujoco.MjData, camera: str, point_m: NDArray[np.float64], size_px: tuple[int, int]
) -> tuple[int, int]:
    """The pixel (x, y) at which the named camera sees a world point (3,) in a picture of `size_px` (width, height)."""
    cam = model.camera(camera).id
    right, up, back = (point_m - data.cam_xpos[cam]) @ data.cam_xmat[cam].reshape(3, 3)
    scale = size_px[1] / 2 / np.tan(np.radians(model.cam_fovy[cam]) / 2) / max(-back, 1e-6)
    return round(size_px[0] / 2 + scale * right), round(size_px[1] / 2 - scale * up)
