"""Eyes: the cameras of an environment, asked for by name, size and kind, on the fast path."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from data.errors import UserError, one_of
from teleop.envs.render import FAST, FREE, Camera, Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from teleop.envs.render import GhostGeom, Image
    from teleop.screen import Orbit

KINDS = ("rgb", "depth", "segmentation")
SIDE_PX = (8, 1920)
PATTERN = re.compile(r"(?P<name>[^:]+?)(?::(?P<width>\d+)x(?P<height>\d+))?(?::(?P<kinds>[a-z,]+))?")


@dataclass(frozen=True)
class View:
    """One camera that is recorded: `width`, `height` in pixels, `kinds` of `KINDS`.

    Its observations: `<name>_image` (H, W, 3) uint8; `<name>_depth` (H, W, 1) float32, metres along the optical axis;
    `<name>_segmentation` (H, W, 1) int16, the model's body id (0: the table and what else stands still), −1 where nothing is.
    """

    name: str
    width: int
    height: int
    kinds: tuple[str, ...] = ("rgb",)

    def spaces(self) -> dict[str, gymnasium.Space[Any]]:
        size = (self.height, self.width)
        every: dict[str, tuple[str, gymnasium.Space[Any]]] = {
            "rgb": (f"{self.name}_image", gymnasium.spaces.Box(0, 255, (*size, 3), np.uint8)),
            "depth": (f"{self.name}_depth", gymnasium.spaces.Box(0.0, np.inf, (*size, 1), np.float32)),
            "segmentation": (f"{self.name}_segmentation", gymnasium.spaces.Box(-1, 2**15 - 1, (*size, 1), np.int16)),
        }
        return dict(every[kind] for kind in self.kinds)


def parse_view(words: str, image_size: int = 84) -> View:
    """`front`, `front:128x96` or `front:128x96:rgb,depth,segmentation` as a View; square of `image_size` without a size."""
    found = PATTERN.fullmatch(words)
    if found is None:
        raise UserError(f"camera {words!r} is not NAME[:WxH][:KINDS]; e.g. front, front:128x96 or wrist:84x84:rgb,depth")
    width, height = int(found["width"] or image_size), int(found["height"] or image_size)
    kinds = tuple(dict.fromkeys((found["kinds"] or "rgb").split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"camera {words!r} asks for {kind!r}; allowed: {one_of(KINDS)}")
    if not (SIDE_PX[0] <= width <= SIDE_PX[1] and SIDE_PX[0] <= height <= SIDE_PX[1]):
        raise UserError(f"camera {words!r}: {width}x{height} is outside {SIDE_PX[0]} … {SIDE_PX[1]} pixels a side")
    return View(found["name"], width, height, kinds)


class Eyes:
    """Owns the drawers of one model, one for each size and look in use. `free`: where a camera of that name looks from."""

    def __init__(
        self, model: mujoco.MjModel, cameras: "Sequence[str]" = (), image_size: int = 84, free: dict[str, Any] | None = None
    ) -> None:
        self.names = [model.camera(i).name or f"camera{i}" for i in range(model.ncam)] + ([] if free is None else [FREE])
        self._free = free
        self.views = tuple(parse_view(words, image_size) for words in cameras)
        self._model = model
        self._drawers: dict[tuple[int, int, Look], Camera] = {}
        for view in self.views:
            self._check(view.name)
        if len({view.name for view in self.views}) < len(self.views):
            raise UserError(f"--cameras {' '.join(cameras)} names a camera twice; give each once")

    def spaces(self) -> dict[str, gymnasium.Space[Any]]:
        """The observation spaces of all views."""
        return {key: space for view in self.views for key, space in view.spaces().items()}

    def observe(self, data: mujoco.MjData) -> dict[str, NDArray[Any]]:
        """What every view sees; a view's picture and depth are drawn at once."""
        seen: dict[str, NDArray[Any]] = {}
        for view in self.views:
            drawer = self._drawer(view.width, view.height, FAST)
            if "rgb" in view.kinds or "depth" in view.kinds:
                image, depth = drawer.draw_with_depth(data, view.name, depth="depth" in view.kinds)
                seen[f"{view.name}_image"] = image
                if depth is not None:
                    seen[f"{view.name}_depth"] = depth[..., None]
            if "segmentation" in view.kinds:
                seen[f"{view.name}_segmentation"] = drawer.segment(data, view.name)[..., None]
            if "rgb" not in view.kinds:
                seen.pop(f"{view.name}_image", None)
        return seen

    def picture(
        self,
        data: mujoco.MjData,
        camera: str,
        size_px: tuple[int, int],
        look: Look,
        orbit: "Orbit | None" = None,
        ghosts: "Sequence[GhostGeom]" = (),
    ) -> "Image":
        """(height, width, 3) uint8 of the named camera, turned by `orbit`, with `ghosts` in the scene."""
        self._check(camera)
        return self._drawer(*size_px, look).draw(data, camera, orbit, ghosts)

    def close(self) -> None:
        for drawer in self._drawers.values():
            drawer.close()
        self._drawers.clear()

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise UserError(f"there is no camera {name!r}; allowed: {one_of(self.names)}")

    def _drawer(self, width: int, height: int, look: Look) -> Camera:
        key = (width, height, look)
        if key not in self._drawers:
            self._drawers[key] = Camera(self._model, width, height, look, self._free)
        return self._drawers[key]
