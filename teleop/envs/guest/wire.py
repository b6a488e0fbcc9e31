"""Wire: messages between two Pythons: a header of JSON, then the bytes of its arrays."""

import json
import struct
from typing import Any, BinaryIO

import numpy as np

HEAD = struct.Struct("<II")


def send(stream: BinaryIO, value: Any) -> None:
    """Write dicts, lists, numbers, text and numpy arrays."""
    arrays: list[bytes] = []
    header = json.dumps(_packed(value, arrays)).encode()
    body = b"".join(arrays)
    stream.write(HEAD.pack(len(header), len(body)) + header + body)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """What `send` wrote; EOFError when the other side has gone."""
    head, body = HEAD.unpack(_exactly(stream, HEAD.size))
    header = json.loads(_exactly(stream, head))
    return _unpacked(header, _exactly(stream, body))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def _packed(value: Any, arrays: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        start = sum(map(len, arrays))
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"#": [value.dtype.str, list(value.shape), start]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): _packed(part, arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(part, arrays) for part in value]
    return value


def _unpacked(value: Any, body: bytes) -> Any:
    if isinstance(value, dict):
        if set(value) == {"#"}:
            dtype, shape, start = value["#"]
            count = int(np.prod(shape))
            return np.frombuffer(body, np.dtype(dtype), count, start).reshape(shape).copy()
        return {key: _unpacked(part, body) for key, part in value.items()}
    return [_unpacked(part, body) for part in value] if isinstance(value, list) else value
