"""The state of a watch as bytes: a checksum, JSON, and the arrays of numbers as they are.

Numbers are exact: JSON carries the shortest text that gives the same float. A state is read by
code of the same `VERSION` on a machine of the same byte order.
"""

import json
import sys
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

VERSION = 1
MAGIC = b"costmon.detection"
HEAD = len(MAGIC) + 8


def encode(state: Mapping[str, Any]) -> bytes:
    """Return a mapping of plain values and objects with `__slots__` as bytes."""
    blocks: list[bytes] = []
    document = [VERSION, sys.byteorder, _plain(dict(state), blocks)]
    head = json.dumps(document, separators=(",", ":")).encode()
    body = b"".join((len(head).to_bytes(4, "big"), head, *blocks))
    return b"".join((MAGIC, zlib.crc32(body).to_bytes(4, "big"), body))


def decode(data: bytes, classes: Mapping[str, type]) -> dict[str, Any]:
    """Return what `encode` was given.

    Args:
        data: Bytes of `encode`.
        classes: Classes of the objects by their names; others are refused.

    Raises:
        ValueError: When the bytes are damaged, no such state, or of another version.
    """
    body = data[len(MAGIC) + 4 :]
    checksum = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big")
    if not data.startswith(MAGIC) or len(data) < HEAD or zlib.crc32(body) != checksum:
        raise ValueError("the bytes are not the state of a SpendWatch, or are damaged")
    end = 4 + int.from_bytes(body[:4], "big")
    version, order, document = json.loads(body[4:end])
    if (version, order) != (VERSION, sys.byteorder):
        raise ValueError(
            f"the state is of version {version}, byte order {order}; "
            f"this is version {VERSION}, byte order {sys.byteorder}: replay the samples instead"
        )
    rest = memoryview(body)[end:]

    def take(size: int) -> memoryview:
        nonlocal rest
        block, rest = rest[:size], rest[size:]
        return block

    state: dict[str, Any] = _value(document, classes, take)
    return state


def _plain(value: Any, blocks: list[bytes]) -> Any:  # noqa: ANN401, PLR0911 - one line for each type
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, array):
        blocks.append(value.tobytes())
        return {"array": [value.typecode, len(value)]}
    if isinstance(value, list):
        return [_plain(item, blocks) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, blocks) for item in value]}
    if isinstance(value, deque):
        return {"deque": [value.maxlen, [_plain(item, blocks) for item in value]]}
    if isinstance(value, dict):
        return {"dict": [[_plain(k, blocks), _plain(v, blocks)] for k, v in value.items()]}
    kind = type(value)
    fields = {name: _plain(getattr(value, name), blocks) for name in kind.__slots__}
    return {"object": [kind.__name__, fields]}


def _value(plain: Any, classes: Mapping[str, type], take: Callable[[int], memoryview]) -> Any:  # noqa: ANN401, PLR0911 - one line for each type
    if isinstance(plain, list):
        return [_value(item, classes, take) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    match kind:
        case "array":
            numbers = array(content[0])
            numbers.frombytes(take(content[1] * numbers.itemsize))
            return numbers
        case "tuple":
            return tuple(_value(item, classes, take) for item in content)
        case "deque":
            return deque((_value(item, classes, take) for item in content[1]), content[0])
        case "dict":
            return {_value(k, classes, take): _value(v, classes, take) for k, v in content}
        case "object" if content[0] in classes:
            made: Any = object.__new__(classes[content[0]])
            for name, field in content[1].items():
                object.__setattr__(made, name, _value(field, classes, take))
            return made
    raise ValueError(f"the state holds {str(content)[:40]!r}, which this version does not know")
