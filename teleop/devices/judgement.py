"""Judgement: how far a proposal is from what the person would do."""

import numpy as np
from numpy.typing import NDArray

from teleop.mapping import MappingConfig

Action = NDArray[np.float32]
STILL = 0.25  # of a full deflection: what differs by less than this part of it looks the same, whatever its direction
WRONG = 2.0


def disagreement(proposal: Action, own: Action, mapping: MappingConfig) -> float:
    """In [0, 2]: 0 the same action (7,), 1 one of them at rest, √2 at right angles, 2 the opposite motion or gripper.

    Motion and turning count as deflections of the stick: |proposal − own| relative to the larger of both, or to `STILL`.
    The gripper is another one where it is commanded to the other half of its way.
    """
    full = np.repeat([mapping.translate, mapping.rotate], 3)
    theirs, mine = proposal[:6] / full, np.clip(own[:6] / full, -1.0, 1.0)
    if abs(float(proposal[6]) - float(own[6])) >= 1.0:
        return WRONG
    largest = max(float(np.linalg.norm(theirs)), float(np.linalg.norm(mine)), STILL)
    return float(np.linalg.norm(theirs - mine)) / largest
