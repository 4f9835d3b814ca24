"""Read `[detection]` and the `[[expected]]` tables: announced windows."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from costmon.config import parsers
from costmon.config.parsers import Refused
from costmon.config.tables import TableReader, shown
from costmon.domain.finding import BUCKET_S

DETECTION_KEYS = ("bucket",)
EXPECTED_KEYS = ("start", "end", "reason")
_LEAST_BUCKET_S, _MOST_BUCKET_S = 5, 3600
_LENGTH = parsers.duration(_LEAST_BUCKET_S, _MOST_BUCKET_S)


class DetectionSettings(NamedTuple):
    """How spend is watched.

    Attributes:
        bucket_s: Length of a bucket in seconds; it divides an hour.
        expected: Announced windows as (start, end), aware, which are silent.
    """

    bucket_s: int
    expected: tuple[tuple[dt.datetime, dt.datetime], ...]


DEFAULT_DETECTION = DetectionSettings(BUCKET_S, ())


def read_detection(read: TableReader, table: object, expected: object) -> DetectionSettings:
    """Return the settings as far as they are right; every one that is not is a fault."""
    options = read.table("detection", table)
    read.known_keys("detection", options, DETECTION_KEYS, "key of [detection]")
    windows = []
    for number, one in enumerate(read.listed("expected", expected)):
        where = f"expected[{number}]"
        read.known_keys(where, one, EXPECTED_KEYS, "key of [[expected]]")
        start, end = _moment(read, where, one, "start"), _moment(read, where, one, "end")
        if start is None or end is None:
            continue
        if end <= start:
            read.refuse(f"{where}.end", shown(one["end"]), "a time after start")
            continue
        windows.append((start, end))
    return DetectionSettings(_bucket(read, options), tuple(windows))


def _bucket(read: TableReader, table: Mapping[str, object]) -> int:
    value = table.get("bucket")
    if value is None:
        return BUCKET_S
    accepted = 'a length that divides an hour, from 5s to 1h, such as "5m"'
    try:
        seconds = _LENGTH(str(value))
    except Refused:
        seconds = 0.0
    if not seconds or _MOST_BUCKET_S % seconds or seconds % 1:
        read.refuse("detection.bucket", shown(value), accepted)
        return BUCKET_S
    return int(seconds)


def _moment(
    read: TableReader, where: str, table: Mapping[str, object], key: str
) -> dt.datetime | None:
    value = table.get(key)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC)
    accepted = "a time with its zone and without quotes, such as 2026-12-24T08:00:00Z"
    read.refuse(f"{where}.{key}", shown(value), accepted)
    return None
