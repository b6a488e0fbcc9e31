"""Measures of Ray on this machine: how long it takes to be there, and how many pieces of work it hands out."""

import os
import time
from contextlib import nullcontext

from data.cluster import connected
from data.cores import worker_pool
from scale.figures import Figure

JOBS, ROUNDS = 1000, 3


def nothing(thing: None, number: int) -> int:
    return number


def figures() -> list[Figure]:
    os.environ["RAY_ADDRESS"] = "local"
    began_s = time.perf_counter()
    with connected(), worker_pool(2, nullcontext, cluster="ray") as pool:
        list(pool.map(nothing, range(2)))
        started_s = time.perf_counter() - began_s
        rates = []
        for _ in range(ROUNDS):
            began_s = time.perf_counter()
            list(pool.map(nothing, range(JOBS)))
            rates.append(JOBS / (time.perf_counter() - began_s))
    return [
        Figure("Ray begins", started_s, "s", "on this machine alone, to the first two pieces of work"),
        Figure("Ray hands out", max(rates), "/s", f"pieces of work by one asking process to 2 workers, {JOBS:,}; the best of {ROUNDS}"),
    ]
