"""Screen: what the loop shows, and to whom. The window is one; headless is the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.schema import Outcome, Phase
from teleop.bindings import Cue
from teleop.ghost_lines import GhostLine
from teleop.mapping import ControlMode, Directions
from teleop.pilot import Way
from teleop.stick import Button, Stick


@dataclass(frozen=True)
class Kept:
    """One kept episode as the strip shows it; `end_state` (S,) is its last simulator state, for the thumbnail."""

    number: int
    outcome: Outcome
    mode: str
    end_state: NDArray[np.float64]
    seed: int = 0


@dataclass(frozen=True)
class Fact:
    """A line of a panel; `fraction` in [0, 1] is shown as a bar too, `mark` as the place on it that is aimed at."""

    label: str
    value: str
    fraction: float | None = None
    mark: float | None = None


@dataclass(frozen=True)
class Orbit:
    """How far the operator has turned the view: degrees about the vertical and up, and a factor of the distance."""

    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True)
class Status:
    """Everything the window shows besides the arm itself. Plain data: it travels to the window's process.

    `ways` are those the policy sees where it asks, its own first, `chosen` the one that A accepts, `ghosts` where they lead;
    `labels_left` of the budget; `handed_over`: the person drives until the policy takes the wheel back; `queue` is
    (which stored state is shown, of how many) at the desk; `learning` says how
    the policy's learning goes, `invitation` what the next episode is for, `rescues` that the person begins it at the wheel;
    `waiting` is the word for what goes on while nothing is driven (empty: something is);
    `rewind` is (step shown, steps recorded) while scrubbing; `hold` and `hold_wished` are ticks of held success (wished
    0: no auto-stop); `remaining_s` is what the episode may still last, `countdown_s` what is left before it starts;
    `mode_counts` are the successes per behaviour mode in the whole session, `plan` the wished ones; `kept` is the strip,
    oldest first; `hands_words` and `stick_help` say what the sticks do, `dead_cues` which buttons mean nothing here;
    `scene_seed` is the seed of the reset; `target` and `all_successes` count the whole session; `lateness_ms` is the last
    tick's, `worst_ms` the episode's.
    """

    phase: Phase
    device: str
    env_id: str
    mode: str = ""
    episodes: int = 0
    wished: int | None = None
    successes: int = 0
    steps: int = 0
    elapsed_s: float = 0.0
    late_ticks: int = 0
    success: bool = False
    stick: Stick = field(default_factory=Stick)
    camera: int = 0
    message: str = ""
    ways: tuple[Way, ...] = ()
    chosen: int = 0
    ghosts: tuple[GhostLine, ...] = ()
    score: float = float("nan")
    labels: int = 0
    label_budget: int = 0
    labels_left: int = 0
    handed_over: bool = False
    queue: tuple[int, int] | None = None
    learning: tuple[Fact, ...] = ()
    invitation: str = ""
    rescues: bool = False
    waiting: str = ""
    control_mode: ControlMode = ControlMode.SIX
    directions: Directions = Directions.CAMERA
    precise: bool = False
    profile: str = "xbox"
    orbit: Orbit = Orbit()
    rewind: tuple[int, int] | None = None
    hold: int = 0
    hold_wished: int = 0
    remaining_s: float = float("inf")
    countdown_s: float = 0.0
    lateness_ms: float = 0.0
    worst_ms: float = 0.0
    redraw_hz: float = 0.0
    mode_names: Mapping[Button, str] = field(default_factory=dict)
    mode_counts: Mapping[str, int] = field(default_factory=dict)
    plan: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    target: int | None = None
    all_successes: int = 0
    control_hz: float = 20.0
    hands_words: tuple[str, str] = ("", "")
    stick_help: tuple[tuple[str, str, str], ...] = ()
    dead_cues: frozenset[Cue] = frozenset()
    scene_seed: int = 0


class Screen(Protocol):
    """The window, or its absence. `poll` drains the events once a tick; `show` draws what `Status` says; `is_seen`: by somebody."""

    is_seen: bool

    def poll(self) -> Sequence[Any]: ...

    def wants_to_quit(self) -> bool: ...

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...


class Unwatched:
    """A screen to which nothing is shown for a while; quitting there still counts."""

    is_seen = False

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def poll(self) -> Sequence[Any]:
        return self._screen.poll()

    def wants_to_quit(self) -> bool:
        return self._screen.wants_to_quit()

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...


class Headless:
    """No window. With `pump`, SDL's events are drained all the same, so that a gamepad works without a display."""

    is_seen = False

    def __init__(self, pump: bool) -> None:
        self._pump = pump

    def poll(self) -> Sequence[Any]:
        if not self._pump:
            return ()
        from teleop.devices.events import drain_events

        return drain_events()

    def wants_to_quit(self) -> bool:
        return False

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...
