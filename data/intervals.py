"""Intervals: how well a share is known."""

import math

Z_95 = 1.959963984540054


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927), within [0, 1]; (0, 1) when nothing was tried."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and n the formula is exactly 0 and 1; rounding must not say otherwise.
    return 0.0 if successes == 0 else middle - half, 1.0 if successes == n else middle + half
