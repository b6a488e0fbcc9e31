"""Things: where a task's bodies are, by the observation `object` of our own environments."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.episode import Array
from data.exchange.env_spec import task_of


@dataclass(frozen=True)
class Thing:
    """`at`: where its x, y and z (m, base frame) begin in `object`; `of`: where that begins which they are counted from."""

    at: int
    of: int | None = None


WIDTHS = {"Reach": 6, "Lift": 10, "Push": 9, "PickPlace": 13, "Stack": 23, "PegInsert": 18, "Drawer": 9, "Detour": 18, "Sort": 39}
THINGS: Mapping[str, Mapping[str, Thing]] = {
    "Reach": {"goal": Thing(0)},
    "Lift": {"cube": Thing(0)},
    "Push": {"puck": Thing(0), "goal": Thing(6, of=0)},
    "PickPlace": {"cube": Thing(0), "bin": Thing(10, of=0)},
    "Stack": {"red cube": Thing(0), "blue cube": Thing(10)},
    "PegInsert": {"peg": Thing(0), "block": Thing(10)},
    "Drawer": {"handle": Thing(0)},
    "Detour": {"goal": Thing(0), "first board": Thing(3), "second board": Thing(6)},
    "Sort": {
        **{f"{colour} cube": Thing(13 * k) for k, colour in enumerate(("red", "green", "blue"))},
        **{f"{colour} tray": Thing(13 * k + 10) for k, colour in enumerate(("red", "green", "blue"))},
    },
}


def things_in(env_id: str, column: Array | None) -> dict[str, NDArray[np.float64]]:
    """The paths (T, 3) in metres of all that `object` (T, n) tells of; nothing where it is not known to be of one of our tasks."""
    task = task_of(env_id)
    if column is None or not task or column.shape[1:] != (WIDTHS[task],):
        return {}
    values = np.asarray(column, np.float64)
    paths: dict[str, NDArray[np.float64]] = {name: values[:, thing.at : thing.at + 3] for name, thing in THINGS[task].items()}
    return {name: path if (of := THINGS[task][name].of) is None else path + values[:, of : of + 3] for name, path in paths.items()}
