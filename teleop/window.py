"""The window, in a process of its own: however slow drawing is, control is not late.

The control process sends what there is to see, never waiting; the window's process draws it up to 60 times a second, the
states on the way between two control ticks included, and sends back what its keys do.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import UserError
from teleop.clock import yield_to_control
from teleop.envs.plant import Plant
from teleop.envs.render import LOOKS, Image
from teleop.screen import Headless, Status

SIZE_PX = (960, 720)
REDRAW_HZ = 60
SLACK_S = 5e-4  # the third picture after a tick must not meet the next tick
START_TIMEOUT_S = 60.0
UNSEEN = 4  # so many pictures may be on their way; a window that does not keep up misses some, it holds up nobody
LookName = Literal["auto", "pretty", "meshes", "hulls"]


def start_pygame(*, display: bool, joysticks: bool = True) -> None:
    """Start SDL's video (a dummy one without a display) and joysticks; no sound."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    # pygame's window would make its own GL context current on this thread and break MuJoCo's (EGL_BAD_ACCESS).
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    import pygame

    from teleop.devices.sdl import start_joysticks

    driver = os.environ.get("SDL_VIDEODRIVER")
    if not display:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    if not display:  # only for this process: the window's has its own
        os.environ.pop("SDL_VIDEODRIVER")
        if driver is not None:
            os.environ["SDL_VIDEODRIVER"] = driver
    if joysticks:
        start_joysticks()


@dataclass(frozen=True)
class WindowConfig:
    """What the window's process is started with; `painter` is the class that draws."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    title: str
    keyboard: bool
    size_px: tuple[int, int] = SIZE_PX
    look: LookName = "auto"
    sound: bool = False
    painter: Any = None


@dataclass(frozen=True)
class Frame:
    """One tick as it travels: `states` (K, S) are the simulator's at equal times up to the tick's end; one when nothing moves.

    `picture` is what a plant draws of itself, where its states cannot be stood in.
    """

    status: Status
    states: NDArray[np.float64]
    began_s: float
    picture: Image | None = None


class Window:
    """A `Screen` on the desktop. `look` and `draw_s` are what the window's process chose and measured."""

    is_seen = True

    def __init__(self, plant: Plant, config: WindowConfig, *, pump: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._plant, self._pump, self._quit = plant, Headless(pump), False
        plant.keeps_trail = True
        self._conn, theirs = context.Pipe()
        self._seen = context.RawValue("Q", 0)
        self._sent = 0
        self._process = context.Process(target=_run, args=(theirs, self._seen, config), name="window", daemon=True)
        self._process.start()
        theirs.close()
        self.look = self._wait_until_open()

    def _wait_until_open(self) -> str:
        try:
            if not self._conn.poll(START_TIMEOUT_S):
                raise UserError(f"the window did not open within {START_TIMEOUT_S:.0f} s; use --headless with --device gamepad or scripted")
            kind, word = self._conn.recv()
        except (EOFError, OSError) as error:
            raise UserError("the window's process ended before it opened; use --headless with --device gamepad or scripted") from error
        if kind == "failed":
            raise UserError(f"the window cannot be opened ({word}); use --headless with --device gamepad or scripted")
        return str(word)

    def poll(self) -> Sequence[Any]:
        """What the window's keys did since the last tick, and this process's own events (gamepads)."""
        import pygame

        events = list(self._pump.poll())
        try:
            while self._conn.poll():
                events += [pygame.event.Event(kind, **facts) for kind, facts in self._conn.recv()]
        except (EOFError, OSError):
            self._quit = True  # the process is gone: what runs is kept as a partial episode
        self._quit = self._quit or any(_asks_to_quit(event) for event in events)
        return events

    def wants_to_quit(self) -> bool:
        return self._quit

    def show(self, status: Status) -> None:
        if self._quit or self._sent - self._seen.value >= UNSEEN:
            return
        states = np.array(self._plant.trail or [self._plant.sim_state()])
        self._plant.trail = []
        with contextlib.suppress(OSError):
            self._conn.send(Frame(status, states, time.perf_counter(), self._plant.own_picture()))
            self._sent += 1

    def save(self, path: str) -> None:
        """The window's pixels as a PNG file, as last drawn."""
        self._conn.send(path)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._conn.send(None)
        self._process.join(5.0)
        if self._process.is_alive():
            self._process.terminate()
        self._conn.close()


def _asks_to_quit(event: Any) -> bool:
    """The window's close button, or Esc, which works beside a gamepad too."""
    import pygame

    return bool(event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE))


def state_due(count: int, age_s: float, control_hz: float, *, is_last: bool = True) -> int:
    """Which of `count` states on the way through one control period is to be seen at `age_s` after it began.

    The end is kept for the last picture before the next tick: shown earlier it would leave that one with nothing new.
    """
    return max(0, min(count - (1 if is_last else 2), int(age_s * control_hz * count)))


# -- in the window's process -------------------------------------------------------------------------------------------


def _run(conn: Connection, seen: Any, config: WindowConfig) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loop's business
    yield_to_control(10)
    import pygame

    try:
        start_pygame(display=True, joysticks=False)
        easel = _Easel(config, seen)
        conn.send(("open", easel.look))
    except (pygame.error, UserError) as error:
        conn.send(("failed", str(error)))
        return
    with contextlib.suppress(EOFError, OSError):
        while easel.turn(conn):
            pass
    pygame.display.quit()


@dataclass
class _Pace:
    """When to draw: at once when the loop has ticked, then every 1/60 s while states on the way are due."""

    next_s: float = 0.0
    drawn_s: list[float] = field(default_factory=list)

    def note(self, start_s: float) -> None:
        self.next_s = start_s + 1.0 / REDRAW_HZ - SLACK_S
        self.drawn_s = [t for t in self.drawn_s if t > start_s - 1.0] + [start_s]


class _Easel:
    """The window, the twin of the arm that stands in it, and what was last heard from the loop."""

    def __init__(self, config: WindowConfig, seen: Any) -> None:
        import pygame

        from teleop.envs import make_plant
        from teleop.painter import Painter
        from teleop.sounds import Sounds

        self._pygame, self._seen = pygame, seen
        surface = pygame.display.set_mode(config.size_px)
        pygame.display.set_caption(config.title)
        env, self._plant = make_plant(config.env_id, {k: v for k, v in config.env_kwargs.items() if k != "cameras"})
        env.reset(seed=0)
        self._painter = (config.painter or Painter)(surface, self._plant, keyboard=config.keyboard)
        self._sounds = Sounds(config.sound)
        if config.look == "auto":
            self._painter.take_best_look(0.75 / REDRAW_HZ)
        else:
            self._painter.look = LOOKS[config.look]
        self._pace, self._drawn, self._draw_s = _Pace(), (-1, -1), 0.0
        self._frame: Frame | None = None

    @property
    def look(self) -> str:
        return next((name for name, look in LOOKS.items() if look == self._painter.look), "hulls")

    def turn(self, conn: Connection) -> bool:
        """Hear what is new, draw when it is time, send what the keys did; False when the loop is done."""
        wait_s = self._pace.next_s - time.perf_counter() if self._unfinished() else 0.05
        if conn.poll(max(0.0, wait_s)):
            while conn.poll():
                message = conn.recv()
                if message is None:
                    return False
                self._hear(message)
        events = [_as_plain(event) for event in self._pygame.event.get() if event.type in _sent_kinds()]
        if events:
            conn.send(events)
        if self._unfinished() and time.perf_counter() >= self._pace.next_s:
            self._draw()
        return True

    def _hear(self, message: Frame | str) -> None:
        if isinstance(message, str):
            self._painter.save(message)
            return
        if self._frame is not None:
            self._sounds.play(self._frame.status, message.status, self._painter.edges)
        self._frame = message
        self._seen.value += 1
        self._pace.next_s = 0.0

    def _index(self) -> int:
        assert self._frame is not None
        age_s, picture_s = time.perf_counter() - self._frame.began_s, 1.0 / REDRAW_HZ
        is_last = age_s + max(picture_s, self._draw_s) > 1.0 / self._plant.control_hz
        middle_s = age_s + self._draw_s + 0.5 * picture_s  # of the time a picture begun now is on the screen
        return state_due(len(self._frame.states), middle_s, self._plant.control_hz, is_last=is_last)

    def _unfinished(self) -> bool:
        return self._frame is not None and self._drawn != (self._seen.value, len(self._frame.states) - 1)

    def _draw(self) -> None:
        assert self._frame is not None
        start_s, index = time.perf_counter(), self._index()
        self._pace.note(start_s)
        self._plant.set_scene(self._frame.status.scene_seed)
        self._plant.stand_as(self._frame.states[index])
        self._painter.paint(replace(self._frame.status, redraw_hz=float(len(self._pace.drawn_s))), self._frame.picture)
        self._pygame.display.flip()
        self._drawn = (self._seen.value, index)
        self._draw_s += 0.2 * (time.perf_counter() - start_s - self._draw_s)


def _sent_kinds() -> tuple[int, ...]:
    import pygame

    return (pygame.KEYDOWN, pygame.KEYUP, pygame.QUIT, pygame.WINDOWFOCUSLOST)


def _as_plain(event: Any) -> tuple[int, dict[str, int]]:
    return event.type, {"key": event.key} if hasattr(event, "key") else {}
