"""Units: what -1 and 1 stand for in the actions of others, and who says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.episode import Array
from data.errors import UserError
from data.simulator import describe

SHOWN = 4  # numbers of an action whose ranges a line lists one by one
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ActionRange:
    """`low` (A,) becomes -1 and `high` (A,) becomes 1, every number by itself; `said_by` in words, for people."""

    low: Numbers
    high: Numbers
    said_by: str

    def to_unit(self, actions: Array) -> Numbers:
        """(T, A) in the others' units as (T, A) where [low, high] is [-1, 1]; NaN stays."""
        values: Numbers = np.asarray(actions, np.float64)
        return values if self.is_unit else 2.0 * (values - self.low) / (self.high - self.low) - 1.0

    def can_hold(self, low: Numbers, high: Numbers) -> bool:
        """Whether actions with these extremes (A,) can be in this unit: as wide, and nowhere beyond by more than the range's width."""
        if np.shape(low) != self.low.shape:
            return False
        width = self.high - self.low
        return bool(np.all(low >= self.low - width) and np.all(high <= self.high + width))

    @property
    def is_unit(self) -> bool:
        """Whether nothing changes."""
        return bool(np.all(self.low == -1.0) and np.all(self.high == 1.0))

    def to_json(self) -> dict[str, Any]:
        return {"low": self.low.tolist(), "high": self.high.tolist(), "said_by": self.said_by}

    def __str__(self) -> str:
        pairs = [f"{low:.6g}…{high:.6g}" for low, high in zip(self.low, self.high, strict=True)]
        every = pairs[:1] if len(set(pairs)) == 1 else pairs
        left = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
        return f"actions of {', '.join(every[:SHOWN])}{left} became -1…1 ({self.said_by})"

    def same(self, other: "Unit | None") -> bool:
        """Whether a number means the same in both; None is [-1, 1] as it is."""
        if other is None:
            return self.is_unit
        return isinstance(other, ActionRange) and np.array_equal(self.low, other.low) and np.array_equal(self.high, other.high)


@dataclass(frozen=True)
class Choices:
    """Each of K numbers is one of `counts` choices, counted from `first`; it becomes a number per choice, 1 for the chosen one and
    -1 for the others, which is how a discrete action is kept here.
    """

    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    said_by: str
    is_unit = False

    def to_unit(self, actions: Array) -> Numbers:
        """(T, K) choices as (T, sum of the counts) of -1 and 1; NaN stays. Raises UserError for a choice that there is not."""
        values: Numbers = np.asarray(actions, np.float64)
        chosen = values - self.first
        there = ~np.isnan(values)
        if np.any(there & ((chosen < 0) | (chosen >= self.counts) | (chosen != np.round(chosen)))):
            raise UserError(f"an action that is none of {self} is among them; the environment does not have it")
        parts = [np.where(np.arange(count) == chosen[:, k, None], 1.0, -1.0) for k, count in enumerate(self.counts)]
        return np.where(np.all(there, axis=1, keepdims=True), np.concatenate(parts, axis=1), np.nan)

    def can_hold(self, low: Numbers, high: Numbers) -> bool:
        """Whether actions with these extremes (K,) can be such choices."""
        return np.shape(low) == self.counts.shape and bool(np.all(low >= self.first) and np.all(high < self.first + self.counts))

    def to_json(self) -> dict[str, Any]:
        return {"counts": self.counts.tolist(), "first": self.first.tolist(), "said_by": self.said_by}

    def __str__(self) -> str:
        spans = [f"{first}…{first + count - 1}" for first, count in zip(self.first, self.counts, strict=True)]
        return f"choices {', '.join(spans)} became a number for each choice ({self.said_by})"

    def same(self, other: "Unit | None") -> bool:
        """Whether an action means the same in both."""
        return isinstance(other, Choices) and np.array_equal(self.counts, other.counts) and np.array_equal(self.first, other.first)


Unit = ActionRange | Choices


def check_words(numbers: Sequence[float]) -> None:
    """Refuse what cannot be `--action-range LOW HIGH …`, whatever the width of an action."""
    pairs = np.asarray(numbers, np.float64)
    if len(numbers) % 2:
        raise UserError(f"--action-range has {len(numbers)} numbers; give LOW HIGH, or LOW HIGH for each number of an action")
    if not np.all(np.isfinite(pairs)) or np.any(pairs[::2] >= pairs[1::2]):
        raise UserError(f"--action-range {' '.join(f'{number:g}' for number in numbers)}: each LOW must be below its HIGH, both finite")


def range_of_words(numbers: Sequence[float], width: int) -> ActionRange:
    """`--action-range LOW HIGH`, or LOW HIGH for each of `width` numbers; raises UserError where that is not so many."""
    check_words(numbers)
    if len(numbers) not in (2, 2 * width):
        raise UserError(f"--action-range has {len(numbers)} numbers; give LOW HIGH, or LOW HIGH for each of an action's {width} numbers")
    pairs = np.broadcast_to(np.asarray(numbers, np.float64).reshape(-1, 2), (width, 2))
    return ActionRange(pairs[:, 0].copy(), pairs[:, 1].copy(), "--action-range")


def range_of_extremes(low: Array, high: Array, said_by: str) -> ActionRange:
    """The range that holds everything from `low` to `high` (A,); zero stays zero where a number has both signs.

    A number that never changes becomes 0.
    """
    least, most = (np.asarray(side, np.float64).reshape(-1) for side in (low, high))
    signed = (least < 0.0) & (most > 0.0)
    reach = np.maximum(np.abs(least), np.abs(most))
    least, most = np.where(signed, -reach, least), np.where(signed, reach, most)
    still = most <= least
    return ActionRange(np.where(still, least - 1.0, least), np.where(still, least + 1.0, most), said_by)


def unit_of_settings(settings: Mapping[str, Any]) -> Unit | None:
    """What an import has left in an episode's settings; None where it changed nothing, or there was none."""
    kept = settings.get("imported", {}).get("action_range")
    if not kept:
        return None
    if "counts" in kept:
        return Choices(np.asarray(kept["counts"]), np.asarray(kept["first"]), "as in this session")
    return ActionRange(np.asarray(kept["low"], np.float64), np.asarray(kept["high"], np.float64), "as in this session")


def unit_of_env(env_id: str, env_kwargs: Mapping[str, Any]) -> Unit | None:
    """What an environment's own actions are, which it is asked for; None where it is not known here."""
    said = describe(env_id, env_kwargs)
    if said is None:
        return None
    if said["action_choices"]:
        return Choices(np.asarray(said["action_choices"]), np.asarray(said["action_first"]), f"the choices of {env_id}")
    return ActionRange(np.asarray(said["action_low"]), np.asarray(said["action_high"]), f"the bounds of {env_id}'s actions")
