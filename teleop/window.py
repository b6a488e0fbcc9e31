"""The window: the arm's picture, the HUD, the event queue."""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.schema import Phase
from teleop.envs.panda import PandaEnv
from teleop.envs.render import FAST, PRETTY, Look, project
from teleop.pilot import Action
from teleop.screen import Status

SIZE_PX = (960, 720)
LOOKS = (PRETTY, Look(meshes=True), FAST)
DRAW_BUDGET_S = 0.018
ARROW_STEPS = 6.0  # the arrow shows where this many proposed steps would lead
INSET_PX = (240, 180)
INSET_MARGIN_PX = 12


def start_pygame(*, display: bool) -> None:
    """Start SDL's video (a dummy one without a display) and joysticks; no sound."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    # pygame's window would make its own GL context current on this thread and break MuJoCo's (EGL_BAD_ACCESS).
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    if not display:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    import pygame

    pygame.display.init()
    pygame.joystick.init()


class Window:
    """A `Screen` on the desktop. Draws once a tick with the best-looking picture that leaves the tick its time."""

    def __init__(self, arm: PandaEnv, title: str, *, keyboard: bool, look: Look | None = None) -> None:
        import pygame

        from teleop.hud import Hud

        self._pygame, self._arm = pygame, arm
        self._surface = pygame.display.set_mode(SIZE_PX)
        pygame.display.set_caption(title)
        self._hud = Hud(keyboard)
        self._quit = False
        self._cameras = [arm.model.camera(i).name for i in range(arm.model.ncam)]
        self.look = self._best_look() if look is None else look

    def poll(self) -> Sequence[Any]:
        events = self._pygame.event.get()
        self._quit = self._quit or any(self._asks_to_quit(event) for event in events)
        return events

    def _asks_to_quit(self, event: Any) -> bool:
        """The window's close button, or Esc, which works beside a gamepad too."""
        return bool(event.type == self._pygame.QUIT or (event.type == self._pygame.KEYDOWN and event.key == self._pygame.K_ESCAPE))

    def wants_to_quit(self) -> bool:
        return self._quit

    def show(self, status: Status) -> None:
        camera = self._cameras[status.camera % len(self._cameras)]
        image = self._arm.draw(camera, *SIZE_PX, self.look)
        self._surface.blit(self._pygame.image.frombuffer(image.tobytes(), SIZE_PX, "RGB"), (0, 0))
        if status.phase is Phase.ASKING and status.proposal is not None:
            self._draw_proposal(status.proposal, camera)
        self._draw_inset(self._cameras[(status.camera + 1) % len(self._cameras)])
        self._hud.draw(self._surface, status)
        self._pygame.display.flip()

    def save(self, path: str) -> None:
        """The window's pixels as a PNG file."""
        self._pygame.image.save(self._surface, path)

    def close(self) -> None:
        self._pygame.display.quit()

    def _draw_inset(self, camera: str) -> None:
        """The next camera, small, in the lower right corner: the depth that one view hides."""
        image = self._arm.draw(camera, *INSET_PX, FAST)
        corner = tuple(whole - part - INSET_MARGIN_PX for whole, part in zip(SIZE_PX, INSET_PX, strict=True))
        self._surface.blit(self._pygame.image.frombuffer(image.tobytes(), INSET_PX, "RGB"), corner)
        self._pygame.draw.rect(self._surface, (18, 22, 30), (*corner, *INSET_PX), 2)

    def _best_look(self) -> Look:
        for look in LOOKS[:-1]:
            self._arm.draw(self._cameras[0], *SIZE_PX, look)  # the first picture also uploads meshes
            start_s = time.perf_counter()
            self._arm.draw(self._cameras[0], *SIZE_PX, look)
            if time.perf_counter() - start_s < DRAW_BUDGET_S:
                return look
        return LOOKS[-1]

    def _draw_proposal(self, proposal: Action, camera: str) -> None:
        """The proposed motion as an arrow from the fingertips, over the picture so that nothing hides it."""
        start_m = self._arm.tcp_pos_m
        step_m = np.asarray(proposal[:3], np.float64) * self._arm.limits.metres_per_step
        start, end = (project(self._arm.model, self._arm.data, camera, p, SIZE_PX) for p in (start_m, start_m + ARROW_STEPS * step_m))
        self._hud.draw_arrow(self._surface, start, end)
