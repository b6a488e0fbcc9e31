"""Weights: how often each step is learned from, by who chose what to do there.

- uniform: what demonstrators did and answered, every step as often.
- iwr: also what the policy did; corrections as often as everything else together (Mandlekar et al. 2020, *Human-in-the-Loop
  Imitation Learning using Remote Teleoperation*, Intervention Weighted Regression).
- sirius: also what the policy did, but for what led to a correction; corrections are half, demonstrations keep their share,
  the policy has the rest (Liu et al. 2022, *Robot Learning on the Job*, arXiv 2211.08416; in their code
  `WeightedDataset._sirius_reweight`, which leaves what led to a correction a share of 0.002).

Weights are probabilities of being drawn and no factors of a loss. A mean of losses stays what each head made of it: the
mixture's likelihood of whole episodes, its load term and the flow's noise know nothing of factors. Gradients stay of one size,
where a few steps of large factors would come in some minibatches and not in others. And what is drawn is what a recipe's step
size and weight decay were chosen for.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.episode import Episode
from data.schema import Phase, Source

Weighting = Literal["uniform", "iwr", "sirius"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)
BEFORE_STEPS = 15  # Sirius's ℓ, `fixed_preintv_length`: 0.75 s at 20 Hz
LABELLED_BY = "inverse"  # the word in an episode's settings that says its actions were inferred

Floats = NDArray[np.float64]
Kinds = NDArray[np.uint8]


class Kind(IntEnum):
    """What a step is to learn from. Before: the policy drove, up to BEFORE_STEPS before a correction began."""

    DEMONSTRATION = 0
    CORRECTION = 1
    BEFORE = 2
    POLICY = 3


def kinds_of(episode: Episode) -> Kinds:
    """(T,) the `Kind` of each step.

    Where a policy had a part in the episode, a correction is a step that is labelled or that a demonstrator drove. One whose
    actions were inferred is a demonstration: a policy's in name only.
    """
    steps = episode.steps
    by_policy = np.asarray(steps["source"]) == Source.POLICY
    proposed = ~np.isnan(steps["policy_actions"]).any(axis=1)
    has_policy = by_policy | proposed | np.isin(steps["phase"], (Phase.POLICY, Phase.ASKING))
    if not has_policy.any() or LABELLED_BY in episode.meta.settings:
        return np.full(len(episode), Kind.DEMONSTRATION, np.uint8)
    corrected = ~by_policy | ~np.isnan(steps["labels"]).any(axis=1)
    kinds = np.where(leads_to(corrected, BEFORE_STEPS), Kind.BEFORE, Kind.POLICY)
    return np.where(corrected, Kind.CORRECTION, kinds).astype(np.uint8)


def leads_to(flags: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """(T,) which unflagged steps lie at most `steps` before a flagged one."""
    places = np.arange(len(flags))
    raised = np.where(flags, places, len(flags) + steps + 1)
    following = np.minimum.accumulate(raised[::-1])[::-1]
    return np.asarray(~flags & (following - places <= steps))


def is_shown(kinds: Kinds) -> NDArray[np.bool_]:
    """(N,) whether a demonstrator said what to do there."""
    return np.isin(kinds, (Kind.DEMONSTRATION, Kind.CORRECTION))


def counts_of(kinds: Kinds) -> dict[str, int]:
    """How many steps of each kind there are."""
    return {kind.name.lower(): int(count) for kind, count in zip(Kind, np.bincount(kinds, minlength=len(Kind)), strict=True)}


def weights_of(kinds: Kinds, weighting: Weighting) -> Floats:
    """(N,) weights of steps: 0 where one is never drawn, with a mean of 1 over the others.

    All are 1 where nothing was corrected, and where nothing but corrections is there.
    """
    true = np.bincount(kinds, minlength=len(Kind)) / max(1, len(kinds))
    shares = _SHARES[weighting](true)
    weights: Floats = np.divide(shares, true, out=np.zeros_like(shares), where=true > 0.0)[kinds]
    drawn = weights > 0.0
    return weights / weights[drawn].mean() if drawn.any() else weights


def _uniform(true: Floats) -> Floats:
    """(4,) shares of each `Kind` among what is drawn, of their true shares; need not add up to 1."""
    return true


def _iwr(true: Floats) -> Floats:
    shares = true.copy()
    others = 1.0 - true[Kind.CORRECTION]
    if true[Kind.CORRECTION] > 0.0 and others > 0.0:
        shares[Kind.CORRECTION] = others
    return shares


def _sirius(true: Floats) -> Floats:
    """Demonstrations have half at most. In the published code the policy's rest becomes negative where they are more."""
    shares = true.copy()
    if true[Kind.CORRECTION] > 0.0:
        shares[Kind.CORRECTION] = 0.5
        shares[Kind.DEMONSTRATION] = min(true[Kind.DEMONSTRATION], 0.5)
        shares[Kind.BEFORE] = 0.0
        shares[Kind.POLICY] = 0.5 - shares[Kind.DEMONSTRATION]
    return shares


_SHARES: Mapping[Weighting, Callable[[Floats], Floats]] = {"uniform": _uniform, "iwr": _iwr, "sirius": _sirius}
