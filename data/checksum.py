"""Checksums: whether an episode still holds what was written, whatever file layout it is kept in.

Each dataset has a digest; the episode's checksum covers the attributes, the list of digests among them. So any part that
is read can be verified alone, and nothing but the attributes has to be hashed anew when one of them changes.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHECKSUM, DIGESTS = "checksum", "digests"


def digest_of(array: NDArray[np.generic]) -> str:
    """128-bit BLAKE2b (RFC 7693) over dtype, shape and values of an array, as hexadecimal digits."""
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def checksum_of(attrs: Mapping[str, Any]) -> str:
    """128-bit BLAKE2b over all attributes but the checksum itself."""
    plain = {name: _plain(value) for name, value in attrs.items() if name != CHECKSUM}
    return hashlib.blake2b(json.dumps(plain, sort_keys=True).encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """What HDF5 gives back for a number or a text, as Python's own."""
    return value.item() if isinstance(value, np.generic) else str(value) if not isinstance(value, bool | int | float) else value
