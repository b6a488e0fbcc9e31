"""Ranges: which numbers of a file's actions become -1 and 1, and who says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.episode_file import read_meta
from data.errors import UserError
from data.exchange.foreign import ROUNDING, Collection, Terms
from data.exchange.importing import Survey, first_row
from data.exchange.units import ActionRange, Unit, range_of_extremes, range_of_words, unit_of_settings
from data.session import Session

AskUnit = Callable[[str, Mapping[str, Any]], Unit | None]
MOST_OUTSIDE = 0.2  # a larger share of actions outside [-1, 1] is another unit, not a slip


def settle_range(
    terms: Terms, collection: Collection, found: Survey, session: Session | None, asked: Sequence[float], ask: AskUnit
) -> Terms:
    """The terms with what -1 and 1 stand for: as asked, else as in the session, else as the environment or the file says.

    `ask` asks the environment, for formats that keep its own units. Without a word from anybody actions of which more than
    `MOST_OUTSIDE` lie beyond [-1, 1] are taken by their extremes. Raises UserError where the session's actions mean something else.
    """
    if collection.unit_note:
        if asked:
            raise UserError(
                f"--action-range is not for this {collection.format} set, which says it itself: {collection.unit_note}; leave it out"
            )
        return terms
    held, width = _held_unit(session), len(found.low)
    if asked:
        wanted: Unit | None = range_of_words(asked, width)
        if held is not None and not range_of_words(asked, width).same(held):
            raise UserError(f"in this session {held}, which is not --action-range; leave that out, or give another --session")
    else:
        wanted = held or (ask(terms.env_id, terms.env_kwargs) if collection.in_env_units else None)
        if wanted is None or (held is None and not wanted.can_hold(found.low, found.high)):
            wanted = _range_in_file(collection, found)
            if wanted is not None and session is not None and first_row(session) is not None:
                raise UserError(
                    f"{session.path} holds actions in [-1, 1], and {found.outside:.0%} of the numbers here lie outside: say what -1 and 1 "
                    "stand for with --action-range LOW HIGH, or give another --session"
                )
    return replace(terms, action_range=None if wanted is None or wanted.is_unit else wanted)


def _range_in_file(collection: Collection, found: Survey) -> ActionRange | None:
    """None where the actions are in [-1, 1] as they are, but for slips; a file that says its range has no slips."""
    said = collection.action_range
    if said is not None and len(said[0]) == len(found.low):
        low, high = (np.asarray(side, np.float64) for side in said)
        fits = bool(np.all(low >= -1.0 - ROUNDING) and np.all(high <= 1.0 + ROUNDING))
        return None if fits else range_of_extremes(low, high, said_by=f"the {collection.format} set's own statistics")
    if found.outside > MOST_OUTSIDE:
        return range_of_extremes(found.low, found.high, said_by="their extremes: nothing says their unit")
    return None


def _held_unit(session: Session | None) -> Unit | None:
    """What the imports before have settled; None where there were none, or nothing was rescaled."""
    for row in reversed(session.rows() if session else []):
        if row.origin and session is not None:
            return unit_of_settings(read_meta(session.episode_path(row.number)).settings)
    return None
