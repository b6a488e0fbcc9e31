"""The raw gamepad: real event records through `inputs`' own GamePad, into our thread, out of `poll`."""

import ctypes
import os
import pty
import random
import struct
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest
from test_teleop_support import REACH, loop_of

from data.errors import UserError
from data.schema import Outcome, Phase, Source
from teleop.devices import evdev, raw_sources, sdl
from teleop.devices.device import Device, Pulse, View
from teleop.devices.pads import PadInfo, guid_of
from teleop.devices.profiles import recognise
from teleop.devices.raw_codes import HATS, LAYOUTS, TRIGGERS, RawState, layout_for, scaled
from teleop.devices.raw_gamepad import RawGamepad
from teleop.devices.raw_sources import EvdevSource, RawPad, XinputSource, raw_pads
from teleop.envs import make_plant
from teleop.loop import LoopConfig
from teleop.replay import verify
from teleop.stick import BUTTONS, Axis, Button

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's event records")
inputs = pytest.importorskip("inputs")

PATIENCE_S = 20.0
KEY, ABS, SYN = 1, 3, 0
NUMBERS = {
    kind: {name: number for number, name in inputs.devices.codes[word].items()}
    for kind, word in ((KEY, "Key"), (ABS, "Absolute"), (SYN, "Sync"))
}
XBOX_KEYS = {code: b for code, b in LAYOUTS["xbox"].buttons.items() if code.startswith("BTN_")}


class WiredPad(inputs.GamePad):
    """inputs' own GamePad over any file; only its name does not come from sysfs."""

    def __init__(self, path):
        super().__init__(inputs.devices, "/dev/input/by-id/usb-test-event-joystick", str(path))

    def _set_name(self):
        self.name, self.leds = "test", []


class Wire:
    """A pad's device file: a FIFO into which event records are written as the kernel writes them."""

    def __init__(self, path, family="xbox", name="Xbox pad", serial="", instance=1):
        self.path, self.family = path, family
        vendors = {"xbox": 0x045E, "playstation": 0x054C, "switch": 0x057E, "8bitdo": 0x2DC8}
        guid = guid_of(3, vendors.get(family, 0), 1, 1)
        self.info = PadInfo(0, name, guid, instance, str(path), serial, vendors.get(family, 0), mapped=False)
        self.plug_in()

    def plug_in(self):
        if not self.path.exists():
            os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR)

    def unplug(self):
        os.close(self._fd)
        self.path.unlink()

    def pad(self):
        return RawPad(self.info, EvdevSource(WiredPad(self.path), self.family))

    def send(self, *events):
        """(kind, code name or number, value) of each, and the report that ends them."""
        records = [struct.pack("llHHi", 1, 2, kind, NUMBERS.get(kind, {}).get(code, code), value) for kind, code, value in events]
        os.write(self._fd, b"".join(records) + struct.pack("llHHi", 1, 2, SYN, 0, 0))

    def press(self, code, down=True):
        self.send((KEY, code, int(down)))


def until(device, condition):
    """Poll until the stick is as wished; (that stick, everything pressed on the way)."""
    deadline_s, pressed = time.monotonic() + PATIENCE_S, set()
    while time.monotonic() < deadline_s:
        stick = device.poll((), View())
        pressed |= stick.pressed
        if condition(stick):
            return stick, pressed
        time.sleep(0)
    raise AssertionError(f"waited in vain; last {stick}")


def mark(wire, device, value):
    """Everything sent so far has arrived: the right stick stands where only this call puts it."""
    wire.send((ABS, "ABS_RX", value))
    return until(device, lambda stick: stick.axis(Axis.RIGHT_X) == pytest.approx(scaled(value, (-32768, 32767), trigger=False)))


@pytest.fixture
def wire(tmp_path):
    return Wire(tmp_path / "event0")


@pytest.fixture
def pad(wire):
    device = RawGamepad(find=lambda: [wire.pad()] if wire.path.exists() else [])
    yield device
    device.close()


# -- what arrives ------------------------------------------------------------------------------------------------------


def test_it_is_a_device_with_a_name_and_the_family_s_labels(pad):
    device: Device = pad
    assert (device.name, device.profile, device.source) == ("raw gamepad: Xbox pad", "xbox", Source.HUMAN)


def test_at_rest_it_is_at_rest(pad):
    stick = pad.poll((), View())
    assert stick.connected
    assert not stick.to_array().any()


@pytest.mark.parametrize(("raw", "value"), [(-32768, -1.0), (-16384, -0.5), (0, 0.0), (32767, 1.0)])
@pytest.mark.parametrize(("code", "axis"), [(c, a) for c, a in LAYOUTS["xbox"].axes.items() if a not in TRIGGERS])
def test_every_stick_axis_arrives_with_sdl_s_sign(wire, pad, code, axis, raw, value):
    wire.send((ABS, code, raw), (KEY, "BTN_SOUTH", 1))
    stick, _ = until(pad, lambda s: Button.A in s.held)
    assert stick.axis(axis) == pytest.approx(value)
    assert [a for a in Axis if stick.axis(a)] == ([axis] if value else [])


@pytest.mark.parametrize(("code", "axis"), [("ABS_Z", Axis.LT), ("ABS_RZ", Axis.RT)])
def test_every_trigger_goes_from_zero_to_one(wire, pad, code, axis):
    for raw in (51, 255, 0):
        wire.send((ABS, code, raw))
        stick, _ = until(pad, lambda s, raw=raw: s.axis(axis) == pytest.approx(raw / 255))
        assert [a for a in Axis if stick.axis(a)] == ([axis] if raw else [])


@pytest.mark.parametrize(("code", "button"), XBOX_KEYS.items())
def test_every_button_is_pressed_once_and_held_until_released(wire, pad, code, button):
    wire.press(code)
    stick, pressed = until(pad, lambda s: button in s.held)
    assert (pressed, stick.held) == ({button}, {button})
    wire.send((KEY, code, 2))  # the kernel's autorepeat
    assert mark(wire, pad, 1000)[1] == set()
    wire.press(code, down=False)
    assert until(pad, lambda s: not s.held)[1] == set()


@pytest.mark.parametrize(("code", "value", "button"), [(c, (-1, 1)[i], b) for c, pair in HATS.items() for i, b in enumerate(pair)])
def test_the_d_pad_as_a_hat(wire, pad, code, value, button):
    wire.send((ABS, code, value))
    assert until(pad, lambda s: s.held == {button})[1] == {button}
    wire.send((ABS, code, -value))  # over to the other side without stopping in between
    stick, pressed = until(pad, lambda s: button not in s.held)
    assert len(pressed) == 1
    assert stick.held == pressed != {button}
    wire.send((ABS, code, 0))
    until(pad, lambda s: not s.held)


def test_a_tap_between_two_polls_is_not_lost(wire, pad):
    wire.press("BTN_START")
    wire.press("BTN_START", down=False)
    _, pressed = mark(wire, pad, 2000)
    assert pressed == {Button.START}
    assert pad.poll((), View()).pressed == frozenset()


def test_a_button_pressed_twice_between_two_polls_is_pressed_and_held(wire, pad):
    for down in (True, False, True):
        wire.press("BTN_WEST", down)
    stick, pressed = mark(wire, pad, 3000)
    assert pressed == {Button.Y}
    assert stick.held == {Button.Y}


def test_of_ten_thousand_random_presses_and_releases_none_is_lost(wire, pad):
    rng, down, codes = random.Random(0), set(), sorted(XBOX_KEYS)
    for batch in range(500):
        went_down = set()
        for code in rng.choices(codes, k=20):
            down ^= {code}
            went_down |= {code} & down
            wire.press(code, down=code in down)
        stick, pressed = mark(wire, pad, 10_000 * (1 + batch % 2))
        assert pressed == {XBOX_KEYS[code] for code in went_down}
        assert stick.held == {XBOX_KEYS[code] for code in down}


def test_an_event_that_inputs_has_no_name_for_does_not_stop_the_others(wire, pad):
    wire.send((ABS, 0x0B, 7), (KEY, 0x2FF, 1), (0x1E, 0, 0), (KEY, "BTN_EAST", 1))
    assert until(pad, lambda s: s.held == {Button.B})[1] == {Button.B}


# -- plugging ----------------------------------------------------------------------------------------------------------


def test_unplugged_the_stick_is_neutral_and_says_so(wire, pad):
    wire.send((ABS, "ABS_X", 32767), (KEY, "BTN_TR", 1))
    until(pad, lambda s: Button.RB in s.held)
    wire.unplug()
    stick, _ = until(pad, lambda s: not s.connected)
    assert not stick.to_array().any()
    assert not pad.poll((), View()).connected
    pad.rumble(Pulse(1.0, 1.0, 0.1))  # nobody there


def test_plugged_in_again_it_works_again(wire, pad):
    for _ in range(2):
        wire.unplug()
        until(pad, lambda s: not s.connected)
        wire.plug_in()
        assert not until(pad, lambda s: s.connected)[0].to_array().any()
        wire.press("BTN_NORTH")
        assert until(pad, lambda s: s.held == {Button.X})[1] == {Button.X}


def test_back_before_anybody_looked_it_still_says_once_that_it_was_gone(wire, pad):
    wire.unplug()
    wire.plug_in()
    deadline_s = time.monotonic() + PATIENCE_S
    while not pad._was_lost or not pad._connected:
        assert time.monotonic() < deadline_s
        time.sleep(0)
    assert not pad.poll((), View()).connected, "the loop must pause: the hand may have let go"
    assert pad.poll((), View()).connected


@pytest.mark.parametrize(("family", "serial", "taken"), [("xbox", "1", True), ("xbox", "2", False), ("playstation", "1", False)])
def test_another_pad_does_not_take_its_place(tmp_path, family, serial, taken):
    first, there, looks = Wire(tmp_path / "event0", serial="1"), [], []

    def find():
        looks.append(len(there))
        return [wire.pad() for wire in there]

    there.append(first)
    device = RawGamepad(find=find)
    there.clear()
    first.unplug()
    until(device, lambda s: not s.connected)
    there.append(Wire(tmp_path / "event9", family, serial=serial, instance=2))
    first_look = len(looks)
    stick, _ = until(device, lambda s: s.connected or len(looks) > first_look + 2)
    assert stick.connected is taken
    device.close()


def test_of_two_pads_the_wished_one_is_read(tmp_path):
    wires = [Wire(tmp_path / f"event{i}", name=name, instance=i) for i, name in enumerate(("Pad A", "Pad B"))]
    device = RawGamepad("pad b", find=lambda: [wire.pad() for wire in wires])
    wires[0].press("BTN_EAST")
    wires[1].press("BTN_SOUTH")
    assert until(device, lambda s: bool(s.held))[0].held == {Button.A}
    assert device.name == "raw gamepad: Pad B"
    device.close()


def test_a_device_that_fails_while_it_is_read_is_gone():
    """A terminal's two ends: when one goes, reading the other raises EIO, as a device that was pulled out raises ENODEV."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    found = [RawPad(PadInfo(0, "tty", "0" * 32, 1), EvdevSource(WiredPad(path), "xbox"))]
    device = RawGamepad(find=lambda: found)
    os.write(ours, struct.pack("llHHi", 0, 0, KEY, 0x130, 1))
    until(device, lambda s: s.held == {Button.A})
    found.clear()
    os.close(theirs)
    os.close(ours)
    until(device, lambda s: not s.connected)
    device.close()


def test_closing_ends_the_thread_though_it_waits_for_an_event(wire):
    device = RawGamepad(find=lambda: [wire.pad()])
    device.close()
    assert "raw gamepad" not in [thread.name for thread in threading.enumerate()]


def test_without_a_pad_it_is_refused():
    with pytest.raises(UserError, match=r"no raw gamepad is found .* use --device gamepad or keyboard"):
        RawGamepad(find=list)


def test_looking_for_pads_here_does_not_fail():
    assert all(isinstance(pad, RawPad) for pad in raw_pads())


def test_importing_teleop_does_not_import_inputs():
    words = "import sys, teleop.cockpit, teleop.devices.raw_gamepad; sys.exit('inputs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], cwd=Path(__file__).parent.parent, check=False).returncode == 0


# -- whose codes mean what ---------------------------------------------------------------------------------------------

# GUID in SDL's own list, name, the codes of the keys and axes that its Linux driver has, in the kernel's order.
SOUTH_TO_THUMBR = [*range(0x130, 0x13F)]
XPAD_KEYS = [k for k in SOUTH_TO_THUMBR if k not in (0x132, 0x135, 0x138, 0x139)]
KNOWN_PADS = {
    "DualSense": ("030000004c050000e60c000011810000", [k for k in SOUTH_TO_THUMBR if k not in (0x132, 0x135)], "X Y Z RX RY RZ"),
    "Nintendo Switch Pro Controller": ("030000007e0500000920000011810000", [k for k in SOUTH_TO_THUMBR if k != 0x132], "X Y RX RY"),
    "Xbox One pad": ("030000006f0e00003901000020060000", XPAD_KEYS, "X Y Z RX RY RZ"),
    "Xbox Wireless Controller": ("050000005e040000fd02000003090000", [*SOUTH_TO_THUMBR, 0x9E, 0xAC], "X Y Z RZ GAS BRAKE"),
    "8BitDo Pro 2": ("05000000c82d00000660000000010000", SOUTH_TO_THUMBR, "X Y Z RZ GAS BRAKE"),
    "Logitech Dual Action": ("030000006d04000016c2000011010000", [*range(0x120, 0x12C)], "X Y Z RZ"),
}
SDL_AXES = {"leftx": Axis.LEFT_X, "lefty": Axis.LEFT_Y, "rightx": Axis.RIGHT_X, "righty": Axis.RIGHT_Y}
SDL_AXES |= {"lefttrigger": Axis.LT, "righttrigger": Axis.RT}
SDL_BUTTONS = {"leftstick": Button.L3, "rightstick": Button.R3, "leftshoulder": Button.LB, "rightshoulder": Button.RB}
SDL_BUTTONS |= {str(b): b for b in (Button.A, Button.B, Button.X, Button.Y, Button.BACK, Button.GUIDE, Button.START)}
SWAPPED = {Button.A: Button.B, Button.B: Button.A, Button.X: Button.Y, Button.Y: Button.X}


def sdl_mapping(guid):
    """SDL's own mapping as {control: source}, its face buttons by place."""
    library = sdl.library()
    library.SDL_GameControllerMappingForGUID.restype = ctypes.c_char_p
    library.SDL_JoystickGetGUIDFromString.restype = sdl._Guid
    text = library.SDL_GameControllerMappingForGUID(library.SDL_JoystickGetGUIDFromString(guid.encode())).decode()
    bindings = [part.split(":", 1) for part in text.split(",")[2:] if ":" in part]
    by_label = "hint:SDL_GAMECONTROLLER_USE_BUTTON_LABELS" in text
    named = {SDL_BUTTONS.get(control, SDL_AXES.get(control)): source for control, source in bindings}
    return {SWAPPED.get(c, c) if by_label else c: source for c, source in named.items() if c is not None}


@pytest.mark.parametrize("name", KNOWN_PADS)
def test_every_control_is_where_sdl_has_it(monkeypatch, name):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    sdl.start_joysticks()
    sdl.start_controllers()
    guid, keys, axes = KNOWN_PADS[name]
    family = recognise(name, int.from_bytes(bytes.fromhex(guid[8:12]), "little"))
    layout = layout_for(family, {f"ABS_{axis}": (0, 255) for axis in axes.split()})
    key_names = [inputs.devices.codes["Key"][key] for key in keys]
    axis_names = [f"ABS_{axis}" for axis in axes.split()]
    axis_names.sort(key=NUMBERS[ABS].get)
    for control, source in sdl_mapping(guid).items():
        number = int(source[1:])
        code = (key_names if source[0] == "b" else axis_names)[number]
        table = layout.axes if source[0] == "a" else layout.buttons | layout.digital
        assert table[code] == control, f"{name}: {control} is {code}"


@pytest.mark.parametrize("family", LAYOUTS)
def test_every_family_has_every_control(family):
    layout = LAYOUTS[family]
    assert set(layout.buttons.values()) == set(BUTTONS)
    assert {*layout.axes.values(), *layout.digital.values()} == set(Axis)
    assert set(layout.axes) <= set(layout.ranges)
    for code in layout.buttons | layout.digital:
        assert code in NUMBERS[KEY]


def test_triggers_that_are_only_buttons_are_all_or_nothing():
    state = RawState(LAYOUTS["switch"])
    state.fold(("Key", "BTN_TL2", 1))
    assert state.take().axis(Axis.LT) == 1.0
    state.fold(("Key", "BTN_TL2", 0))
    assert state.take().axis(Axis.LT) == 0.0


def test_a_trigger_that_is_both_is_analogue():
    state = RawState(layout_for("playstation", dict.fromkeys(("ABS_X", "ABS_Y", "ABS_RX", "ABS_RY", "ABS_Z", "ABS_RZ"), (0, 255))))
    for event in (("Absolute", "ABS_RZ", 51), ("Key", "BTN_TR2", 1)):
        state.fold(event)
    assert state.take().axis(Axis.RT) == pytest.approx(0.2)


def test_two_codes_for_one_button_do_not_release_each_other():
    state = RawState(LAYOUTS["xbox"])
    for event in (("Key", "BTN_SELECT", 1), ("Key", "KEY_BACK", 0)):
        state.fold(event)
    assert state.take().held == {Button.BACK}


@pytest.mark.parametrize(
    ("value", "extent", "trigger", "expected"),
    [
        (128, (0, 255), False, 0.0),
        (0, (0, 255), False, -1.0),
        (255, (0, 255), False, 1.0),
        (32768, (0, 65535), False, 0.0),
        (300, (0, 255), False, 1.0),
        (1023, (0, 1023), True, 1.0),
        (0, (-127, 127), True, 0.5),
    ],
)
def test_a_range_becomes_minus_one_to_one_with_the_middle_at_zero(value, extent, trigger, expected):
    assert scaled(value, extent, trigger=trigger) == pytest.approx(expected, abs=0.004)
    if not trigger:
        assert scaled(value, extent, trigger=False) == expected


# -- Linux's own interfaces --------------------------------------------------------------------------------------------


def test_requests_are_the_kernel_s():
    """EVIOCGABS(0), EVIOCGKEY(96) and EVIOCSFF as the kernel's headers define them; the last is also in inputs."""
    assert evdev._request(2, 0x40, 24) == 0x80184540
    assert evdev._request(2, 0x18, evdev.KEY_BYTES) == 0x80604518
    assert evdev._request(1, 0x80, evdev.EFFECT.size) == 1076905344


def test_a_rumble_is_packed_as_inputs_packs_it():
    theirs = struct.pack("2h6x2h2x2H28x", 0x50, -1, 250, 0, int(0.5 * 65535 + 0.5), 65535)
    assert evdev.effect_bytes(Pulse(0.5, 1.0, 0.25), -1) == theirs


def test_a_file_that_is_no_input_device_has_no_axes_no_keys_and_no_motors(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with path.open("rb") as file:
        assert evdev.axes_of(file.fileno(), {"ABS_X": 0}) == ({}, {})
        assert evdev.keys_down(file.fileno()) is None
    motors = evdev.Motors(str(path))
    motors.play(Pulse(1.0, 1.0, 0.1))
    motors.close()


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    """What the kernel shows of an Xbox pad over Bluetooth, a mouse and a keyboard."""
    monkeypatch.setattr(evdev, "SYS_INPUT", tmp_path)
    devices = {
        "event3": ("Mouse", "", "0", "1f0000 0 0 0 0"),
        "event4": ("Keyboard", "", "0", "fffffffffffffffe"),
        "event12": ("Xbox Wireless Controller", "aa:bb", "30627", "7fff000000000000 0 100040000000 0 0"),
    }
    for event, (name, serial, axes, keys) in devices.items():
        device = tmp_path / event / "device"
        for folder in ("capabilities", "id"):
            (device / folder).mkdir(parents=True)
        facts = {"name": name, "uniq": serial, "capabilities/abs": axes, "capabilities/key": keys}
        facts |= {"id/bustype": "0005", "id/vendor": "045e", "id/product": "02fd", "id/version": "0903"}
        for file, text in facts.items():
            (device / file).write_text(text + "\n")
    (tmp_path / "hid").mkdir()
    (tmp_path / "event12" / "device" / "device").mkdir()
    (tmp_path / "event12" / "device" / "device" / "driver").symlink_to(tmp_path / "hid")
    return tmp_path


def test_pads_are_told_from_mice_and_keyboards_in_sysfs(sysfs):
    assert [folder.name for folder in evdev.event_folders()] == ["event12"]


def test_a_pad_is_described_as_sdl_describes_it(sysfs):
    info = evdev.describe("event12", 0, 7)
    assert info.guid == "050000005e040000fd02000003090000", "the GUID in SDL's own list"
    assert (info.name, info.serial, info.path, info.profile) == ("Xbox Wireless Controller", "aa:bb", "/dev/input/event12", "xbox")
    assert evdev.driver_of(info.path) == "hid"
    assert evdev.driver_of("/dev/input/event3") == ""


# -- Windows -----------------------------------------------------------------------------------------------------------


class Xinput:
    """The library's one function that matters, filling in the state as Windows does."""

    def __init__(self):
        self.state = inputs.XinputState()

    def XInputGetState(self, number, state):
        ctypes.memmove(ctypes.addressof(state._obj), ctypes.addressof(self.state), ctypes.sizeof(self.state))
        return 0 if self.state.packet_number else 1167

    def set(self, buttons=0, **axes):
        for name, value in axes.items():
            setattr(self.state.gamepad, name, value)
        self.state.gamepad.buttons = buttons
        self.state.packet_number += 1


@pytest.fixture
def windows(monkeypatch):
    """inputs as it is on Windows, over an XInput of ours."""
    for name, value in {"WIN": True, "NIX": False}.items():
        monkeypatch.setattr(inputs, name, value)
    manager, xinput = inputs.DeviceManager.__new__(inputs.DeviceManager), Xinput()
    manager.codes, manager.xinput = inputs.devices.codes, xinput
    xinput.set()
    reader = inputs.GamePad(manager, "/dev/input/by_id/usb-Microsoft_Corporation_Controller_0-event-joystick")
    device = RawGamepad(find=lambda: [RawPad(PadInfo(0, "pad", "0" * 32, 1), XinputSource(reader))])
    yield xinput, device
    device.close()


@pytest.mark.parametrize(
    ("bit", "button"),
    [
        (0x1, Button.UP), (0x2, Button.DOWN), (0x4, Button.LEFT), (0x8, Button.RIGHT), (0x10, Button.START), (0x20, Button.BACK),
        (0x40, Button.L3), (0x80, Button.R3), (0x100, Button.LB), (0x200, Button.RB),
        (0x1000, Button.A), (0x2000, Button.B), (0x4000, Button.X), (0x8000, Button.Y),
    ],
)  # fmt: skip
def test_every_xinput_button_is_the_one_it_is(windows, bit, button):
    xinput, device = windows
    xinput.set(bit)
    assert until(device, lambda s: bool(s.held))[0].held == {button}
    xinput.set(0)
    until(device, lambda s: not s.held)


def test_xinput_s_up_is_sdl_s_minus(windows):
    xinput, device = windows
    xinput.set(l_thumb_y=32767, r_thumb_y=-32768, l_thumb_x=32767, right_trigger=255)
    stick, _ = until(device, lambda s: s.axis(Axis.RT) == 1.0)
    assert [stick.axis(a) for a in (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_Y, Axis.LT)] == [1.0, -1.0, 1.0, 0.0]


def test_an_xinput_pad_that_is_unplugged_is_gone(windows):
    xinput, device = windows
    assert device.poll((), View()).connected
    xinput.state.packet_number = 0
    until(device, lambda s: not s.connected)
    assert raw_sources.XINPUT_POLL_S < 0.01


# -- at the loop -------------------------------------------------------------------------------------------------------


def test_an_episode_with_a_tag_a_rewind_and_a_pulled_plug(wire, pad, tmp_path):
    """What `tests/test_teleop_record.py` does on SDL's events, here on the kernel's."""
    env, arm = make_plant(REACH, {"max_episode_steps": -1})
    loop, session, _ = loop_of(tmp_path / "session", env, arm, pad, LoopConfig(hold_ticks=0))

    def tick_until(condition):
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            loop.tick()
            if condition(loop.status):
                return
            assert time.monotonic() < deadline_s, f"waited in vain; last {loop.status}"
            time.sleep(0.001)

    def tap(button, condition):
        code = next(code for code, b in XBOX_KEYS.items() if b is button)
        wire.press(code)
        tick_until(condition)
        wire.press(code, down=False)
        tick_until(lambda s: button not in s.stick.held)

    wire.send((ABS, "ABS_HAT0X", -1))
    tick_until(lambda s: s.mode == "left")
    wire.send((ABS, "ABS_HAT0X", 0))
    tap(Button.START, lambda s: s.phase is Phase.HUMAN)
    wire.send((ABS, "ABS_X", 20000))
    tick_until(lambda s: s.stick.axis(Axis.LEFT_X) > 0.5)
    good = loop.status.steps
    tick_until(lambda s: s.steps >= good + 10)
    wire.send((ABS, "ABS_Z", 80))
    tick_until(lambda s: s.rewind is not None and s.rewind[0] <= good)
    wire.send((ABS, "ABS_X", 0), (ABS, "ABS_Z", 0))
    tick_until(lambda s: s.phase is Phase.HUMAN)
    wire.unplug()
    tick_until(lambda s: s.phase is Phase.PAUSED)
    wire.plug_in()
    tick_until(lambda s: s.stick.connected)
    tap(Button.L3, lambda s: s.phase is Phase.HUMAN)
    tap(Button.Y, lambda s: s.phase is Phase.READY)
    loop.recorder.close()
    kept, left = session.read(0), session.read(1)
    assert (kept.meta.behaviour_mode, kept.meta.outcome, left.meta.outcome) == ("left", Outcome.SUCCESS, Outcome.ABANDONED)
    assert (left.meta.parent, kept.meta.operator) == (0, "raw gamepad: Xbox pad")
    assert left.steps["stick"][-1, 0] > 0.5
    assert all(verify(arm, episode).exact for episode in (kept, left))
    env.close()
