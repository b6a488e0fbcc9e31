"""PadPicture: a drawn gamepad that lights up with what is pressed. The keyboard is shown as the pad it stands in for."""

from dataclasses import dataclass

import pygame

from teleop.devices.profiles import symbol
from teleop.hud import shapes
from teleop.hud.labels import KEYBOARD
from teleop.hud.shapes import AMBER, BLUE, DARK, DIM, EDGE, GREEN, INK, RED, Colour
from teleop.hud.sheet import Sheet, Type
from teleop.screen import Status
from teleop.stick import Axis, Button, Stick

WIDTH, HEIGHT = 228.0, 176.0
BODY: Colour = (60, 70, 88)
WELL: Colour = (32, 38, 50)
TRAVEL = 10.0
LEFT_STICK, RIGHT_STICK, CROSS, FACE = (62.0, 76.0), (143.0, 103.0), (85.0, 103.0), (166.0, 76.0)
TRIGGERS_AT = {Axis.LT: 28.0, Axis.RT: 150.0}
SIDE_BY_SIDE = ("playstation",)  # pads with both sticks below
FACE_COLOURS = {Button.A: GREEN, Button.B: RED, Button.X: BLUE, Button.Y: AMBER}


@dataclass(frozen=True)
class Spot:
    """Where a button is: the middle and the size, in units, and its label's size."""

    x: float
    y: float
    width: float
    height: float
    label: str
    size: float
    lit: Colour = AMBER


class PadPicture:
    """The picture for one profile at one scale; what lights up is drawn once and put where it belongs."""

    def __init__(self, type_: Type, profile: str) -> None:
        self._type, self.profile = type_, profile
        left, cross = (CROSS, LEFT_STICK) if profile in SIDE_BY_SIDE else (LEFT_STICK, CROSS)
        self._sticks = {Axis.LEFT_X: left, Axis.RIGHT_X: RIGHT_STICK}
        self._spots = _spots(profile, cross)
        self._base = self._draw_base()
        self._lit = {button: self._draw_spot(spot, lit=True) for button, spot in self._spots.items()}
        s = type_.scale
        self._knobs = {lit: shapes.disc(round(21 * s), AMBER if lit else DIM) for lit in (False, True)}

    @property
    def places(self) -> dict[Button | Axis, pygame.Rect]:
        """Where each button, stick (by its x axis) and trigger is, in pixels of the picture."""
        s = self._type.scale
        found: dict[Button | Axis, pygame.Rect] = {
            b: pygame.Rect(
                round((p.x - p.width / 2) * s), round((p.y - p.height / 2) * s), round(p.width * s), round(p.height * s)
            ).inflate(2, 2)
            for b, p in self._spots.items()
        }
        for axis, (x, y) in self._sticks.items():
            found[axis] = pygame.Rect(0, 0, round(46 * s), round(46 * s))
            found[axis].center = (round(x * s), round(y * s))
        for axis, x in TRIGGERS_AT.items():
            found[axis] = pygame.Rect(round(x * s), round(8 * s), round(50 * s), round(15 * s)).inflate(2, 2)
        return found

    def draw(self, stick: Stick, mode: str, directions: str, precise: bool) -> Sheet:
        sheet = Sheet(self._type, WIDTH, HEIGHT, fill=None)
        sheet.put(self._base.surface, 0, 0)
        sheet.texts += self._base.texts
        for button in stick.held | stick.pressed:
            if button in self._lit:
                spot = self._spots[button]
                sheet.put(self._lit[button], spot.x - spot.width / 2, spot.y - spot.height / 2)
        pressed = {Axis.LEFT_X: Button.L3, Axis.RIGHT_X: Button.R3}
        for axis, (x, y) in self._sticks.items():
            dx, dy = (stick.axis(a) for a in ((Axis.LEFT_X, Axis.LEFT_Y) if axis is Axis.LEFT_X else (Axis.RIGHT_X, Axis.RIGHT_Y)))
            down = pressed[axis] in stick.held | stick.pressed
            moved = down or abs(dx) + abs(dy) > 0.02
            sheet.put(self._knobs[moved], x + TRAVEL * dx - 10.5, y + TRAVEL * dy - 10.5)
            name = symbol(self.profile, pressed[axis])
            sheet.text(name, x + TRAVEL * dx, y + TRAVEL * dy, 8.5, DARK, bold=True, align="centre")
        for axis, x in TRIGGERS_AT.items():
            self._draw_trigger(sheet, axis, x, max(0.0, stick.axis(axis)))
        self._draw_footer(sheet, mode, directions, precise)
        return sheet

    def _draw_trigger(self, sheet: Sheet, axis: Axis, x: float, pulled: float) -> None:
        if pulled > 0.01:
            sheet.box(x, 8, max(8.0, 50 * pulled), 15, BLUE, 5)
        sheet.text(symbol(self.profile, axis), x + 25, 15.5, 9.5, INK, bold=True, align="centre")

    def _draw_footer(self, sheet: Sheet, mode: str, directions: str, precise: bool) -> None:
        """The control mode, whose directions, and whether it is slow."""
        end = sheet.text(mode, 12, HEIGHT - 14, 12, INK, bold=True)
        sheet.text(directions, end + 8, HEIGHT - 14, 11, DIM)
        if precise:
            sheet.box(WIDTH - 66, HEIGHT - 23, 56, 18, AMBER, 9)
            sheet.text("precise", WIDTH - 38, HEIGHT - 14, 10.5, DARK, bold=True, align="centre")

    def _draw_base(self) -> Sheet:
        sheet = Sheet(self._type, WIDTH, HEIGHT)
        for x in TRIGGERS_AT.values():
            sheet.box(x, 8, 50, 15, EDGE, 5)
        for x in (50.0, 178.0):
            sheet.disc(x, 114, 60, BODY)
        sheet.box(26, 45, 176, 76, BODY, 36)
        sheet.box(70, 45, 88, 82, BODY, 6)
        for x, y in self._sticks.values():
            sheet.disc(x, y, 42, WELL)
        for spot in self._spots.values():
            sheet.put(self._draw_spot(spot, lit=False), spot.x - spot.width / 2, spot.y - spot.height / 2)
            if spot.label:
                width = round(self._type.width(spot.label, spot.size, bold=True) * self._type.scale)
                where = pygame.Rect(0, 0, width, round(spot.size * self._type.scale))
                where.center = (round(spot.x * self._type.scale), round(spot.y * self._type.scale))
                sheet.texts.append((spot.label, where))
        return sheet

    def _draw_spot(self, spot: Spot, *, lit: bool) -> pygame.Surface:
        sheet = Sheet(self._type, spot.width, spot.height, fill=None)
        round_ = min(spot.width, spot.height) / (2 if spot.width == spot.height or spot.height < 16 else 4)
        sheet.box(0, 0, spot.width, spot.height, spot.lit if lit else WELL, round_)
        ink = DARK if lit else (spot.lit if spot.lit is not AMBER or spot.label == "Y" else DIM)
        sheet.text(spot.label, spot.width / 2, spot.height / 2, spot.size, ink, bold=True, align="centre")
        return sheet.surface


def _spots(profile: str, cross: tuple[float, float]) -> dict[Button, Spot]:
    """Every button of the picture except the sticks' own."""
    (fx, fy), (cx, cy), key = FACE, cross, profile == KEYBOARD
    face = {Button.A: (fx, fy + 16), Button.B: (fx + 16, fy), Button.X: (fx - 16, fy), Button.Y: (fx, fy - 16)}
    arms = {Button.LEFT: (cx - 12, cy), Button.RIGHT: (cx + 12, cy), Button.UP: (cx, cy - 12), Button.DOWN: (cx, cy + 12)}
    spots = {b: Spot(x, y, 17, 17, symbol(profile, b), 9.5, FACE_COLOURS[b]) for b, (x, y) in face.items()}
    spots |= {b: Spot(x, y, 12, 12, symbol(profile, b) if key else "", 7.5) for b, (x, y) in arms.items()}
    spots[Button.LB] = Spot(53, 33, 56, 13, symbol(profile, Button.LB), 8.5)
    spots[Button.RB] = Spot(175, 33, 56, 13, symbol(profile, Button.RB), 8.5)
    spots[Button.BACK] = Spot(99, 74, 20, 10, "", 7)
    spots[Button.START] = Spot(129, 74, 20, 10, "", 7)
    spots[Button.GUIDE] = Spot(114, 57, 14, 14, "", 7)
    return spots


def mode_words(status: Status) -> tuple[str, str]:
    """The control mode and whose directions, as the footer says them."""
    if any(status.hands_words):
        return status.hands_words
    return str(status.control_mode), f"· {status.directions}"
