"""Tally: what one sitting kept, and what the session already held."""

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace

from data.catalog import Row
from data.episode_file import read_end_state
from data.errors import UserError
from data.schema import Outcome
from data.session import Session
from teleop.screen import Kept

STRIP = 8


@dataclass
class Tally:
    """`kept` is this sitting's, oldest first; `earlier` are the last few from before, for the strip.

    `outcomes` counts this sitting's episodes, `modes` the successes per behaviour mode in the whole session ("" where
    none was tagged). The window asks for these at every tick, so they are counted along.
    """

    kept: list[Kept] = field(default_factory=list)
    steps: int = 0
    late_ticks: int = 0
    earlier: tuple[Kept, ...] = ()
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, session: Session) -> "Tally":
        """A fresh sitting on top of what `session` holds."""
        rows = session.catalog().rows.values()
        shown = [_kept(session, row) for row in [row for row in rows if row.usable][-STRIP:]]
        modes = Counter(row.behaviour_mode for row in rows if row.success)
        return cls(earlier=tuple(k for k in shown if k is not None), modes=modes)

    @property
    def successes(self) -> int:
        return self.outcomes[Outcome.SUCCESS]

    @property
    def counted(self) -> int:
        """Successes and failures of this sitting: what --episodes counts."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.usable)

    @property
    def all_successes(self) -> int:
        """Successes in the whole session: what --target counts."""
        return self.modes.total()

    def strip(self) -> tuple[Kept, ...]:
        return (*self.earlier, *self.kept[-STRIP:])[-STRIP:]

    def keep(self, kept: Kept) -> None:
        self.kept.append(kept)
        self._count(kept, 1)

    def drop_last(self) -> Kept:
        kept = self.kept.pop()
        self._count(kept, -1)
        return kept

    def tag_last(self, mode: str) -> Kept:
        kept = replace(self.drop_last(), mode=mode)
        self.keep(kept)
        return kept

    def _count(self, kept: Kept, by: int) -> None:
        self.outcomes[kept.outcome] += by
        if kept.outcome is Outcome.SUCCESS:
            self.modes[kept.mode] += by


def _kept(session: Session, row: Row) -> Kept | None:
    """None for a damaged episode: recording can go on beside it, it only is not shown."""
    with contextlib.suppress(UserError):
        return Kept(row.number, row.outcome, row.behaviour_mode, read_end_state(session.episode_path(row.number)), row.seed)
    return None
