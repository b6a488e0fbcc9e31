"""Sight: which camera the operator looks through, and how far the view is turned."""

from dataclasses import dataclass, field, replace

from teleop.envs.plant import Plant
from teleop.screen import Orbit
from teleop.stick import Axis, Button, Stick

ORBIT_BUTTON = Button.R3
DEGREES_PER_TICK = 4.0
ELEVATION_DEG = (-30.0, 45.0)
ORBITS_FROM = 0.2
AXES = (Axis.RIGHT_X, Axis.RIGHT_Y)


@dataclass
class Sight:
    """R3 tapped: the next camera, seen straight. R3 held: the right stick turns the view instead of the hand."""

    camera: int = 0
    orbit: Orbit = field(default_factory=Orbit)
    _held: bool = False
    _turned: bool = False

    def look(self, stick: Stick) -> Stick:
        """Take what is meant for the view; the stick that is left for driving."""
        held = ORBIT_BUTTON in stick.held
        if held:
            self._turned = self._turned and self._held
            self._turn(stick)
        elif (self._held and not self._turned) or (ORBIT_BUTTON in stick.pressed and not self._held):
            self.camera, self.orbit = self.camera + 1, Orbit()
        self._held = held
        return stick.without(*AXES) if held else stick

    def heading_deg(self, plant: Plant) -> float:
        """Where "away from the viewer" points, in degrees from the base's x axis."""
        cameras = plant.camera_names
        return plant.heading_deg(cameras[self.camera % len(cameras)], self.orbit)

    def _turn(self, stick: Stick) -> None:
        across, up = (value if abs(value := stick.axis(axis)) > ORBITS_FROM else 0.0 for axis in AXES)
        if across or up:
            self._turned = True
            azimuth = (self.orbit.azimuth_deg + across * DEGREES_PER_TICK + 180.0) % 360.0 - 180.0
            elevation = min(max(self.orbit.elevation_deg - up * DEGREES_PER_TICK, ELEVATION_DEG[0]), ELEVATION_DEG[1])
            self.orbit = replace(self.orbit, azimuth_deg=azimuth, elevation_deg=elevation)
