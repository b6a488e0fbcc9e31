"""Aim: what an expert wants of the hand next."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teleop.envs.arm import ArmEnv

Vector = NDArray[np.float64]
WHIMS = 6


@dataclass(frozen=True)
class Aim:
    """Where the hand wants to go: target of the tool centre point (3,) m, turn left to do (rad), grip −1…1, and a word for it.

    `planned`: the stage ends the hand's own aimed movement, which a person sees coming and does not react to late.
    `speed`: how fast, as a factor of the operator's own pace.
    """

    pos_m: Vector
    yaw_rad: float
    grip: float
    stage: str
    planned: bool = False
    speed: float = 1.0


@dataclass(frozen=True)
class Wish:
    """How to do it this time: a behaviour mode of the task ("" as it comes), and `whim` (6,) in [-1, 1], drawn anew for each
    episode: what makes two people's paths to the same end differ.
    """

    mode: str = ""
    whim: tuple[float, ...] = (0.0,) * WHIMS


Expert = Callable[[ArmEnv, Wish], Aim]
