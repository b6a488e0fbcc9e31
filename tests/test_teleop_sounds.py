"""Sounds: what is heard follows from two statuses; off unless asked for, silent where there is no audio device."""

import numpy as np
import pygame
import pytest
from test_teleop_hud import status

from data.schema import Phase
from teleop.sounds import NOTES, RATE_HZ, Sounds, Tone, cues, waveform


@pytest.fixture
def dummy_audio(monkeypatch):
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    yield
    pygame.mixer.quit()


def test_nothing_new_is_not_heard():
    for phase in Phase:
        assert cues(status(phase, success=True), status(phase, success=True)) == ()


def test_each_event_has_its_tone():
    ready, driving = status(Phase.READY, late_ticks=0), status(Phase.HUMAN, late_ticks=0)
    assert cues(ready, driving) == (Tone.START,)
    assert cues(driving, status(Phase.HUMAN, late_ticks=0, success=True)) == (Tone.SUCCESS,)
    assert cues(status(Phase.POLICY), status(Phase.ASKING)) == (Tone.ASK,)
    assert cues(driving, status(Phase.HUMAN, late_ticks=1)) == (Tone.LATE,)
    assert cues(driving, driving, (), ("x+",)) == (Tone.LIMIT,)
    assert cues(driving, driving, ("x+",), ("x+",)) == ()
    assert cues(ready, ready, (), ("x+",)) == ()


def test_going_on_after_a_pause_is_no_start():
    assert cues(status(Phase.PAUSED), status(Phase.HUMAN)) == ()


def test_two_things_at_once_are_both_heard():
    assert set(cues(status(late_ticks=0), status(late_ticks=1, success=True))) == {Tone.SUCCESS, Tone.LATE}


@pytest.mark.parametrize("tone", Tone)
def test_a_tone_is_short_quiet_and_does_not_click(tone):
    wave = waveform(tone)
    assert wave.dtype == np.int16
    assert 0.03 * RATE_HZ < len(wave) < 0.5 * RATE_HZ
    assert 4000 < np.abs(wave).max() < 0.3 * 32767
    assert abs(int(wave[0])) < 100
    assert abs(int(wave[-1])) < 500
    assert set(NOTES) == set(Tone)


def test_sounds_are_off_unless_asked_for(dummy_audio):
    sounds = Sounds(enabled=False)
    assert not sounds.audible
    assert not pygame.mixer.get_init()
    assert sounds.play(status(Phase.READY), status(Phase.HUMAN)) == ()


def test_what_is_new_is_played(dummy_audio):
    sounds = Sounds(enabled=True)
    assert sounds.audible
    assert sounds.play(status(Phase.READY), status(Phase.HUMAN)) == (Tone.START,)
    assert pygame.mixer.get_busy()
    assert sounds.play(status(), status(), ("y-",)) == (Tone.LIMIT,)
    assert sounds.play(status(), status(), ("y-",)) == ()


def test_without_an_audio_device_all_is_silent(monkeypatch):
    monkeypatch.setenv("SDL_AUDIODRIVER", "no such driver")
    pygame.mixer.quit()
    sounds = Sounds(enabled=True)
    assert not sounds.audible
    assert sounds.play(status(Phase.READY), status(Phase.HUMAN)) == ()
