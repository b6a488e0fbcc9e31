"""Choice: which of a round's stored states are most worth a label, pure.

Afterwards every doubt of the round is known: where a gate that asks while it drives has to guess a threshold (`learn.gates`), the
highest can be taken here, so that a budget is met exactly. This is pool-based uncertainty sampling (Lewis and Gale, *A
Sequential Algorithm for Training Text Classifiers*, SIGIR 1994) over whole rollouts; neighbours of what was taken are passed
over, because they look the same and would all be taken (Settles, *Active Learning Literature Survey*, 2009, section 3.6).
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Place = tuple[int, int]  # (episode, step)
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def choose(scores: Sequence[Scores], may: Sequence[Flags], wanted: int, apart: int, taken: Collection[Place] = ()) -> list[Place]:
    """At most `wanted` places in E episodes, by episode and step: the highest `scores` (T,) of those that `may` (T,) be asked about.

    Those of one episode, and those `taken` before, are `apart` steps from each other; where so many are not to be had, half
    as far, and so on. Scores that are alike, as where a gate has none (NaN), are taken evenly over the round. More `wanted` only adds
    places, where the distance need not be halved.
    """
    order = _by_worth(scores, may)
    free = [flags.copy() for flags in may]
    for episode, step in taken:
        free[episode][step] = False
    found: list[Place] = []
    while len(found) < wanted and apart >= 1 and order:
        near = [np.zeros(len(flags), np.bool_) for flags in free]
        for place in (*taken, *found):
            _mark(near, place, apart)
        for episode, step in order:
            if len(found) < wanted and free[episode][step] and not near[episode][step]:
                found.append((episode, step))
                free[episode][step] = False
                _mark(near, (episode, step), apart)
        apart //= 2
    return sorted(found)


def _by_worth(scores: Sequence[Scores], may: Sequence[Flags]) -> list[Place]:
    """The highest first. Of equal ones the first k lie nearly evenly, whatever k: k · golden ratio modulo 1 (three-distance
    theorem, Sós 1958).
    """
    places = [(episode, int(step)) for episode, flags in enumerate(may) for step in np.flatnonzero(flags)]
    worth = np.array([scores[episode][step] for episode, step in places])
    spread = np.arange(len(places)) * GOLDEN % 1.0
    return [places[k] for k in np.lexsort((spread, -np.nan_to_num(worth, nan=-np.inf, neginf=-np.inf)))]


def _mark(near: Sequence[Flags], place: Place, apart: int) -> None:
    episode, step = place
    near[episode][max(0, step - apart + 1) : step + apart] = True
