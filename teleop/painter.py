"""Painter: the arm's picture and what is written over it, on a surface it is given. Knows nothing of time or devices."""

import os
import time

import numpy as np
import pygame

from data.schema import Phase
from teleop.aids import Readout, make_aids, read_out
from teleop.envs.adapter import fitted
from teleop.envs.arm import ArmEnv
from teleop.envs.plant import Plant, Vector
from teleop.envs.probe import Probe
from teleop.envs.render import FAST, LOOKS, GhostGeom, Image, Look, project
from teleop.ghost_lines import Stroke, project_all
from teleop.hud import Hud
from teleop.hud.ghosts import draw_ghosts, label_ghosts
from teleop.hud.shapes import AMBER, BLUE, GREEN, VIOLET
from teleop.screen import Kept, Orbit, Status

ARROW_STEPS = 6.0  # the arrow shows where this many proposed steps would lead
INSET_EVERY = 3  # pictures: once a control tick at 60 pictures a second
TAGGED_M = 0.05  # shorter lengths are read in the corner; a tag would hide the gripper
WAY_COLOURS = (AMBER, BLUE, VIOLET, GREEN)
STRAIGHT, CLOSE = Orbit(), Orbit(zoom=0.62)  # thumbnails are small, so nearer


class Painter:
    """Paints a plant as it stands and a `Status`; an arm with aids. `keyboard` chooses which column of the key map is shown.

    `seconds` is what the last `paint` took by part: aids, picture, thumbnail, inset, hud; `edges` are the sides of the
    workspace it warned of.
    """

    def __init__(self, surface: pygame.Surface, plant: Plant, *, keyboard: bool, look: Look = FAST) -> None:
        self.surface, self.look = surface, look
        self.hud = Hud(surface.get_size(), keyboard)
        self.seconds: dict[str, float] = {}
        self.edges: tuple[str, ...] = ()
        self._plant, self._size = plant, surface.get_size()
        self._arm = plant if isinstance(plant, ArmEnv) else None
        self._probe = Probe(plant) if isinstance(plant, ArmEnv) else None
        self._cameras = plant.camera_names
        self._thumbs: dict[int, tuple[bytes, pygame.Surface]] = {}
        self._inset: tuple[str, pygame.Surface] | None = None
        self._painted = 0
        self._since_s = 0.0

    def paint(self, status: Status, picture: Image | None = None) -> None:
        """`picture`: what the plant has drawn of itself, where it cannot stand here as it stands there."""
        self._since_s = time.perf_counter()
        camera, other = (self._cameras[(status.camera + i) % len(self._cameras)] for i in (0, 1))
        readout, ghosts = self._aids()
        self.edges = readout.edges
        self._took("aids")
        image = self._plant.draw(camera, *self._size, self.look, status.orbit, ghosts) if picture is None else fitted(picture, *self._size)
        self.surface.blit(pygame.image.frombuffer(image.data, self._size, "RGB"), (0, 0))
        self._took("picture")
        futures = self._draw_ghosts(status, camera)
        if status.phase is Phase.ASKING:
            self._draw_ways(status, camera)
        self._picture_next(status.kept, status.scene_seed)
        self._took("thumbnail")
        if other != camera:
            self._draw_inset(other)
        self._took("inset")
        self.hud.draw(self.surface, status, readout, {number: thumb for number, (_, thumb) in self._thumbs.items()})
        label_ghosts(self.hud, self.surface, futures)
        self._draw_tags(readout, camera, status.orbit)
        self._name_views(camera, other, status.orbit)
        self._took("hud")
        self._painted += 1

    def _aids(self) -> tuple[Readout, tuple[GhostGeom, ...]]:
        if self._arm is None or self._probe is None:
            return Readout(), ()
        reading = self._probe.read()
        readout = read_out(self._arm, reading)
        return readout, make_aids(self._arm, reading, readout.edges)

    def take_best_look(self, budget_s: float) -> None:
        """The best-looking picture that can be drawn within `budget_s` here."""
        for self.look in list(LOOKS.values())[:-1]:
            self._plant.draw(self._cameras[0], *self._size, self.look)  # the first picture also uploads meshes
            start_s = time.perf_counter()
            self._plant.draw(self._cameras[0], *self._size, self.look)
            if time.perf_counter() - start_s < budget_s:
                return
        self.look = FAST

    def save(self, path: str) -> None:
        """The surface's pixels as a PNG file."""
        partial = f"{path}.part.png"
        pygame.image.save(self.surface, partial)
        os.replace(partial, path)  # nobody finds half a picture

    def _took(self, part: str) -> None:
        now_s = time.perf_counter()
        self.seconds[part], self._since_s = now_s - self._since_s, now_s

    def _draw_inset(self, camera: str) -> None:
        """The next camera, small, in the lower right corner: the depth that one view hides."""
        area = self.hud.inset_px
        if self._inset is None or self._inset[0] != camera or self._painted % INSET_EVERY == 0:
            image = self._plant.draw(camera, *area.size, FAST)
            self._inset = (camera, pygame.image.frombuffer(image.data, area.size, "RGB").copy())  # a copy outlives the image
        self.surface.blit(self._inset[1], area)
        self.hud.draw_frame(self.surface, area)

    def _picture_next(self, kept: tuple[Kept, ...], scene_seed: int) -> None:
        """At most one thumbnail a picture, newest first, so that a long strip does not make the window stutter."""
        self._thumbs = {k.number: self._thumbs[k.number] for k in kept if self._is_pictured(k)}
        missing = [k for k in kept if k.number not in self._thumbs and k.end_state.size]  # imported ones have no state
        if not missing or not self._plant.can_restore:
            return
        episode, now, size = missing[-1], self._plant.sim_state(), self.hud.thumb_px
        self._plant.set_scene(episode.seed)
        self._plant.stand_as(episode.end_state)
        image = self._plant.draw(self._cameras[0], *size, FAST, CLOSE)
        self._plant.set_scene(scene_seed)
        self._plant.stand_as(now)
        self._thumbs[episode.number] = (episode.end_state.tobytes(), pygame.image.frombuffer(image.data, size, "RGB").copy())

    def _is_pictured(self, kept: Kept) -> bool:
        """A number comes back with another ending after an undo."""
        return kept.number in self._thumbs and self._thumbs[kept.number][0] == kept.end_state.tobytes()

    def _draw_ghosts(self, status: Status, camera: str) -> tuple[Stroke, ...]:
        arm = self._arm
        if arm is None or not status.ghosts:
            return ()
        return draw_ghosts(
            self.hud, self.surface, status.ghosts, lambda points: project_all(arm.model, arm.data, camera, points, self._size, status.orbit)
        )

    def _draw_ways(self, status: Status, camera: str) -> None:
        """Each way's motion as an arrow from the fingertips, over the picture so that nothing hides it; the chosen one last."""
        if self._arm is None:
            return
        start_m = self._arm.tcp_pos_m
        start = self._pixel(start_m, camera, status.orbit)
        for k in sorted(range(len(status.ways)), key=lambda k: k == status.chosen):
            way = status.ways[k]
            step_m = np.asarray(way.action[:3], np.float64) * self._arm.limits.metres_per_step
            end = self._pixel(start_m + ARROW_STEPS * step_m, camera, status.orbit)
            self.hud.draw_arrow(self.surface, start, end, WAY_COLOURS[k % len(WAY_COLOURS)], bold=k == status.chosen)
            if len(status.ways) > 1:
                self.hud.draw_tag(self.surface, f"way {k}", f"{100 * way.probability:.0f} % likely", end, left=end[0] < start[0])

    def _draw_tags(self, readout: Readout, camera: str, orbit: Orbit) -> None:
        """The lengths beside the lines they belong to, each on the side where the other is not."""
        if self._arm is None:
            return
        tcp, target = self._arm.tcp_pos_m, self._arm.target_pos_m()
        at = self._pixel(tcp, camera, orbit)
        goal = at if target is None else self._pixel(target, camera, orbit)
        leftward = goal[0] < at[0]
        if readout.height_m is not None and readout.height_m > TAGGED_M:
            foot = self._pixel(tcp - [0.0, 0.0, readout.height_m], camera, orbit)
            middle = ((at[0] + foot[0]) // 2, (at[1] + foot[1]) // 2)
            self.hud.draw_tag(self.surface, "height", f"{100 * readout.height_m:.0f} cm", middle, left=not leftward)
        if readout.distance_m is not None and readout.distance_m > TAGGED_M:
            middle = ((at[0] + goal[0]) // 2, (at[1] + goal[1]) // 2)
            self.hud.draw_tag(self.surface, "target", f"{100 * readout.distance_m:.0f} cm", middle, left=leftward)

    def _name_views(self, camera: str, other: str, orbit: Orbit) -> None:
        turned = orbit != STRAIGHT
        note = "" if not turned else " · turned" if self._plant.can_orbit(camera) else " · cannot be turned"
        self.hud.draw_view_names(self.surface, f"{camera}{note}", other if other != camera else "")

    def _pixel(self, point_m: Vector, camera: str, orbit: Orbit) -> tuple[int, int]:
        assert self._arm is not None
        return project(self._arm.model, self._arm.data, camera, point_m, self._size, orbit)
