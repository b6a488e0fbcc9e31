"""Serve: an environment in its own Python, asked over stdin and answering over stdout."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from .simulator import FREE, Simulator
from .spaces import GuestError
from .wire import receive, send


class Drawer:
    """MuJoCo's own renderer, one per size; no shadows."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator, self._renderers = simulator, dict[tuple[int, int], Any]()

    def draw(self, camera: str, width: int, height: int, orbit: list[float] | None = None) -> Any:
        """(H, W, 3) uint8; `orbit`: degrees about the vertical and up, and a factor of the distance, for the free camera."""
        mujoco, model = self._simulator.mujoco, self._simulator.model
        if mujoco is None:
            return self._simulator.picture()
        if (width, height) not in self._renderers:
            model.vis.quality.shadowsize = model.vis.quality.offsamples = 0
            model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
            model.vis.global_.offheight = max(model.vis.global_.offheight, height)
            self._renderers[(width, height)] = mujoco.Renderer(model, height, width)
        renderer = self._renderers[(width, height)]
        renderer.update_scene(self._simulator.data, self._free(mujoco, orbit) if camera == FREE else camera)
        return renderer.render()

    def _free(self, mujoco: Any, orbit: list[float] | None) -> Any:
        camera, pose = mujoco.MjvCamera(), self._simulator.free_camera()
        azimuth, elevation, zoom = orbit or (0.0, 0.0, 1.0)
        camera.azimuth, camera.elevation = pose["azimuth"] + azimuth, pose["elevation"] - elevation
        camera.distance, camera.lookat[:] = pose["distance"] * zoom, pose["lookat"]
        return camera


def main() -> None:
    """Until stdin closes. What the environment prints goes to stderr, never among the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loop's business
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    questions = sys.stdin.buffer
    actions: dict[str, Callable[..., Any]] = {}
    while True:
        try:
            name, words = receive(questions)
        except EOFError:
            return
        try:
            if name == "make":
                actions = _actions(Simulator(*words))
                send(answers, {"ok": actions["facts"]()})
            else:
                send(answers, {"ok": actions[name](*words)})
        except GuestError as error:
            send(answers, {"refused": str(error)})
        except Exception as error:  # noqa: BLE001 (it is told to who asked, in the other process)
            send(answers, {"failed": f"{type(error).__name__}: {error}"})


def _actions(simulator: Simulator) -> dict[str, Callable[..., Any]]:
    names = ("facts", "reset", "step", "state", "flat_state", "keep", "restore", "stand_as", "free_camera", "xml")
    return {name: getattr(simulator, name) for name in names} | {"draw": Drawer(simulator).draw}
