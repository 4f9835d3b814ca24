"""Read the event streams of AWS: binary frames with JSON in them."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

_PRELUDE, _CHECKSUM = 12, 4
_LARGEST = 24 * 1024 * 1024


class FrameReader:
    """Takes the bytes of a stream, and yields the events that they complete."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._lost = False

    def events(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield events; what is no frame ends the reading."""
        if self._lost:
            return
        self._kept += data
        while len(self._kept) >= _PRELUDE:
            total = int.from_bytes(self._kept[:4], "big")
            headers = int.from_bytes(self._kept[4:8], "big")
            if not _PRELUDE + headers + _CHECKSUM <= total <= _LARGEST:
                self._lost = True
                self._kept.clear()
                return
            if len(self._kept) < total:
                return
            payload = bytes(self._kept[_PRELUDE + headers : total - _CHECKSUM])
            del self._kept[:total]
            event = _event(payload)
            if event is not None:
                yield event


def _event(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
        if isinstance(found, dict) and isinstance(found.get("bytes"), str):
            found = json.loads(base64.b64decode(found["bytes"]))  # of `invoke`
    except (ValueError, binascii.Error):
        return None
    return found if isinstance(found, dict) else None
