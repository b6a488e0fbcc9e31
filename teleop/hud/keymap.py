"""Key map: what the buttons and sticks mean now, and nothing else; pure functions."""

from data.schema import Phase
from teleop.bindings import (
    BINDINGS,
    DESK_CUES,
    DESK_HELP,
    DESK_MEANING,
    HELD_HELP,
    MODE_HELP,
    PILOT_HELP,
    REWIND_HELP,
    TAG_HELP,
    VIEW_HELP,
    WHEEL_HELP,
    Cue,
)
from teleop.hud.labels import relabel
from teleop.hud.shapes import AMBER
from teleop.hud.sheet import Sheet, Type
from teleop.screen import Status

FULL_MAP_S = 10.0  # how long into an episode the whole key map stays
Rows = tuple[tuple[str, str], ...]


def keymap_facts(status: Status, keyboard: bool) -> tuple[bool, Rows]:
    """Whether the map is the short one, and its rows (key, meaning): what works now and nothing else."""
    if status.waiting:
        return False, ()
    if status.queue is not None:
        return False, tuple((key if keyboard else relabel(pad, status.profile), meaning) for pad, key, meaning in _desk_help(status))
    phase = status.phase
    short = phase in (Phase.HUMAN, Phase.POLICY, Phase.REWIND) and status.elapsed_s > FULL_MAP_S
    stick_help = status.stick_help or MODE_HELP[status.control_mode]
    bound = [(b.pad, b.key, str(b.cue) if short else b.meaning) for b in BINDINGS if phase in b.phases and b.cue not in status.dead_cues]
    if phase is Phase.REWIND:
        bound.insert(0, ("LT (hold)", "Z (hold)", "rewind") if short else REWIND_HELP)
    help_ = list(PILOT_HELP) if phase in (Phase.POLICY, Phase.ASKING) else []
    if phase is Phase.HUMAN and status.label_budget:
        help_.append(WHEEL_HELP if status.handed_over else HELD_HELP)
    if phase is Phase.HUMAN and not short:
        help_ += [row for row in stick_help if row != REWIND_HELP or Cue.REWIND not in status.dead_cues]
    rows = [*help_, *bound]
    if not short:
        rows += [*VIEW_HELP, *(TAG_HELP if phase is Phase.READY else ())]
    return short, tuple((key if keyboard else relabel(pad, status.profile), meaning) for pad, key, meaning in rows)


def _desk_help(status: Status) -> list[tuple[str, str, str]]:
    bound = [b for b in BINDINGS if status.phase in b.phases and b.cue in DESK_CUES and b.cue not in status.dead_cues]
    asked = DESK_HELP if status.phase in (Phase.POLICY, Phase.ASKING) else ()
    if status.phase is Phase.READY and not status.labels_left:
        asked = DESK_HELP[-1:]
    return [*asked, *((b.pad, b.key, DESK_MEANING.get(b.cue, b.meaning)) for b in bound), *VIEW_HELP]


def draw_keymap(type_: Type, short: bool, rows: Rows) -> Sheet:
    """Keys to the left, meanings to the right; as wide as its words need."""
    size, line = 11.0, 17.5
    keys = max(type_.width(key, size, bold=True) for key, _ in rows)
    room = 112.0 if short else 166.0
    lines = [(key if i == 0 else "", part) for key, meaning in rows for i, part in enumerate(type_.wrap(meaning, size, room))]
    words = max(type_.width(part, size) for _, part in lines)
    sheet = Sheet(type_, keys + words + 34, line * len(lines) + 16)
    for i, (key, part) in enumerate(lines):
        y = 8 + line * (i + 0.5)
        sheet.text(key, 12, y, size, AMBER, bold=True)
        sheet.text(part, keys + 22, y, size)
    return sheet
