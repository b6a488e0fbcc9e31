"""Mappings: a user's own file of SDL controller mappings, in the format of gamecontrollerdb.txt."""

import re
from pathlib import Path

from data.errors import UserError
from teleop.devices import sdl

CONTROLS = re.compile(
    r"[+-]?(a|b|x|y|back|guide|start|(left|right)(stick|shoulder|trigger|x|y)|dp(up|down|left|right)|misc\d|paddle\d|touchpad)"
)
SOURCE = re.compile(r"[+-]?a\d+~?|b\d+|h\d+\.\d+")
FACTS = {"platform", "hint", "crc", "type", "face", "sdk>=", "sdk<="}
GUID = re.compile(r"[0-9a-fA-F]{32}|xinput")


def load_mappings(path: Path) -> int:
    """Give every mapping for this platform to SDL and return how many; a bad line is a UserError that names it.

    pygame's joystick module must be running. Pads that are plugged in already become usable at once.
    """
    lines = mappings_for(path, sdl.platform_name())
    for number, line in lines:
        complaint = sdl.add_mapping(line)
        if complaint:
            raise UserError(f"{path}, line {number}: SDL says: {complaint}; see gamecontrollerdb.txt for examples")
    return len(lines)


def mappings_for(path: Path, platform: str) -> list[tuple[int, str]]:
    """(line number, mapping) of all that are meant for `platform`; those that name no platform are."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(f"--mappings {path}: {why}; give a text file of SDL controller mappings (gamecontrollerdb.txt)") from error
    meant = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        complaint = what_is_wrong(line)
        if complaint:
            raise UserError(f"{path}, line {number}: {complaint}; a line is GUID,name,a:b0,leftx:a0,…,platform:{platform},")
        if f"platform:{platform}," in f"{line}," or "platform:" not in line:
            meant.append((number, line))
    return meant


def what_is_wrong(line: str) -> str:
    """What is wrong with a mapping, in words; empty when nothing is. SDL itself would take a line with a typo silently."""
    guid, _, rest = line.partition(",")
    name, _, bindings = rest.partition(",")
    if not GUID.fullmatch(guid):
        return f'"{guid[:40]}" is not a GUID of 32 hexadecimal digits'
    if not name or not bindings:
        return "there is no name or no binding after the GUID"
    for binding in filter(None, (b.strip() for b in bindings.split(","))):
        control, colon, source = binding.partition(":")
        if control in FACTS:
            continue
        if not CONTROLS.fullmatch(control):
            return f'"{control}" is no button or axis of a controller'
        if not colon or (source and not SOURCE.fullmatch(source)):  # SDL's own list has some without a source
            return f'"{source}" after "{control}:" is none of b0, a0, +a0, -a0, a0~, h0.1'
    return ""
