"""How many CPU threads torch may use."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Use `count` threads inside, what it was before after.

    One thread makes sums the same to the last bit on every machine. It is also the fast choice for small networks:
    torch's threads wait for each other by spinning, so two trainings with two threads each on two cores ran more
    than 100 times slower than one alone.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
