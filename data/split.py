"""Split: which episodes are for training and which for validation, fairly drawn from every stratum."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from data.catalog import Row
from data.errors import UserError
from data.masks import Masks

Stratum = tuple[str, str]
Family = list[Row]


def split_rows(rows: Iterable[Row], valid_fraction: float, seed: int) -> Masks:
    """Divide the usable episodes; `rows` are all of a session.

    Strata are behaviour mode × operator: each gives its share to validation, rounded so that the sum is right (largest
    remainder). At least one episode is held out of two or more, never all. Episodes that share steps stay together:
    copies (same uid), and branches with the episode they left. Raises UserError for a fraction outside (0, 1).
    """
    check_split(valid_fraction, seed)
    strata: dict[Stratum, list[Family]] = defaultdict(list)
    for family in _families(list(rows)):
        strata[stratum_of(family[0])].append(family)
    shares = _shares({stratum: len(families) for stratum, families in strata.items()}, valid_fraction)
    rng = np.random.default_rng(seed)
    train, valid = list[int](), list[int]()
    for stratum in sorted(strata):
        for rank, at in enumerate(rng.permutation(len(strata[stratum]))):
            side = valid if rank < shares[stratum] else train
            side += [row.number for row in strata[stratum][at]]
    return Masks(tuple(sorted(train)), tuple(sorted(valid)), seed, valid_fraction)


def check_split(valid_fraction: float, seed: int) -> None:
    """Refuse what nothing can be drawn with."""
    if not 0.0 < valid_fraction < 1.0:
        raise UserError(f"--valid {valid_fraction:g} is outside (0, 1); give the share to hold out, 0.1 say, or --remove for none")
    if seed < 0:
        raise UserError(f"--seed {seed} is negative; give 0 or more")


def stratum_of(row: Row) -> Stratum:
    """(behaviour mode, operator)."""
    return row.behaviour_mode, row.operator


def _shares(sizes: Mapping[Stratum, int], fraction: float) -> dict[Stratum, int]:
    """How many of each stratum to hold out: floors first, then the largest remainders; of equal ones the largest stratum."""
    count = sum(sizes.values())
    wanted = min(max(1, int(np.floor(fraction * count + 0.5))), count - 1) if count > 1 else 0
    shares = {stratum: int(fraction * size) for stratum, size in sizes.items()}
    by_need = sorted(sizes, key=lambda s: (shares[s] - fraction * sizes[s], -sizes[s], s))
    for stratum in by_need[: max(0, wanted - sum(shares.values()))]:
        shares[stratum] += 1
    return shares


def _families(rows: Sequence[Row]) -> list[Family]:
    """The usable episodes, those together that share steps, by their first number."""
    leader: dict[int | str, int | str] = {}

    def leader_of(key: int | str) -> int | str:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    for row in rows:
        if row.uid:
            leader[leader_of(row.uid)] = leader_of(row.number)
        if row.parent >= 0:
            leader[leader_of(row.parent)] = leader_of(row.number)
    families: dict[int | str, Family] = defaultdict(list)
    for row in rows:
        if row.usable:
            families[leader_of(row.number)].append(row)
    return list(families.values())
