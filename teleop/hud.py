"""What the window writes over the picture. Draws on a surface it is given; knows nothing of time or devices."""

import pygame

from data.schema import Phase
from teleop.bindings import BINDINGS, MODE_TAGS, PILOT_HELP, STICK_HELP
from teleop.screen import Status
from teleop.stick import Axis, Button, Stick

INK, DIM, PANEL = (245, 247, 250), (176, 184, 196), (18, 22, 30, 205)
GREEN, AMBER, RED, BLUE, GREY = (76, 195, 120), (242, 176, 60), (232, 86, 86), (88, 160, 245), (120, 130, 145)
PHASE_LOOK: dict[Phase, tuple[str, tuple[int, int, int]]] = {
    Phase.READY: ("READY", BLUE),
    Phase.HUMAN: ("RECORDING", RED),
    Phase.POLICY: ("POLICY DRIVES", GREEN),
    Phase.ASKING: ("POLICY ASKS", AMBER),
    Phase.PAUSED: ("PAUSED", GREY),
    Phase.QUIT: ("SAVING", GREY),
}
PAD_NAMES = {Axis.LT: "LT", Axis.RT: "RT"}
ARROW_HEAD_PX = 18
MARGIN, BAR_HEIGHT, SIDE_WIDTH = 12, 52, 292


class Hud:
    """Owns the fonts. `keyboard` chooses which column of the key map is shown."""

    def __init__(self, keyboard: bool) -> None:
        pygame.font.init()
        self._keyboard = keyboard
        self._fonts: dict[int, pygame.font.Font] = {}

    def draw(self, surface: pygame.Surface, status: Status) -> None:
        self._top_bar(surface, status)
        self._key_map(surface, status)
        self._sticks(surface, status.stick)
        if status.phase is Phase.ASKING:
            self._question(surface, status)
        self._message(surface, status)

    def draw_arrow(self, surface: pygame.Surface, start: tuple[int, int], end: tuple[int, int]) -> None:
        """A fat arrow in pixels; a dot when it has no length."""
        shaft = pygame.Vector2(end) - pygame.Vector2(start)
        for colour, width in (((20, 24, 32), 5), (AMBER, 2)):
            pygame.draw.circle(surface, colour, start, 5 + width)
            if shaft.length() > ARROW_HEAD_PX:
                along = shaft.normalize()
                across, neck = along.rotate(90) * (ARROW_HEAD_PX / 2 + width), pygame.Vector2(end) - along * ARROW_HEAD_PX
                pygame.draw.line(surface, colour, start, neck, 2 * width + 2)
                pygame.draw.polygon(surface, colour, [neck + across, neck - across, pygame.Vector2(end) + along * width])

    # -- parts -----------------------------------------------------------------------------------------------------

    def _top_bar(self, surface: pygame.Surface, status: Status) -> None:
        width = surface.get_width()
        _panel(surface, pygame.Rect(0, 0, width, BAR_HEIGHT))
        word, colour = PHASE_LOOK[status.phase]
        if status.phase is Phase.HUMAN and status.label_budget:
            word = "YOU DRIVE"
        pill = pygame.Rect(MARGIN, 10, 168, 32)
        pygame.draw.rect(surface, colour, pill, border_radius=16)
        self._text(surface, word, pill.center, 20, (12, 14, 18), centred=True)
        wished = f" / {status.wished}" if status.wished is not None else ""
        cells = (
            ("episode", f"{status.episodes}{wished}"),
            ("successes", str(status.successes)),
            ("time", f"{status.elapsed_s:.1f} s"),
            ("mode tag", status.mode or "none"),
            ("late ticks", str(status.late_ticks)),
            ("device", status.device),
        )
        x = pill.right + 20
        for label, value in cells:
            self._text(surface, label, (x, 8), 16, DIM)
            value = self._cut(value, 21, width - MARGIN - x)
            right = self._text(surface, value, (x, 25), 21, GREEN if label == "successes" and status.success else INK)
            x = max(right, x + 58) + 20

    def _key_map(self, surface: pygame.Surface, status: Status) -> None:
        column = 1 if self._keyboard else 0
        first = PILOT_HELP if status.phase in (Phase.POLICY, Phase.ASKING) else ()
        rows = [((pad, key)[column], meaning) for pad, key, meaning in (*first, *STICK_HELP)]
        rows += [((b.pad, b.key)[column], b.meaning) for b in BINDINGS if status.phase in b.phases]
        lines = [(key if i == 0 else "", part) for key, meaning in rows for i, part in enumerate(_wrap(meaning, 26))]
        height = 20 * len(lines) + 20
        area = pygame.Rect(surface.get_width() - SIDE_WIDTH - MARGIN, BAR_HEIGHT + MARGIN, SIDE_WIDTH, height)
        _panel(surface, area, radius=10)
        for i, (key, part) in enumerate(lines):
            y = area.top + 11 + 20 * i
            self._text(surface, key, (area.left + 12, y), 18, AMBER)
            self._text(surface, part, (area.left + 122, y), 18, INK)

    def _sticks(self, surface: pygame.Surface, stick: Stick) -> None:
        area = pygame.Rect(MARGIN, surface.get_height() - 132, 300, 120)
        _panel(surface, area, radius=10)
        for name, x, axes in (("left", 56, (Axis.LEFT_X, Axis.LEFT_Y)), ("right", 146, (Axis.RIGHT_X, Axis.RIGHT_Y))):
            centre = (area.left + x, area.top + 52)
            pygame.draw.circle(surface, GREY, centre, 36, 2)
            moved = (centre[0] + round(30 * stick.axis(axes[0])), centre[1] + round(30 * stick.axis(axes[1])))
            pygame.draw.line(surface, DIM, centre, moved, 2)
            pygame.draw.circle(surface, BLUE, moved, 9)
            self._text(surface, name, (centre[0], area.top + 105), 16, DIM, centred=True)
        for i, axis in enumerate((Axis.LT, Axis.RT)):
            track = pygame.Rect(area.left + 202 + 26 * i, area.top + 16, 14, 72)
            pygame.draw.rect(surface, GREY, track, 1, border_radius=4)
            full = round(70 * max(0.0, stick.axis(axis)))
            pygame.draw.rect(surface, BLUE, pygame.Rect(track.left + 1, track.bottom - 1 - full, 12, full), border_radius=4)
            self._text(surface, PAD_NAMES[axis], (track.centerx, area.top + 105), 16, DIM, centred=True)
        self._mode_cross(surface, (area.left + 272, area.top + 52), stick)

    def _mode_cross(self, surface: pygame.Surface, centre: tuple[int, int], stick: Stick) -> None:
        offsets = {Button.LEFT: (-14, 0), Button.RIGHT: (14, 0), Button.UP: (0, -14), Button.DOWN: (0, 14)}
        for button in MODE_TAGS:
            dx, dy = offsets[button]
            lit = button in stick.held | stick.pressed
            pygame.draw.rect(surface, AMBER if lit else GREY, pygame.Rect(centre[0] + dx - 6, centre[1] + dy - 6, 12, 12), 0 if lit else 1)
        self._text(surface, "tag", (centre[0], centre[1] + 53), 16, DIM, centred=True)

    def _question(self, surface: pygame.Surface, status: Status) -> None:
        area = pygame.Rect(0, BAR_HEIGHT + MARGIN, 340, 62)
        area.left = MARGIN
        _panel(surface, area, radius=10)
        left = status.label_budget - status.labels
        self._text(surface, "What would you do here? The arrow is the policy's idea.", (area.left + 12, area.top + 11), 17, INK)
        self._text(
            surface, f"doubt {status.score:.3f}      labels {status.labels}, {left} left", (area.left + 12, area.top + 35), 18, AMBER
        )

    def _message(self, surface: pygame.Surface, status: Status) -> None:
        text = "the task is solved: hold still" if status.success and not status.message else status.message
        if not text:
            return
        lines = _wrap(text, 70)
        area = pygame.Rect(0, 0, max(self._font(22).size(line)[0] for line in lines) + 36, 18 + 22 * len(lines))
        area.midbottom = (surface.get_width() // 2 + 30, surface.get_height() - MARGIN - 132)
        area.right = min(area.right, surface.get_width() - SIDE_WIDTH - MARGIN)  # left of the small picture in the corner
        _panel(surface, area, radius=20)
        for i, line in enumerate(lines):
            self._text(surface, line, (area.centerx, area.top + 20 + 22 * i), 22, GREEN if status.success else INK, centred=True)

    # -- text ------------------------------------------------------------------------------------------------------

    def _font(self, size: int) -> pygame.font.Font:
        return self._fonts.setdefault(size, pygame.font.Font(None, size))

    def _cut(self, text: str, size: int, width: int) -> str:
        """As much of `text` as fits into `width` pixels."""
        while len(text) > 1 and self._font(size).size(text)[0] > width:
            text = text[:-2] + "…"
        return text

    def _text(
        self, surface: pygame.Surface, text: str, at: tuple[int, int], size: int, colour: tuple[int, int, int], *, centred: bool = False
    ) -> int:
        """Draw and return the right end's x."""
        image = self._font(size).render(text, True, colour)
        area = image.get_rect(center=at) if centred else image.get_rect(topleft=at)
        surface.blit(image, area)
        return area.right


def _panel(surface: pygame.Surface, area: pygame.Rect, radius: int = 0) -> None:
    layer = pygame.Surface(area.size, pygame.SRCALPHA)
    pygame.draw.rect(layer, PANEL, layer.get_rect(), border_radius=radius)
    surface.blit(layer, area.topleft)


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
