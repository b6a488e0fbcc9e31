"""Offscreen MuJoCo cameras that work with and without a display, beside an open pygame window."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError

if TYPE_CHECKING:  # screen.py imports the environments, so not at run time
    from teleop.screen import Orbit

Image = NDArray[np.uint8]
Vector = NDArray[np.float64]
VISUAL_GROUP, COLLISION_GROUP, UNDRAWN_GROUP = 2, 3, 4
FREE = "free"
WORK_CENTRE_M = (0.45, 0.0, 0.15)  # an orbit turns about the point of the optical axis that is nearest to this
ELEVATION_DEG = (2.0, 88.0)  # an orbited camera stays above the table and short of the pole
CLOSEST_M = 0.3


@dataclass(frozen=True)
class Look:
    """What a picture shows. `FAST` is for camera observations: collision hulls instead of visual meshes, no shadows, no textures.

    MuJoCo's default shadow map alone costs 25 ms an image in software rendering, the visual meshes another 20 ms, the
    floor's texture half of what is left of a 960×720 one.
    """

    meshes: bool = False
    shadows: bool = False
    samples: int = 0
    textures: bool = True


FAST = Look(textures=False)
PRETTY = Look(meshes=True, shadows=True, samples=4)
LOOKS: dict[str, Look] = {"pretty": PRETTY, "meshes": Look(meshes=True), "hulls": FAST}  # the best first


@dataclass(frozen=True)
class GhostGeom:
    """A shape that is only drawn: it is hidden by what stands before it and touches nothing.

    `size_m` is MuJoCo's for `kind` (half lengths; radius first); `rot` (3, 3), `rgba` in [0, 1].
    """

    kind: mujoco.mjtGeom
    size_m: tuple[float, float, float]
    pos_m: Vector
    rgba: tuple[float, float, float, float]
    rot: Vector = field(default_factory=lambda: np.eye(3))


def ghost_line(start_m: Vector, end_m: Vector, radius_m: float, rgba: tuple[float, float, float, float]) -> GhostGeom:
    """A rod between two points (3,), square because MuJoCo draws a round one with 900 triangles."""
    along = np.subtract(end_m, start_m)
    length = float(np.linalg.norm(along))
    quat, rot = np.zeros(4), np.zeros(9)
    mujoco.mju_quatZ2Vec(quat, along / max(length, 1e-9))
    mujoco.mju_quat2Mat(rot, quat)
    return GhostGeom(mujoco.mjtGeom.mjGEOM_BOX, (radius_m, radius_m, length / 2), np.add(start_m, end_m) / 2, rgba, rot.reshape(3, 3))


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
    """Owns a GL context and draws one model at one size. Not thread-safe: use it from the thread that made it.

    `free`: for a model that is not ours, from where its camera `FREE` looks (azimuth, elevation, distance, lookat); its
    geom groups are left as MuJoCo shows them.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, look: Look = FAST, free: Mapping[str, Any] | None = None) -> None:
        self.model, self.width, self.height, self.look = model, width, height, look
        self._gl = _gl_context(width, height)
        self._gl.make_current()
        quality, saved = model.vis.quality, (model.vis.quality.shadowsize, model.vis.quality.offsamples)
        quality.shadowsize, quality.offsamples = (2048 if look.shadows else 0), look.samples
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        quality.shadowsize, quality.offsamples = saved
        mujoco.mjr_resizeOffscreen(width, height, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR  # keeps the precision far away
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = look.shadows
        self._option = mujoco.MjvOption()
        self._option.flags[mujoco.mjtVisFlag.mjVIS_TEXTURE] = look.textures
        self._free = free
        if free is None:
            self._option.geomgroup[VISUAL_GROUP], self._option.geomgroup[COLLISION_GROUP] = look.meshes, not look.meshes
        self._view = mujoco.MjvCamera()

    def draw(self, data: mujoco.MjData, camera: str, orbit: "Orbit | None" = None, ghosts: Sequence[GhostGeom] = ()) -> Image:
        """The picture of the named camera, turned by `orbit`, with `ghosts`: (height, width, 3) uint8, upright."""
        self._set_scene(data, camera, orbit, ghosts)
        return self._read()[0]

    def draw_with_depth(self, data: mujoco.MjData, camera: str, *, depth: bool = True) -> tuple[Image, NDArray[np.float32] | None]:
        """The picture, and of the same drawing the distance along the optical axis in metres (height, width)."""
        self._set_scene(data, camera)
        image, raw = self._read(depth=depth)
        return image, None if raw is None else self._metres(raw)

    def segment(self, data: mujoco.MjData, camera: str) -> NDArray[np.int16]:
        """Which body is seen where: its id (height, width), −1 where there is none."""
        self._set_scene(data, camera)
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = True
        image = self._read()[0].astype(np.int32)
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = False
        bodies = np.full(self._scene.ngeom + 1, -1, np.int16)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                bodies[geom.segid + 1] = self.model.geom_bodyid[geom.objid]
        seen: NDArray[np.int16] = bodies[image @ np.array([1, 2**8, 2**16])]
        return seen

    def _metres(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """OpenGL's reversed depth in [0, 1] as metres: the inverse of glFrustum's perspective."""
        near, far = (v * self.model.stat.extent for v in (self.model.vis.map.znear, self.model.vis.map.zfar))
        metres = near * far / (near + raw.astype(np.float64) * (far - near))
        return np.asarray(metres, np.float32)

    def _set_scene(self, data: mujoco.MjData, camera: str, orbit: "Orbit | None" = None, ghosts: Sequence[GhostGeom] = ()) -> None:
        self._gl.make_current()
        if camera == FREE and self._free is not None:
            self._look_freely(self._free, orbit)
        else:
            self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._view.fixedcamid = camera_id(self.model, camera)
        mujoco.mjv_updateScene(self.model, data, self._option, None, self._view, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        if orbit is not None and camera != FREE and can_orbit(self.model, camera):
            self._turn(*camera_pose(self.model, data, camera, orbit))
        for ghost in ghosts:
            self._add(ghost)

    def _read(self, *, depth: bool = False) -> tuple[Image, NDArray[np.float32] | None]:
        """Draw the scene; the pixels and, when wanted, the raw depth, both upright."""
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        image = np.empty((self.height, self.width, 3), dtype=np.uint8)
        raw = np.empty((self.height, self.width), np.float32) if depth else None
        mujoco.mjr_readPixels(image, raw, viewport, self._context)
        return np.ascontiguousarray(image[::-1]), None if raw is None else raw[::-1]

    def _look_freely(self, pose: Mapping[str, Any], orbit: "Orbit | None") -> None:
        self._view.type = mujoco.mjtCamera.mjCAMERA_FREE
        self._view.azimuth, self._view.elevation, self._view.distance = pose["azimuth"], pose["elevation"], pose["distance"]
        self._view.lookat[:] = pose["lookat"]
        if orbit is not None:
            self._view.azimuth += orbit.azimuth_deg
            self._view.elevation = min(max(self._view.elevation - orbit.elevation_deg, -89.0), 89.0)
            self._view.distance *= orbit.zoom

    def _turn(self, pos_m: Vector, rot: Vector) -> None:
        """Move the scene's two eyes, which are one; the lens stays the fixed camera's."""
        for eye in self._scene.camera:
            eye.pos[:], eye.up[:], eye.forward[:] = pos_m, rot[:, 1], -rot[:, 2]

    def _add(self, ghost: GhostGeom) -> None:
        if self._scene.ngeom < self._scene.maxgeom:
            geom = self._scene.geoms[self._scene.ngeom]
            mujoco.mjv_initGeom(
                geom,
                ghost.kind,
                np.array(ghost.size_m),
                ghost.pos_m,
                np.ascontiguousarray(ghost.rot).ravel(),
                np.array(ghost.rgba, np.float32),
            )
            geom.category = mujoco.mjtCatBit.mjCAT_DECOR
            geom.emission = 0.35  # an aid glows, whatever the light
            self._scene.ngeom += 1

    def close(self) -> None:
        self._context.free()
        self._gl.free()


def camera_id(model: mujoco.MjModel, name: str) -> int:
    """The number of a camera; one without a name is called camera0, camera1, … after its place."""
    return [model.camera(i).name or f"camera{i}" for i in range(model.ncam)].index(name)


def can_orbit(model: mujoco.MjModel, camera: str) -> bool:
    """Whether an orbit turns this camera: one that stands in the world, not one that a body carries."""
    return bool(model.cam_bodyid[camera_id(model, camera)] == 0)


def camera_pose(model: mujoco.MjModel, data: mujoco.MjData, camera: str, orbit: "Orbit | None" = None) -> tuple[Vector, Vector]:
    """Where the camera is: position (3,) and rotation (3, 3) whose columns are right, up and back."""
    cam = camera_id(model, camera)
    pos, rot = np.array(data.cam_xpos[cam]), np.array(data.cam_xmat[cam]).reshape(3, 3)
    if orbit is None or not can_orbit(model, camera):
        return pos, rot
    distance = float((np.subtract(WORK_CENTRE_M, pos)) @ -rot[:, 2])
    centre = pos - distance * rot[:, 2]
    elevation = float(np.degrees(np.arcsin(np.clip(rot[2, 2], -1.0, 1.0))))
    low, high = min(ELEVATION_DEG[0], elevation), max(ELEVATION_DEG[1], elevation)
    raised = float(np.clip(elevation + orbit.elevation_deg, low, high)) - elevation
    turned = _rotation([0.0, 0.0, 1.0], orbit.azimuth_deg) @ _rotation(rot[:, 0], -raised) @ rot
    return centre + max(distance * orbit.zoom, CLOSEST_M) * turned[:, 2], turned


def _rotation(axis: Sequence[float] | Vector, degrees: float) -> Vector:
    quat, rot = np.zeros(4), np.zeros(9)
    mujoco.mju_axisAngle2Quat(quat, np.asarray(axis, np.float64), np.radians(degrees))
    mujoco.mju_quat2Mat(rot, quat)
    return rot.reshape(3, 3)


def view_heading_deg(model: mujoco.MjModel, data: mujoco.MjData, camera: str, orbit: "Orbit | None" = None) -> float:
    """Where "away from the viewer" points on the table, in degrees in [0, 360), to 0.1, from the base's x axis: 180 for `front`.

    The line of sight and the picture's up direction, both laid on the table, point the same way for an upright camera;
    their sum holds for one that looks level and for one that looks straight down alike.
    """
    _, rot = camera_pose(model, data, camera, orbit)
    away = rot[:2, 1] - rot[:2, 2]
    return round(float(np.degrees(np.arctan2(away[1], away[0]))), 1) % 360.0


def project(
    model: mujoco.MjModel, data: mujoco.MjData, camera: str, point_m: Vector, size_px: tuple[int, int], orbit: "Orbit | None" = None
) -> tuple[int, int]:
    """The pixel (x, y) at which the camera sees a world point (3,) in a picture of `size_px` (width, height)."""
    pos, rot = camera_pose(model, data, camera, orbit)
    right, up, back = (point_m - pos) @ rot
    scale = size_px[1] / 2 / np.tan(np.radians(model.cam_fovy[camera_id(model, camera)]) / 2) / max(-back, 1e-6)
    return round(size_px[0] / 2 + scale * right), round(size_px[1] / 2 - scale * up)
