"""Sounds: short tones for what happens, chosen by comparing two statuses. Off unless asked for."""

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.schema import Phase
from teleop.screen import Status

Edges = tuple[str, ...]
RATE_HZ, FADE_S, VOLUME = 22050, 0.015, 0.25


class Tone(StrEnum):
    """What can be heard."""

    START = "start"
    SUCCESS = "success"
    ASK = "ask"
    LIMIT = "limit"
    LATE = "late"


# The pitches of each tone in Hz, one after the other, and how long each lasts in seconds.
NOTES: dict[Tone, tuple[tuple[float, ...], float]] = {
    Tone.START: ((660.0,), 0.12),
    Tone.SUCCESS: ((523.0, 659.0, 784.0), 0.10),
    Tone.ASK: ((880.0, 660.0), 0.12),
    Tone.LIMIT: ((196.0,), 0.10),
    Tone.LATE: ((147.0,), 0.06),
}


def cues(before: Status, after: Status, edges_before: Edges = (), edges_after: Edges = ()) -> tuple[Tone, ...]:
    """What is new in `after`; the edges are the sides of the workspace at which the gripper is."""
    driving = after.phase in (Phase.HUMAN, Phase.POLICY)
    heard = {
        Tone.START: before.phase is Phase.READY and driving,
        Tone.SUCCESS: after.success and not before.success,
        Tone.ASK: after.phase is Phase.ASKING and before.phase is not Phase.ASKING,
        Tone.LIMIT: driving and bool(set(edges_after) - set(edges_before)),
        Tone.LATE: after.late_ticks > before.late_ticks,
    }
    return tuple(tone for tone, new in heard.items() if new)


def waveform(tone: Tone) -> NDArray[np.int16]:
    """(samples,) at 22050 Hz, faded in and out so that nothing clicks."""
    pitches, seconds = NOTES[tone]
    t = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    fade = np.clip(np.minimum(t, seconds - t) / FADE_S, 0.0, 1.0)
    wave = np.concatenate([np.sin(2 * np.pi * pitch * t) * fade for pitch in pitches])
    return (VOLUME * 32767 * wave).astype(np.int16)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """The audio library itself writes to standard error what it does not find."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class Sounds:
    """Owns the audio device; silent when not enabled or where there is none."""

    def __init__(self, enabled: bool) -> None:
        self._tones: dict[Tone, Any] = {}
        self._edges: Edges = ()
        if not enabled:
            return
        import pygame

        try:
            with _hushed():
                pygame.mixer.init(RATE_HZ, -16, 1, allowedchanges=0)
        except pygame.error:
            return  # no audio device; a recorder is not worth less for it
        self._tones = {tone: pygame.mixer.Sound(buffer=waveform(tone).tobytes()) for tone in Tone}

    @property
    def audible(self) -> bool:
        return bool(self._tones)

    def play(self, before: Status, after: Status, edges: Edges = ()) -> tuple[Tone, ...]:
        """Play what is new in `after`; gives what was played."""
        edges_before, self._edges = self._edges, edges
        if not self._tones:
            return ()
        played = cues(before, after, edges_before, edges)
        for tone in played:
            self._tones[tone].play()
        return played
