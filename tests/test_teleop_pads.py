"""Pads: profiles, two of a kind, hot-plug, rumble and a user's own mappings, all through pygame's own SDL."""

import ctypes
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pygame
import pytest
from virtual_gamepad import DUALSENSE, EIGHTBITDO, SWITCH_PRO, UNMAPPED, XBOX, Kind, VirtualGamepad

from data.errors import UserError
from teleop.devices import sdl
from teleop.devices.device import Device, Pulse, View
from teleop.devices.events import drain_events
from teleop.devices.gamepad import Gamepad, gamepads, mapped_pads, unmapped
from teleop.devices.mappings import load_mappings, mappings_for
from teleop.devices.pads import PadInfo, choose_pad, guid_of, is_same, model_of, with_unique_names
from teleop.devices.profiles import CONTROLS, PROFILES, label, recognise, symbol
from teleop.stick import Axis, Button
from teleop.window import start_pygame

ROOT = Path(__file__).parent.parent
SHAKE = Pulse(0.5, 1.0, 0.2)


@pytest.fixture
def plug(monkeypatch):
    """A function that plugs a pad of some kind in; all are unplugged afterwards."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    start_pygame(display=False)
    pygame.event.clear()
    plugged = []

    def plug_in(kind=XBOX):
        plugged.append(VirtualGamepad(kind))
        return plugged[-1]

    yield plug_in
    for pad in plugged:
        pad.unplug()
    pygame.event.clear()


@pytest.fixture
def use():
    """A function that opens a pad; closed afterwards."""
    opened = []

    def open_pad(wish=""):
        opened.append(Gamepad(wish))
        return opened[-1]

    yield open_pad
    for device in opened:
        device.close()


def poll(device):
    return device.poll(drain_events(), View())


# -- profiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "profile", "lower"),
    [
        (XBOX, "xbox", "A"),
        (DUALSENSE, "playstation", "Cross"),
        (SWITCH_PRO, "switch", "B"),
        (EIGHTBITDO, "8bitdo", "B"),
        (Kind(), "generic", "A"),
    ],
)
def test_a_pad_is_recognised_and_its_lower_button_is_a(plug, use, kind, profile, lower):
    hand = plug(kind)
    device: Device = use()
    assert (device.profile, device.name) == (profile, f"gamepad: {kind.name}")
    hand.press(Button.A)
    assert poll(device).pressed == {Button.A}
    assert label(device.profile, Button.A) == lower


@pytest.mark.parametrize(
    ("name", "vendor", "sdl_type", "profile"),
    [
        ("PLAYSTATION(R)3 Controller", 0, 0, "playstation"),
        ("Wireless Controller", 0x054C, 0, "playstation"),
        ("Wireless Controller", 0, 4, "playstation"),
        ("Microsoft X-Box 360 pad", 0, 0, "xbox"),
        ("Logitech Gamepad F310", 0x046D, 1, "xbox"),
        ("Pro Controller", 0x057E, 0, "switch"),
        ("8BitDo SN30 Pro", 0x045E, 1, "8bitdo"),
        ("8BitDo Ultimate 2C Wireless", 0x2DC8, 1, "xbox"),
        ("USB Gamepad", 0x0810, 0, "generic"),
    ],
)
def test_the_profile_comes_from_the_type_the_vendor_or_the_name(name, vendor, sdl_type, profile):
    assert recognise(name, vendor, sdl_type) == profile


@pytest.mark.parametrize("profile", PROFILES)
def test_every_control_has_a_label_that_no_other_button_has(profile):
    labels = [label(profile, control) for control in CONTROLS]
    assert len(set(labels)) == len(labels)


def test_every_label_can_be_drawn_with_pygame_s_own_font():
    pygame.font.init()
    font = pygame.font.Font(None, 24)
    missing = font.metrics("\uffff")[0]
    for letter in {c for profile in PROFILES.values() for text in profile.labels.values() for c in text}:
        assert font.metrics(letter)[0] != missing, letter
    assert font.metrics("✕")[0] == missing, "so symbols need another font"


def test_a_symbol_is_the_sign_on_the_pad_or_else_the_label():
    assert [symbol("playstation", b) for b in (Button.A, Button.B, Button.X, Button.Y)] == ["✕", "○", "□", "△"]
    assert symbol("playstation", Button.LB) == "L1"
    assert symbol("nobody knows", Axis.RT) == label("generic", Axis.RT) == "RT"


def test_sdl_is_told_to_go_by_place_so_that_a_is_below_on_a_nintendo_pad():
    """In a fresh process, since SDL reads the hint once: its mapping of the Switch Pro's first button, the lower one."""
    words = """
import ctypes, os
os.environ["SDL_VIDEODRIVER"] = "dummy"
from teleop.devices import sdl
sdl.start_joysticks()
sdl.start_controllers()
library = sdl.library()
library.SDL_GameControllerMappingForGUID.restype = ctypes.c_char_p
library.SDL_JoystickGetGUIDFromString.restype = sdl._Guid
print(library.SDL_GameControllerMappingForGUID(library.SDL_JoystickGetGUIDFromString(b"030000007e0500000920000011810000")).decode())
"""
    if sys.platform != "linux":
        pytest.skip("the pad's GUID as it is on Linux")
    told = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ",a:b0,b:b1," in told


# -- which pad ---------------------------------------------------------------------------------------------------------


def test_two_pads_of_a_kind_have_two_names_and_two_lights(plug):
    hands = [plug(XBOX), plug(XBOX)]
    assert gamepads() == ["Xbox Series X Controller", "Xbox Series X Controller #2"]
    assert len({pad.instance for pad in mapped_pads()}) == len({pad.player for pad in mapped_pads()}) == 2
    assert hands[0].player != hands[1].player


@pytest.mark.parametrize("wish", ["2", "Xbox Series X Controller #2", "#2"])
def test_the_wished_one_of_two_is_used_and_the_other_left_alone(plug, use, wish):
    first, second = plug(XBOX), plug(XBOX)
    device = use(wish)
    first.press(Button.B)
    second.press(Button.Y)
    assert poll(device).pressed == {Button.Y}
    device.rumble(SHAKE)
    assert (first.rumbles, len(second.rumbles)) == ([], 1)


def test_a_pad_can_be_wished_by_its_guid_or_a_part_of_its_name(plug, use):
    plug(XBOX), plug(DUALSENSE)
    for wish in (mapped_pads()[1].guid, "dualsense"):
        assert use(wish).name == "gamepad: DualSense Wireless Controller"


def test_the_exact_name_is_enough_though_another_contains_it():
    pads = with_unique_names([PadInfo(i, "Pad", "0" * 32) for i in range(3)])
    assert [pad.name for pad in pads] == ["Pad", "Pad #2", "Pad #3"]
    assert choose_pad(pads, "pad").index == 0


@pytest.mark.parametrize(("wish", "why"), [("Switch", "fits no pad"), ("7", "fits no pad"), ("controller", "fits several pads")])
def test_a_wish_that_does_not_say_which_is_refused_with_the_list(plug, wish, why):
    plug(XBOX), plug(DUALSENSE)
    with pytest.raises(UserError, match=rf'--pad "{wish}" {why}; connected: 1 Xbox .*, 2 DualSense .*; give a number, a name or a GUID'):
        Gamepad(wish)


# -- hot-plug ----------------------------------------------------------------------------------------------------------


def test_a_pad_plugged_in_while_ours_is_away_does_not_take_its_place(plug, use):
    ours, device = plug(XBOX), use()
    poll(device)
    ours.unplug()
    other = plug(DUALSENSE)
    for _ in range(3):
        assert not poll(device).connected
    other.move(Axis.LEFT_X, 1.0)
    assert not poll(device).connected
    ours.attach()
    assert poll(device).connected
    assert device.name == "gamepad: Xbox Series X Controller"
    ours.press(Button.A)
    assert poll(device).pressed == {Button.A}


def test_another_pad_takes_its_place_when_a_button_is_pressed_on_it(plug, use):
    ours, device = plug(XBOX), use()
    poll(device)
    ours.unplug()
    other = plug(DUALSENSE)
    assert not poll(device).connected
    other.press(Button.START)
    assert poll(device).connected
    assert (device.name, device.profile) == ("gamepad: DualSense Wireless Controller", "playstation")


def test_a_wished_pad_is_never_replaced(plug, use):
    ours, device = plug(XBOX), use("xbox")
    ours.unplug()
    other = plug(DUALSENSE)
    other.press(Button.START)
    for _ in range(3):
        assert not poll(device).connected


def test_a_pad_that_comes_and_goes_between_two_polls_takes_no_other_event_with_it(plug, use):
    """pygame's own `event.get` fails and drops all events here."""
    ours, device = plug(XBOX), use()
    poll(device)
    ours.press(Button.Y)
    pygame.event.pump()
    plug(DUALSENSE).unplug()
    ours.release(Button.Y)
    assert poll(device).pressed == {Button.Y}


def test_the_same_pad_is_the_same_serial_number_or_else_the_same_place():
    ours = PadInfo(0, "Pad", guid_of(3, 1, 2, 3), instance=4, path="/dev/input/event4", serial="a")
    at_loss = frozenset({4, 5})
    assert is_same(ours, replace(ours, instance=9, path="/dev/input/event9"), at_loss), "same serial, other port"
    assert not is_same(ours, replace(ours, instance=9, serial="b"), at_loss)
    bare = replace(ours, serial="")
    assert is_same(bare, replace(bare, instance=9, path="/dev/input/event9"), at_loss), "just plugged in"
    assert not is_same(bare, replace(bare, instance=5, path="/dev/input/event5"), at_loss), "its twin, there all along"
    assert not is_same(bare, replace(bare, instance=9, guid=guid_of(3, 1, 9, 3)), at_loss)


# -- rumble ------------------------------------------------------------------------------------------------------------


def test_a_rumble_reaches_both_motors(plug, use):
    hand, device = plug(DUALSENSE), use()
    device.rumble(SHAKE)
    assert hand.rumbles == [(pytest.approx(65535 / 2, abs=1), 65535)]
    assert mapped_pads()[0].rumbles


def test_a_pad_without_motors_or_unplugged_stays_quiet(plug, use):
    hand, device = plug(replace(XBOX, motors=False)), use()
    assert not mapped_pads()[0].rumbles
    device.rumble(SHAKE)
    hand.unplug()
    poll(device)
    device.rumble(SHAKE)
    assert hand.rumbles == []


# -- mappings ----------------------------------------------------------------------------------------------------------

ENTRY = (
    "{guid},My Stick,a:b1,b:b0,start:b6,leftx:a0,lefty:a1,rightx:a2,righty:a3,lefttrigger:a4,righttrigger:a5,dpup:h0.1,platform:{platform},"
)


def test_a_joystick_without_a_mapping_is_seen_but_not_used(plug):
    plug(UNMAPPED)
    assert (gamepads(), unmapped()) == ([], [UNMAPPED.name])
    with pytest.raises(UserError, match=r'seen: "Noname Arcade Stick": use --device raw-gamepad or --mappings FILE'):
        Gamepad()


def test_with_a_mapping_from_the_user_s_file_it_works(plug, use, tmp_path):
    hand = plug(replace(UNMAPPED, product=0x1111))  # SDL keeps the mapping as long as it runs
    (pad,) = sdl.find_pads()
    path = tmp_path / "mine.txt"
    path.write_text(f"# my stick\n\n{ENTRY.format(guid=pad.guid, platform=sdl.platform_name())}\n")
    assert load_mappings(path) == 1
    device = use()
    hand.press(Button.B)  # the joystick's second button
    hand.move(Axis.LEFT_Y, -1.0)
    stick = poll(device)
    assert stick.held == {Button.A}
    assert stick.axis(Axis.LEFT_Y) == pytest.approx(-1.0, abs=1e-4)


def test_only_mappings_for_this_platform_are_taken(tmp_path):
    path = tmp_path / "db.txt"
    guid = "03000000341200007856000010010000"
    lines = ["#", ENTRY.format(guid=guid, platform="Linux"), ENTRY.format(guid=guid, platform="Windows"), f"{guid},Any,a:b0,"]
    path.write_text("\n".join(lines))
    assert [number for number, _ in mappings_for(path, "Linux")] == [2, 4]


def test_every_mapping_that_sdl_has_itself_is_well_formed(plug, tmp_path):
    library = sdl.library()
    sdl.start_controllers()
    library.SDL_GameControllerMappingForIndex.restype = ctypes.c_char_p
    known = [library.SDL_GameControllerMappingForIndex(i).decode() for i in range(library.SDL_GameControllerNumMappings())]
    path = tmp_path / "all.txt"
    path.write_text("\n".join(line for line in known if line.startswith("0")))
    assert len(mappings_for(path, sdl.platform_name())) > 100


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0300,Pad,a:b0,", r'"0300" is not a GUID of 32 hexadecimal digits'),
        ("0" * 32, "there is no name or no binding after the GUID"),
        ("0" * 32 + ",Pad,rigthx:a3,", '"rigthx" is no button or axis of a controller'),
        ("0" * 32 + ",Pad,a:c0,", '"c0" after "a:" is none of b0, a0'),
        ("0" * 32 + ",Pad,a,", '"" after "a:" is none of'),
    ],
)
def test_a_bad_mapping_is_one_line_with_its_number(tmp_path, line, why):
    path = tmp_path / "mine.txt"
    path.write_text(f"# comment\n{line}\n")
    with pytest.raises(UserError, match=rf"mine.txt, line 2: {why}") as caught:
        mappings_for(path, "Linux")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfe\x00", "not a text file")])
def test_a_mapping_file_that_cannot_be_read_is_refused(tmp_path, content, why):
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"--mappings .*mine.txt: {why}.*; give a text file of SDL controller mappings"):
        mappings_for(path, "Linux")


def test_a_model_s_key_is_the_same_with_and_without_sdl_s_checksum():
    assert (
        model_of("030057564c050000e60c000011810000") == model_of("030000004c050000e60c000011810000") == guid_of(3, 0x054C, 0x0CE6, 0x8111)
    )
