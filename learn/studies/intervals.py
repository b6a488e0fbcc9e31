"""Intervals over seeds: how well the mean of a few independent trainings is known."""

import math
from collections.abc import Sequence

from data.intervals import Z_95

# 97.5 % points of Student's t distribution with 1, 2, … 30 degrees of freedom.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the 95 % interval of it: Student's t over independent values (Student 1908); of one value it is that value alone."""
    if not values:
        raise ValueError("no values")
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return mean, mean, mean
    sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = (T_975[n - 2] if n - 2 < len(T_975) else Z_95) * sd / math.sqrt(n)
    return mean, mean - half, mean + half
