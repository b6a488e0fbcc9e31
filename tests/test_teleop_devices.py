"""Devices: the gamepad through SDL itself, the keyboard through pygame's events, and which of them is taken."""

import numpy as np
import pygame
import pytest
from pygame._sdl2 import controller as sdl_controller
from virtual_gamepad import VirtualGamepad

from data.errors import UserError
from data.schema import Phase, Source
from teleop.bindings import BINDINGS, PILOT_HELP, STICK_HELP
from teleop.devices import choose_device, has_display
from teleop.devices.device import View
from teleop.devices.events import drain_events
from teleop.devices.gamepad import Gamepad, gamepads
from teleop.devices.keyboard import AXIS_KEYS, BUTTON_KEYS, RAMP_POLLS, RAMP_START, Keyboard
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.mapping import Drive, MappingConfig, stick_to_action
from teleop.stick import BUTTONS, Axis, Button
from teleop.window import start_pygame

STICKS = (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y)
FINEST = 1.0 / 32767  # one count of SDL's int16


# -- which device ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "pads", "display", "taken", "why"),
    [
        ("auto", 1, True, "gamepad", "device: gamepad (found one)"),
        ("auto", 2, False, "gamepad", "device: gamepad (found one)"),
        ("auto", 0, True, "keyboard", "device: keyboard (no gamepad found)"),
        ("auto", 0, False, "scripted", "device: scripted operator (no gamepad found, no display)"),
        ("raw-gamepad", 1, True, "raw-gamepad", "device: raw-gamepad (as asked)"),
        ("gamepad", 1, False, "gamepad", "device: gamepad (as asked)"),
        ("keyboard", 1, True, "keyboard", "device: keyboard (as asked)"),
        ("scripted", 1, True, "scripted", "device: scripted (as asked)"),
    ],
)
def test_the_device_taken_and_why(wish, pads, display, taken, why):
    assert choose_device(wish, pads=pads, raw_pads=int(wish == "raw-gamepad"), display=display) == (taken, why)


def test_without_a_display_a_raw_pad_is_better_than_nobody():
    assert choose_device("auto", pads=0, raw_pads=1, display=False) == ("raw-gamepad", "device: raw gamepad (no gamepad found, no display)")
    assert choose_device("auto", pads=0, raw_pads=1, display=True)[0] == "keyboard"


def test_a_raw_gamepad_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"no raw gamepad is found .* use --device gamepad or keyboard"):
        choose_device("raw-gamepad", pads=1, raw_pads=0, display=True)


def test_a_joystick_that_sdl_has_no_mapping_for_is_told():
    note = r'no gamepad is connected that SDL has a mapping for \(seen: "Stick": use --device raw-gamepad or --mappings FILE\); plug one in'
    with pytest.raises(UserError, match=note):
        choose_device("gamepad", pads=0, display=True, unmapped=["Stick"])
    assert '(seen: "Stick"' in choose_device("auto", pads=0, display=True, unmapped=["Stick"])[1]


def test_a_keyboard_without_a_window_is_refused():
    with pytest.raises(UserError, match=r"the keyboard needs a window .* use --device gamepad or scripted"):
        choose_device("keyboard", pads=1, display=False)


def test_a_gamepad_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="no gamepad is connected; plug one in, or use --device keyboard or --device scripted"):
        choose_device("gamepad", pads=0, display=True)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "w"}, True), ({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}, False)],
)
def test_on_linux_a_display_is_what_the_environment_says(monkeypatch, variables, expected):
    monkeypatch.setattr("teleop.devices.platform.system", lambda: "Linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_display() is expected


# -- the gamepad -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pygame_running(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    start_pygame(display=False)
    pygame.event.clear()


@pytest.fixture
def hand(pygame_running):
    """A pad that SDL believes in."""
    virtual = VirtualGamepad()
    yield virtual
    virtual.unplug()
    pygame.event.clear()


@pytest.fixture
def other(hand):
    """A second pad."""
    virtual = VirtualGamepad()
    yield virtual
    virtual.unplug()


@pytest.fixture
def pad(hand):
    device = Gamepad()
    poll(device)
    yield device
    device.close()


def poll(device):
    return device.poll(drain_events(), View())


def test_the_pad_is_found_and_named(hand):
    assert len(gamepads()) == 1
    device = Gamepad()
    assert device.name == f"gamepad: {gamepads()[0]}"
    assert device.source is Source.HUMAN
    device.close()


def test_a_pad_at_rest_is_at_rest(pad):
    stick = poll(pad)
    assert not stick.to_array().any()
    assert stick.connected


@pytest.mark.parametrize("value", [-1.0, -0.5, 0.25, 1.0])
@pytest.mark.parametrize("axis", STICKS)
def test_every_stick_axis_arrives_with_its_sign(hand, pad, axis, value):
    hand.move(axis, value)
    stick = poll(pad)
    assert stick.axis(axis) == pytest.approx(value, abs=FINEST)
    assert [a for a in Axis if stick.axis(a)] == [axis]


@pytest.mark.parametrize("value", [0.5, 1.0])
@pytest.mark.parametrize("axis", [Axis.LT, Axis.RT])
def test_every_trigger_goes_from_zero_to_one(hand, pad, axis, value):
    assert poll(pad).axis(axis) == 0.0
    hand.move(axis, value)
    stick = poll(pad)
    assert stick.axis(axis) == pytest.approx(value, abs=2 * FINEST)
    assert [a for a in Axis if stick.axis(a)] == [axis]


def test_the_lowest_count_of_an_int16_stays_within_the_stop(hand, pad):
    hand._sdl.SDL_JoystickSetVirtualAxis(hand._handle, 0, -32768)
    assert poll(pad).axis(Axis.LEFT_X) == -1.0


@pytest.mark.parametrize("button", BUTTONS)
def test_every_button_is_pressed_once_and_held_until_released(hand, pad, button):
    hand.press(button)
    down = poll(pad)
    assert (down.pressed, down.held) == ({button}, {button})
    still = poll(pad)
    assert (still.pressed, still.held) == (frozenset(), {button})
    hand.release(button)
    up = poll(pad)
    assert (up.pressed, up.held) == (frozenset(), frozenset())


def test_a_tap_shorter_than_a_poll_is_not_lost(hand, pad):
    hand.press(Button.START)
    pygame.event.pump()  # SDL sees it go down …
    hand.release(Button.START)
    pygame.event.pump()  # … and up again before the loop looks
    stick = poll(pad)
    assert stick.pressed == {Button.START}
    assert stick.held == frozenset()
    assert poll(pad).pressed == frozenset()


def test_two_buttons_at_once_both_arrive(hand, pad):
    hand.press(Button.LB)
    hand.press(Button.A)
    assert poll(pad).pressed == {Button.LB, Button.A}


def test_unplugged_the_stick_is_neutral_and_says_so(hand, pad):
    hand.move(Axis.LEFT_X, 1.0)
    hand.press(Button.RB)
    assert poll(pad).connected
    hand.unplug()
    stick = poll(pad)
    assert not stick.connected
    assert not stick.to_array().any()
    assert not poll(pad).connected


def test_plugged_in_again_it_works_again(hand, pad):
    for _ in range(3):
        hand.unplug()
        assert not poll(pad).connected
        hand.attach()
        assert poll(pad).connected
        hand.move(Axis.LEFT_Y, -0.5)
        hand.press(Button.L3)
        stick = poll(pad)
        assert stick.axis(Axis.LEFT_Y) == pytest.approx(-0.5, abs=FINEST)
        assert stick.pressed == {Button.L3}


def test_unplugged_and_plugged_in_between_two_polls_is_noticed_and_works(hand, pad):
    hand.unplug()
    hand.attach()
    assert not poll(pad).connected, "the loop must pause: the hand may have let go"
    assert poll(pad).connected
    hand.press(Button.Y)
    assert poll(pad).pressed == {Button.Y}


def test_a_second_pad_is_left_alone(pad, other):
    opened = sdl_controller.Controller(1)  # so that its events are in the queue as well
    poll(pad)
    other.press(Button.B)
    other.move(Axis.LEFT_X, 1.0)
    stick = poll(pad)
    opened.quit()
    assert not stick.pressed
    assert not stick.axes.any()
    other.unplug()
    assert poll(pad).connected


def test_when_the_pad_in_use_is_unplugged_another_one_that_is_there_takes_over(hand, pad, other):
    poll(pad)
    hand.unplug()
    assert not poll(pad).connected
    assert poll(pad).connected
    other.press(Button.START)
    assert poll(pad).pressed == {Button.START}


def test_without_a_pad_the_gamepad_is_refused(pygame_running):
    with pytest.raises(UserError, match="no gamepad is connected"):
        Gamepad()


# -- the keyboard ------------------------------------------------------------------------------------------------------


def down(*keys):
    return [pygame.event.Event(pygame.KEYDOWN, key=key) for key in keys]


def up(*keys):
    return [pygame.event.Event(pygame.KEYUP, key=key) for key in keys]


def press(keyboard, *events):
    return keyboard.poll([e for part in events for e in part], View())


def test_every_gamepad_button_and_axis_has_a_key():
    assert sorted(BUTTON_KEYS.values()) == sorted(BUTTONS)
    sides = {(axis, sign) for axis, sign in AXIS_KEYS.values()}
    assert sides == {(a, s) for a in STICKS for s in (-1.0, 1.0)} | {(Axis.LT, 1.0), (Axis.RT, 1.0)}


def test_no_key_means_two_things():
    assert not set(AXIS_KEYS) & set(BUTTON_KEYS)


def test_the_key_map_shown_is_the_key_map_used():
    names = {"Enter": "return", "Esc": "escape", "Tab": "tab", "Shift": "left shift"}
    for binding in BINDINGS:
        key = pygame.key.key_code(names.get(binding.key, binding.key.lower()))
        assert BUTTON_KEYS[key] is binding.button
    used = {
        k
        for _, keys, _ in (*STICK_HELP, *PILOT_HELP)
        for k in keys.replace("+", " ").split()
        if k not in ("any", "stick", "key", "(hold)", "(tap)")
    }
    codes = {pygame.key.key_code(names.get(k, k.lower())) for k in used}
    assert codes <= set(AXIS_KEYS) | set(BUTTON_KEYS)


@pytest.mark.parametrize("key", AXIS_KEYS)
def test_every_stick_key_deflects_its_axis(key):
    axis, sign = AXIS_KEYS[key]
    stick = press(Keyboard(), down(key))
    assert np.sign(stick.axis(axis)) == sign
    assert [a for a in Axis if stick.axis(a)] == [axis]


@pytest.mark.parametrize("key", BUTTON_KEYS)
def test_every_button_key_is_pressed_once_and_held_until_released(key):
    keyboard, button = Keyboard(), BUTTON_KEYS[key]
    first, still, released = press(keyboard, down(key)), press(keyboard), press(keyboard, up(key))
    assert (first.pressed, first.held) == ({button}, {button})
    assert (still.pressed, still.held) == (frozenset(), {button})
    assert (released.pressed, released.held) == (frozenset(), frozenset())


def test_a_stick_key_starts_gently_and_reaches_the_stop_in_eight_polls():
    keyboard = Keyboard()
    values = [press(keyboard, down(pygame.K_d)).axis(Axis.LEFT_X)]
    values += [press(keyboard).axis(Axis.LEFT_X) for _ in range(RAMP_POLLS + 2)]
    assert values[0] == pytest.approx(RAMP_START)
    assert np.all(np.diff(values[: RAMP_POLLS + 1]) > 0)
    assert values[RAMP_POLLS:] == [1.0] * 3


def test_a_key_pressed_again_starts_gently_again():
    keyboard = Keyboard()
    press(keyboard, down(pygame.K_d))
    for _ in range(RAMP_POLLS):
        press(keyboard)
    press(keyboard, up(pygame.K_d))
    assert press(keyboard, down(pygame.K_d)).axis(Axis.LEFT_X) == pytest.approx(RAMP_START)


def test_the_gripper_s_key_is_all_or_nothing():
    keyboard = Keyboard()
    assert press(keyboard, down(pygame.K_SPACE)).axis(Axis.RT) == 1.0
    press(keyboard, up(pygame.K_SPACE))
    assert press(keyboard).axis(Axis.RT) == 0.0


def test_a_released_stick_key_springs_back():
    keyboard = Keyboard()
    press(keyboard, down(pygame.K_w))
    press(keyboard, up(pygame.K_w))
    assert not press(keyboard).axes.any()


def test_opposite_keys_cancel():
    assert press(Keyboard(), down(pygame.K_a, pygame.K_d)).axis(Axis.LEFT_X) == 0.0


def test_keys_add_up_to_a_diagonal():
    stick = press(Keyboard(), down(pygame.K_w, pygame.K_d))
    assert stick.axis(Axis.LEFT_X) == -stick.axis(Axis.LEFT_Y) == pytest.approx(RAMP_START)


def test_a_key_tapped_within_one_poll_is_not_lost():
    keyboard = Keyboard()
    stick = press(keyboard, down(pygame.K_RETURN, pygame.K_d), up(pygame.K_RETURN, pygame.K_d))
    assert stick.pressed == {Button.START}
    assert stick.held == frozenset()
    assert stick.axis(Axis.LEFT_X) > 0
    assert not press(keyboard).to_array().any()


def test_when_the_window_loses_its_focus_every_key_is_let_go():
    keyboard = Keyboard()
    press(keyboard, down(pygame.K_d, pygame.K_TAB))
    press(keyboard, [pygame.event.Event(pygame.WINDOWFOCUSLOST)])
    assert not press(keyboard).to_array().any()


def test_other_keys_do_nothing():
    assert not press(Keyboard(), down(pygame.K_q, pygame.K_F5)).to_array().any()


def test_posted_events_come_through_pygame_s_queue(pygame_running):
    pygame.event.clear()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_TAB))
    assert Keyboard().poll(pygame.event.get(), View()).held == {Button.RB}


# -- the scripted operator ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading_deg", [0.0, 90.0, 180.0, -35.0])
def test_the_scripted_operator_drives_right_whatever_forward_means(heading_deg):
    """The same hand under another heading moves the stick in another direction and the gripper in the same one."""
    actions = []
    for heading in (180.0, heading_deg):
        env, arm = make_plant("PandaReach-v0", {})
        env.reset(seed=3)
        mapping = MappingConfig()
        operator = ScriptedOperator(arm, mapping, OperatorConfig(skill=2.0), seed=0)
        sticks = [operator.poll((), View(phase=Phase.HUMAN, heading_deg=heading)) for _ in range(30)]
        actions.append(stick_to_action(sticks[-1], mapping, Drive(heading_deg=heading)))
        env.close()
    direction, usual = actions[1][:2], actions[0][:2]
    assert np.linalg.norm(usual) > 0.1
    assert direction @ usual / np.linalg.norm(direction) / np.linalg.norm(usual) > 0.97
