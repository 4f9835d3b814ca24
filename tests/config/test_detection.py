import datetime as dt

import pytest

from costmon.config.detection import read_detection
from costmon.config.tables import TableReader

START = dt.datetime(2026, 12, 24, 8, tzinfo=dt.UTC)
END = START + dt.timedelta(hours=2)


def read(table=None, expected=()):
    reader = TableReader()
    found = read_detection(reader, table or {}, list(expected))
    return found, [(fault.name, fault.accepted) for fault in reader.faults]


def test_without_tables_buckets_have_five_minutes_and_nothing_is_announced():
    assert read() == ((300, ()), [])


def test_announced_windows_are_read_in_utc():
    there = dt.timezone(dt.timedelta(hours=2))
    window = {"start": START.astimezone(there), "end": END, "reason": "load test"}

    assert read({"bucket": "1m"}, [window]) == ((60, ((START, END),)), [])


@pytest.mark.parametrize("bucket", ["7m", "2h", "1s", "often", 0, True, "0.5s"])
def test_a_bucket_divides_an_hour(bucket):
    _, ((name, accepted),) = read({"bucket": bucket})

    assert name == "detection.bucket"
    assert "divides an hour" in accepted


@pytest.mark.parametrize(
    ("window", "at_fault"),
    [
        ({"start": END, "end": START}, "expected[0].end"),
        ({"start": START.replace(tzinfo=None), "end": END}, "expected[0].start"),
        ({"start": "2026-12-24", "end": END}, "expected[0].start"),
        ({"start": START}, "expected[0].end"),
        ({"start": START, "end": END, "until": END}, "expected[0].until"),
    ],
)
def test_a_window_that_is_not_right_is_a_fault(window, at_fault):
    _, faults = read(expected=[window])

    assert [name for name, _ in faults] == [at_fault]
