"""Pads: what is known about each one that is plugged in, how two of a kind are told apart, and which one is meant."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from data.errors import UserError
from teleop.devices.profiles import recognise


@dataclass(frozen=True)
class PadInfo:
    """One pad. `index` is the system's and moves when another pad goes; `instance` is never used twice in a process.

    `guid` (32 hex digits) names the model, not the specimen; `path` and `serial` are empty where the system does not tell.
    `mapped`: SDL knows which of its buttons is which. `player` is the light on the pad, 0 without.
    """

    index: int
    name: str
    guid: str
    instance: int = -1
    path: str = ""
    serial: str = ""
    vendor: int = 0
    product: int = 0
    sdl_type: int = 0
    mapped: bool = True
    player: int = 0
    rumbles: bool = False

    @property
    def profile(self) -> str:
        return recognise(self.name, self.vendor, self.sdl_type)


def with_unique_names(pads: Iterable[PadInfo]) -> list[PadInfo]:
    """The second pad of a name gets "#2", the third "#3"."""
    seen: Counter[str] = Counter()
    named = []
    for pad in pads:
        seen[pad.name] += 1
        named.append(replace(pad, name=f"{pad.name} #{seen[pad.name]}") if seen[pad.name] > 1 else pad)
    return named


def matches(pad: PadInfo, number: int, wish: str) -> bool:
    """Whether `--pad WISH` may mean this one: its number in the list (from 1), its GUID, or a part of its name."""
    return wish in (str(number), pad.guid, "") or wish.lower() in pad.name.lower()


def choose_pad(pads: Sequence[PadInfo], wish: str) -> PadInfo:
    """The one that is meant; the first without a wish. A UserError when none or several are."""
    exact = [p for n, p in enumerate(pads, 1) if wish.lower() in (str(n), p.guid, p.name.lower())]
    found = exact or [p for n, p in enumerate(pads, 1) if matches(p, n, wish)]
    if not found or (len(found) > 1 and wish and not exact):
        listed = ", ".join(f"{n} {p.name}" for n, p in enumerate(pads, 1)) or "none"
        what = "fits several pads" if found else "fits no pad"
        raise UserError(f'--pad "{wish}" {what}; connected: {listed}; give a number, a name or a GUID (python -m teleop devices)')
    return found[0]


def is_same(lost: PadInfo, found: PadInfo, known: frozenset[int]) -> bool:
    """Whether `found` is the pad that was unplugged: same model and, as far as the system tells, same specimen.

    The serial number decides where both have one; else the place it is plugged into, or that it was not there
    (`known`: instances) when the other left.
    """
    if lost.guid != found.guid:
        return False
    if lost.serial and found.serial:
        return lost.serial == found.serial
    return lost.path == found.path or found.instance not in known


def model_of(guid: str) -> str:
    """The GUID without SDL's checksum of the name, which not every backend has: one key for one model."""
    return guid[:4] + "0000" + guid[8:]


def guid_of(bus: int, vendor: int, product: int, version: int) -> str:
    """The GUID that SDL makes of these ids, without the name's checksum."""
    return b"".join(value.to_bytes(4, "little") for value in (bus, vendor, product, version)).hex()
