"""Screen: what the loop shows, and to whom. The window is one; headless is the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from data.schema import Phase
from teleop.pilot import Action
from teleop.stick import Stick


@dataclass(frozen=True)
class Status:
    """Everything the HUD shows."""

    phase: Phase
    device: str
    env_id: str
    mode: str
    episodes: int
    wished: int | None
    successes: int
    steps: int
    elapsed_s: float
    late_ticks: int
    success: bool
    stick: Stick
    camera: int
    message: str
    proposal: Action | None = None
    score: float = float("nan")
    labels: int = 0
    label_budget: int = 0


class Screen(Protocol):
    """The window, or its absence. `poll` drains the events once a tick; `show` draws what `Status` says."""

    def poll(self) -> Sequence[Any]: ...

    def wants_to_quit(self) -> bool: ...

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...


class Headless:
    """No window. With `pump`, SDL's events are drained all the same, so that a gamepad works without a display."""

    def __init__(self, pump: bool) -> None:
        self._pump = pump

    def poll(self) -> Sequence[Any]:
        if not self._pump:
            return ()
        import pygame

        return pygame.event.get()

    def wants_to_quit(self) -> bool:
        return False

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...
