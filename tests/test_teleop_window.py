"""The window's process, with SDL's dummy video: what it draws, when it draws, and that it never holds up the loop."""

import os
import time

import numpy as np
import pygame
import pytest
from test_teleop_support import LIFT, REST, loop_of, push, tap
from test_teleop_support import TableDevice as Table

from data.errors import UserError
from teleop.devices.device import View
from teleop.devices.keyboard import Keyboard
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.painter import Painter
from teleop.stick import Axis, Button
from teleop.window import Window, WindowConfig, state_due

PATIENCE_S = 30.0


class Sleepy(Painter):
    def paint(self, status, picture=None):
        time.sleep(1.0)


class Typing(Painter):
    """Presses W at the first picture, and lets it go at the fifth."""

    painted = 0

    def paint(self, status, picture=None):
        self.painted += 1
        if self.painted in (1, 5):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN if self.painted == 1 else pygame.KEYUP, key=pygame.K_w))


class Deaf:
    """A window whose keys the loop does not read."""

    def __init__(self, window):
        self.show = window.show

    def poll(self):
        return ()

    def wants_to_quit(self):
        return False


class Tap:
    """A pipe with an ear."""

    def __init__(self, pipe, heard):
        self.poll, self.recv, self.close, self._send, self._heard = pipe.poll, pipe.recv, pipe.close, pipe.send, heard

    def send(self, frame):
        self._heard.append(frame)
        self._send(frame)


class Closing(Painter):
    def paint(self, status, picture=None):
        pygame.event.post(pygame.event.Event(pygame.QUIT))


class Escaping(Painter):
    def paint(self, status, picture=None):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))


class Dying(Painter):
    def paint(self, status, picture=None):
        os._exit(3)


@pytest.fixture(autouse=True)
def dummy_video(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture(scope="module")
def env():
    env, _ = make_plant(LIFT, {"max_episode_steps": -1})
    yield env
    env.close()


@pytest.fixture
def open_window(env):
    windows = []

    def open_it(painter=None):
        windows.append(Window(env.unwrapped, WindowConfig(LIFT, {}, "a test", keyboard=True, look="hulls", painter=painter)))
        return windows[-1]

    yield open_it
    for window in windows:
        window.close()


@pytest.fixture
def drive(env, tmp_path):
    """The loop over a window and a table of sticks, one tick at a time so that a test decides how fast."""

    def sit(window, rows):
        loop, session, _ = loop_of(tmp_path / "session", env, env.unwrapped, Table(rows), LoopConfig(hold_ticks=0), env_id=LIFT)
        loop.screen = window
        return loop, session

    return sit


def wait_until(condition, what):
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, f"waited in vain for {what}"
        time.sleep(0.01)


def drawn(window):
    """Until the window has seen all that was sent."""
    wait_until(lambda: window._seen.value == window._sent, "the window to draw")


def test_it_draws_what_a_painter_in_this_process_would_draw(env, open_window, drive, tmp_path):
    window = open_window()
    loop, _ = drive(window, [tap(Button.START), *[push(left_x=0.8, right_y=0.5)] * 8])
    for _ in range(9):
        loop.tick()
        drawn(window)
    status = loop.status
    time.sleep(0.2)  # the last of the states on the way
    window.save(str(tmp_path / "there.png"))
    wait_until(lambda: (tmp_path / "there.png").exists() and (tmp_path / "there.png").stat().st_size > 10_000, "the picture")
    time.sleep(0.2)
    there = pygame.surfarray.array3d(pygame.image.load(tmp_path / "there.png")).astype(int)
    surface = pygame.Surface((960, 720))
    Painter(surface, env.unwrapped, keyboard=True).paint(status)
    here = pygame.surfarray.array3d(surface).astype(int)
    differs = np.abs(here - there).max(axis=2) > 8
    assert differs[:, 52:].mean() < 0.002, "all but the redraw rate in the top bar is the same"


@pytest.mark.parametrize(("age_s", "due"), [(-1.0, 0), (0.0, 0), (0.004, 0), (0.006, 1), (0.026, 5), (0.049, 9), (0.051, 9), (9.0, 9)])
def test_between_two_ticks_the_states_on_the_way_are_due_one_after_the_other(age_s, due):
    assert state_due(10, age_s, 20.0) == due


@pytest.mark.parametrize(("age_s", "due"), [(0.0, 0), (0.026, 5), (0.044, 8), (0.046, 8), (9.0, 8)])
def test_the_end_is_kept_for_the_last_picture_before_the_next_tick(age_s, due):
    assert state_due(10, age_s, 20.0, is_last=False) == due


def test_a_scene_that_stands_still_has_one_state():
    assert {state_due(1, age_s, 20.0, is_last=last) for age_s in (0.0, 0.03, 1.0) for last in (True, False)} == {0}


def test_what_is_sent_are_the_states_on_the_way_and_the_last_is_the_tick_s(env, open_window, drive, monkeypatch):
    sent = []
    window = open_window()
    monkeypatch.setattr(window, "_conn", Tap(window._conn, sent))
    loop, _ = drive(window, [tap(Button.START), push(right_y=-1.0), push(right_y=-1.0), tap(Button.L3), REST])
    ends = []
    for _ in range(5):
        loop.tick()
        drawn(window)
        ends.append(env.unwrapped.sim_state())
    assert [len(frame.states) for frame in sent] == [10, 10, 10, 1, 1]
    for frame, end in zip(sent, ends, strict=True):
        assert frame.states[-1].tobytes() == end.tobytes()
    assert len({state.tobytes() for frame in sent for state in frame.states}) == 30
    rising = [mujoco_height(env, state) for frame in sent[1:3] for state in frame.states]
    assert np.all(np.diff(rising) > -1e-5), "the hand goes up all the way"
    loop.recorder.close()


def mujoco_height(env, state):
    env.unwrapped.stand_as(state)
    return env.unwrapped.tcp_pos_m[2]


def test_a_window_that_draws_too_slowly_holds_up_nobody_and_catches_up(open_window, drive):
    window = open_window(Sleepy)
    loop, session = drive(window, [tap(Button.START), *[push(left_x=0.5)] * 100, tap(Button.Y)])
    start_s = time.monotonic()
    for _ in range(102):
        loop.tick()
    assert time.monotonic() - start_s < 30.0, "102 pictures of a second each were not waited for"
    assert len(session.read(0)) == 101
    drawn(window)


def test_keys_typed_in_the_window_move_the_stick(open_window, drive):
    window = open_window(Typing)
    keyboard, seen = Keyboard(), []
    loop, _ = drive(window, [REST] * 400)

    def up():
        loop.tick()
        drawn(window)
        stick = keyboard.poll(window.poll(), View())
        seen.append(stick.axis(Axis.LEFT_Y))
        return len(seen) > 3 and min(seen) < 0 and seen[-1] == 0

    loop.screen = Deaf(window)
    wait_until(up, "the key to be pressed and let go")
    assert seen[0] == 0.0


@pytest.mark.parametrize("painter", [Closing, Escaping])
def test_the_close_button_and_esc_ask_to_quit_whatever_moves_the_sticks(open_window, drive, painter):
    window = open_window(painter)
    loop, _ = drive(window, [REST] * 400)
    loop.tick()
    wait_until(lambda: window.poll() and window.wants_to_quit(), "the wish to quit")


def test_a_window_that_dies_ends_the_run_and_keeps_what_was_driven(open_window, drive):
    window = open_window(Dying)
    loop, session = drive(window, [tap(Button.START), *[push(left_x=0.5)] * 2000])
    loop.clock.wait = lambda: time.sleep(0.01) or 0.0
    loop.run()
    assert window.wants_to_quit()
    assert [str(meta.outcome) for _, meta in session.metas()] == ["partial"]


def test_a_window_that_cannot_open_is_one_line(env, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(UserError, match=r"the window cannot be opened \(.*\); use --headless with --device gamepad or scripted"):
        Window(env.unwrapped, WindowConfig(LIFT, {}, "a test", keyboard=True))
