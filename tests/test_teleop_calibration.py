"""Calibration and the devices panel: measured on a pad that SDL believes in, kept, read again, shown."""

import io
import json
import math
import threading
import time

import numpy as np
import pygame
import pytest
from rich.console import Console
from virtual_gamepad import DUALSENSE, UNMAPPED, XBOX, VirtualGamepad

from data.errors import UserError
from teleop.devices.calibration import (
    DEFAULT,
    Calibration,
    calibration_for,
    calibration_from,
    config_folder,
    dead_zone_for,
    keep,
    mapping_for,
    measure,
    path_for,
)
from teleop.devices.gamepad import mapped_pads, unmapped
from teleop.devices.guide import GuideOptions, calibrate
from teleop.devices.live import LivePads, bar, picture, watch
from teleop.devices.panel import PanelOptions, shake_each, show_devices
from teleop.mapping import MappingConfig
from teleop.stick import Axis, Button
from teleop.window import start_pygame

GUID = "030000004c050000e60c000011810000"
STICKS = (Axis.LEFT_X, Axis.LEFT_Y, Axis.RIGHT_X, Axis.RIGHT_Y)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("GAMEPAD_DAGGER_CONFIG", str(tmp_path / "settings"))
    return tmp_path / "settings"


@pytest.fixture
def plug(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    start_pygame(display=False)
    plugged = []

    def plug_in(kind):
        plugged.append(VirtualGamepad(kind))
        return plugged[-1]

    yield plug_in
    for pad in plugged:
        pad.unplug()
    pygame.event.clear()


def circle(radius, n=200):
    turn = np.linspace(0.0, 2.0 * np.pi, n)
    return np.column_stack([radius * f(turn) for f in (np.cos, np.sin, np.cos, np.sin)]).astype(np.float32)


# -- measuring ---------------------------------------------------------------------------------------------------------


def test_the_dead_zone_hides_the_drift_with_room_to_spare():
    assert dead_zone_for(0.0) == 0.04
    assert dead_zone_for(0.10) == pytest.approx(0.17)
    assert dead_zone_for(1.0) == 0.30


def test_drift_and_reach_are_measured_per_axis():
    rest = np.tile(np.float32([0.01, -0.06, 0.0, 0.02]), (50, 1))
    swing = circle(1.0)
    swing[:, 2] = np.clip(swing[:, 2], -1.0, 0.8)  # a worn stick
    drift, reaches = measure(rest, swing, "xbox")
    assert drift == pytest.approx(0.06)
    assert reaches[Axis.RIGHT_X] == pytest.approx(0.8)
    assert reaches[Axis.LEFT_X] == pytest.approx(1.0, abs=1e-3)


def test_a_stick_held_while_it_should_rest_is_noticed():
    with pytest.raises(UserError, match=r"R stick up/down stood at 50 % while it should rest; let go"):
        measure(np.float32([[0, 0, 0, -0.5]]), circle(1.0), "xbox")


def test_a_stick_not_turned_is_noticed():
    swing = circle(1.0) * np.float32([1, 1, 0, 1])
    with pytest.raises(UserError, match=r"R stick left/right went to 0 % only; turn both sticks"):
        measure(np.zeros((5, 4), np.float32), swing, "xbox")


def test_what_is_not_wished_stays_as_it_was():
    before = Calibration(expo=2.5, translate=0.5)
    found = calibration_from(0.02, 0.97, before, None, None)
    assert (found.expo, found.translate, found.reach) == (2.5, 0.5, 0.97)
    found = calibration_from(0.02, 0.97, before, 1.2, 2.0)
    assert (found.expo, found.translate, found.rotate) == (1.2, 2 * DEFAULT.translate, 2 * DEFAULT.rotate)


@pytest.mark.parametrize(("expo", "speed", "why"), [(0.5, None, "--expo 0.5 is outside 1"), (None, 9.0, "--speed 9.0 is outside 0.1")])
def test_a_curve_or_speed_out_of_range_is_refused_before_anything_is_measured(expo, speed, why):
    with pytest.raises(UserError, match=why):
        GuideOptions(expo=expo, speed=speed)


def test_a_calibration_becomes_a_mapping_and_leaves_the_rest():
    mapping = Calibration(0.2, 2.0, 0.5, 0.2).applied_to(MappingConfig(precise=0.1))
    assert mapping == MappingConfig(dead_zone=0.2, expo=2.0, translate=0.5, rotate=0.2, precise=0.1)


# -- keeping -----------------------------------------------------------------------------------------------------------


def test_what_was_kept_is_found_again_for_this_model_only(settings):
    calibration = Calibration(0.123, 2.0, 0.3, 0.1, 0.05, 0.9)
    path = keep(GUID, "DualSense", calibration)
    assert calibration_for(GUID) == calibration
    assert calibration_for(GUID[:4] + "5756" + GUID[8:]) == calibration, "SDL's checksum of the name does not matter"
    assert calibration_for("0" * 32) is None
    assert [p for p in settings.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"dead_zone": 0.1}', '{"dead_zone": 7}', "null"])
def test_a_damaged_file_is_one_warning_and_no_calibration(caplog, content):
    keep(GUID, "DualSense", Calibration())
    path_for(GUID).write_text(content)
    assert calibration_for(GUID) is None
    (record,) = caplog.records
    assert f"{path_for(GUID)} is damaged" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_value_that_no_mapping_can_have_is_damage_too(caplog):
    keep(GUID, "DualSense", Calibration())
    facts = json.loads(path_for(GUID).read_text()) | {"dead_zone": 1.5}
    path_for(GUID).write_text(json.dumps(facts))
    assert calibration_for(GUID) is None
    assert "dead_zone 1.5 is outside" in caplog.text


def test_a_place_that_cannot_be_written_is_one_line(settings):
    settings.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot be written .* set GAMEPAD_DAGGER_CONFIG to a folder that can be"):
        keep(GUID, "DualSense", Calibration())


@pytest.mark.parametrize(
    ("system", "environ", "folder"),
    [
        ("Linux", {"GAMEPAD_DAGGER_CONFIG": "/mine"}, "/mine"),
        ("Linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/gamepad-dagger"),
        ("Windows", {"APPDATA": "/roaming"}, "/roaming/gamepad-dagger"),
    ],
)
def test_settings_are_where_the_platform_keeps_them(system, environ, folder):
    assert config_folder(environ, system).as_posix() == folder


# -- the guide ---------------------------------------------------------------------------------------------------------


def move_sticks(pad, radius, seconds):
    """Both sticks round and round, from another thread, as a hand would."""

    def run():
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            for axis, f in zip(STICKS, (math.cos, math.sin, math.cos, math.sin), strict=True):
                pad.move(axis, radius * f(25.0 * left_s))
            time.sleep(0.003)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def guided(pad, rest=0.05, turn=1.0, **options):
    threads = []
    begin = {"rest": lambda: threads.append(move_sticks(pad, rest, 0.7)), "turn": lambda: threads.append(move_sticks(pad, turn, 0.9))}

    def on(stage):
        for thread in threads:
            thread.join()
        begin[stage]()

    try:
        return calibrate(GuideOptions(seconds=0.6, **options), on)
    finally:
        for thread in threads:
            thread.join()


def test_a_guided_calibration_measures_shows_and_keeps(plug, capsys):
    found = guided(plug(DUALSENSE), expo=2.0, speed=0.5)
    assert found.drift == pytest.approx(0.05, abs=0.005)
    assert found.dead_zone == pytest.approx(dead_zone_for(found.drift), abs=1e-3)
    assert found.reach > 0.95
    shown = capsys.readouterr().out
    assert "Calibrating DualSense Wireless Controller" in shown
    assert "expo 2.0, full stick 0.17 m/s" in shown
    (pad,) = mapped_pads()
    assert calibration_for(pad.guid) == found
    assert mapping_for(pad.guid).expo == 2.0


def test_json_is_one_object_on_standard_output(plug, capsys):
    found = guided(plug(XBOX), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["dead_zone"] == found.dead_zone


def test_a_worn_stick_is_told(plug, capsys):
    found = guided(plug(XBOX), turn=0.8)
    assert found.reach == pytest.approx(0.8, abs=0.05)
    assert "A stick reaches only" in capsys.readouterr().out


def test_unplugged_while_it_is_measured_is_one_line(plug):
    pad = plug(XBOX)
    with pytest.raises(UserError, match="was unplugged while it was measured; plug it in"):
        calibrate(GuideOptions(seconds=0.5), lambda stage: pad.unplug())


def test_without_a_pad_there_is_nothing_to_calibrate(plug):
    plug(UNMAPPED)
    assert unmapped() == [UNMAPPED.name]
    with pytest.raises(UserError, match=r'no gamepad is connected .*seen: "Noname Arcade Stick"'):
        calibrate(GuideOptions())


# -- the panel ---------------------------------------------------------------------------------------------------------


def test_the_table_lists_pads_joysticks_keyboard_and_the_scripted_operator(plug, capsys, monkeypatch):
    plug(XBOX), plug(XBOX), plug(UNMAPPED)
    monkeypatch.setenv("COLUMNS", "160")
    assert show_devices(PanelOptions(once=True)) == 0
    shown = capsys.readouterr().out
    for words in (
        "gamepad 1",
        "Xbox Series X Controller #2",
        "ff00509d5e040000120b000000007601",
        "rumbles",
        "SDL has no mapping",
        "scripted",
    ):
        assert words in shown


def test_as_json_everything_is_one_object(plug, capsys):
    plug(DUALSENSE)
    assert show_devices(PanelOptions(json=True)) == 0
    devices = json.loads(capsys.readouterr().out)["devices"]
    assert [d["device"] for d in devices if d["here"] and d["profile"] == "playstation"] == ["gamepad 1"]


def test_every_pad_is_shaken_in_turn_and_named(plug, capsys):
    hands = [plug(XBOX), plug(XBOX)]
    shaken = []
    shake_each(lambda s: shaken.append([len(h.rumbles) for h in hands]))
    assert shaken == [[1, 0], [1, 1]]
    assert capsys.readouterr().out.splitlines()[1] == "gamepad 2: Xbox Series X Controller #2 shakes now"


def drawn(renderable):
    console = Console(width=100, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()


def test_the_picture_shows_each_pad_live_and_notices_who_comes_and_goes(plug):
    first = plug(XBOX)
    pads = LivePads()
    pads.look(0.0)
    first.move(Axis.LEFT_X, 0.5)
    first.press(Button.A)
    pygame.event.pump()
    mappings = dict.fromkeys([info.guid for info in pads.infos.values()], MappingConfig(dead_zone=0.0, expo=2.0))
    text = drawn(picture(pads, mappings, 40))
    assert "+0.50" in text
    assert "+0.25" in text
    second = plug(DUALSENSE)
    pads.look(0.1)
    mappings |= {info.guid: MappingConfig() for info in pads.infos.values()}
    assert "2 DualSense Wireless Controller · PlayStation" in drawn(picture(pads, mappings, 40))
    second.unplug()
    pygame.event.pump()
    pads.look(0.2)
    assert "DualSense" not in drawn(picture(pads, mappings, 40))
    pads.close()


def test_when_the_terminal_is_low_each_pad_has_one_line(plug):
    for _ in range(3):
        plug(DUALSENSE).press(Button.X)
    pads = LivePads()
    pads.look(0.0)
    pygame.event.pump()
    text = drawn(picture(pads, dict.fromkeys([info.guid for info in pads.infos.values()], MappingConfig()), 24))
    assert len(text.splitlines()) <= 24
    assert text.count("Square") == 3
    pads.close()


def test_the_live_view_ends_with_ctrl_c_and_says_nothing(plug, capsys):
    plug(XBOX)

    def interrupt():
        raise KeyboardInterrupt

    watch(Console(width=100, force_terminal=True), interrupt)
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [
        (Axis.LEFT_X, 0.0, "────────┼────────"),
        (Axis.LEFT_X, -1.0, "████████┼────────"),
        (Axis.LEFT_X, 0.5, "────────┼████────"),
        (Axis.RT, 1.0, "█████████████████"),
    ],
)
def test_bars(axis, value, text):
    assert bar(axis, value).plain == text
