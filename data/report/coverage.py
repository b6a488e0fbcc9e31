"""Coverage: which actions and which places a session's usable episodes hold, summed up one episode at a time."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.quality import OBJECT, positions_m
from data.schema import ACTION_NAMES

BINS = 21  # an odd number: the middle bin is about 0
CELL_M = 0.01
FINITE_M = 10.0  # an end effector further away is not one


@dataclass
class Coverage:
    """`actions` (A, BINS) counts steps per value in [-1, 1]; `zeros` (A,) those of exactly 0, which no bin counts.

    `cells` counts positions per cell (i, j, k) of `CELL_M`, which begins at CELL_M·(i, j, k). `starts_m` and `objects_m`
    hold where the end effector and the object were at the start of each episode. `missing`: episodes without positions.
    """

    steps: int = 0
    episodes: int = 0
    missing: int = 0
    actions: NDArray[np.int64] | None = None
    zeros: NDArray[np.int64] | None = None
    cells: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    starts_m: list[tuple[float, float, float]] = field(default_factory=list)
    objects_m: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, episode: Episode) -> None:
        self.episodes += 1
        self._add_actions(np.asarray(episode.steps["actions"], np.float64))
        positions = positions_m(episode)
        if positions is None or np.abs(positions).max() > FINITE_M:
            self.missing += 1
            return
        cells, counts = np.unique(np.floor(positions / CELL_M).astype(np.int64), axis=0, return_counts=True)
        for (i, j, k), count in zip(cells.tolist(), counts.tolist(), strict=True):
            self.cells[i, j, k] += count
        self.starts_m.append(_point(positions[0]))
        start = episode.obs.get(OBJECT)  # our tasks, and robosuite's, begin it with the object's position
        if start is not None and start.ndim == 2 and start.shape[1] >= 3:
            self.objects_m.append(_point(np.asarray(start[0, :3], np.float64)))

    def _add_actions(self, actions: NDArray[np.float64]) -> None:
        if self.actions is None or self.zeros is None:
            self.actions = np.zeros((actions.shape[1], BINS), np.int64)
            self.zeros = np.zeros(actions.shape[1], np.int64)
        if actions.shape[1] != len(self.actions):
            return
        self.steps += len(actions)
        self.zeros += (actions == 0.0).sum(axis=0)
        for axis, column in enumerate(actions.T):
            self.actions[axis] += np.histogram(column[column != 0.0], BINS, (-1.0, 1.0))[0]

    def plane(self, across: int, up: int) -> Counter[tuple[int, int]]:
        """Positions per cell seen along the third axis; `across`, `up`: 0 x, 1 y, 2 z."""
        seen: Counter[tuple[int, int]] = Counter()
        for cell, count in self.cells.items():
            seen[cell[across], cell[up]] += count
        return seen

    @property
    def litres(self) -> float:
        """The volume of the cells that were visited."""
        return len(self.cells) * (10 * CELL_M) ** 3


def action_names(width: int) -> list[str]:
    """The names of an action's axes; numbers where it is not an arm's."""
    return list(ACTION_NAMES) if width == len(ACTION_NAMES) else [f"action {k}" for k in range(width)]


def _point(position: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = position.tolist()
    return x, y, z
