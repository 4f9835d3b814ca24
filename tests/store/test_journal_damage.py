"""Damage to a journal's file costs the records that it hit, and each of them is counted."""

import json
import os
import random
import struct
import zlib

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from costmon.domain.change import CircuitChange
from costmon.domain.circuit import Circuit
from costmon.store import DecisionJournal, Journal
from costmon.store.record_log import RecordLog
from costmon.store.set_aside import aside_path
from costmon.testing import samples
from costmon.testing.clock import START

SMALL = 4096 + 2 * 8192
HEADER = 16
LENGTH_FIELD, CHECKSUM, NUMBER_FIELD, PAYLOAD = 0, 4, 8, HEADER + 7


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


def fill(path, count=12):
    """Write records and return where each begins in the file."""
    log = RecordLog(path, SMALL)
    for number in range(count):
        log.append(f"record {number} ".encode() * 5)
    places = [log._where(log._head.half, entry.offset) for entry in log.entries]
    log.close()
    return places


def flip(path, *places):
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 0x41
    path.write_bytes(content)


def records(path):
    """Return which records are there after the file is opened, and the count of lost ones."""
    with capture_logs() as logs:
        log = RecordLog(path, SMALL)
    try:
        found = [int(log.read(entry).split()[1]) for entry in log.entries]
        return found, log.unreadable, [entry["event"] for entry in logs]
    finally:
        log.close()


def kept_aside(path):
    return [json.loads(line) for line in aside_path(path).read_bytes().splitlines()]


@pytest.mark.parametrize("field", [LENGTH_FIELD, LENGTH_FIELD + 2, CHECKSUM, NUMBER_FIELD, PAYLOAD])
@pytest.mark.parametrize("hit", [0, 2, 11])
def test_one_flipped_byte_costs_one_record(path, field, hit):
    places = fill(path)
    flip(path, places[hit] + field)

    found, unreadable, told = records(path)

    assert found == [number for number in range(12) if number != hit]
    assert unreadable == 1
    assert told == ["store.journal_record_set_aside"]
    assert [line["records"] for line in kept_aside(path)] == [1]
    assert aside_path(path).stat().st_mode & 0o777 == 0o600
    assert records(path) == (found, 1, []), "it is counted once, also after another start"


def test_damage_in_two_places_and_in_neighbours_costs_those_records(path):
    places = fill(path)
    flip(path, places[2] + PAYLOAD, places[6] + LENGTH_FIELD, places[7] + NUMBER_FIELD)

    found, unreadable, _ = records(path)

    assert found == [0, 1, 3, 4, 5, 8, 9, 10, 11]
    assert unreadable == 3
    assert sum(line["records"] for line in kept_aside(path)) == 3


def test_a_block_of_the_disk_that_was_overwritten_costs_the_records_in_it(path):
    places = fill(path)
    content = bytearray(path.read_bytes())
    content[places[3] + 5 : places[8] + 5] = random.Random(1).randbytes(places[8] - places[3])
    path.write_bytes(content)

    found, unreadable, _ = records(path)

    assert found == [0, 1, 2, 9, 10, 11]
    assert unreadable == 6


def test_a_truncated_file_counts_every_record_that_was_cut_off(path):
    places = fill(path)
    path.write_bytes(path.read_bytes()[: places[9] + 20])

    found, unreadable, _ = records(path)

    assert found == list(range(9))
    assert unreadable == 3


@pytest.mark.parametrize("both", [False, True])
def test_a_damaged_header_costs_no_record(path, both):
    fill(path)
    flip(path, 20, *([532] if both else []))

    found, unreadable, told = records(path)

    assert found == list(range(12))
    assert unreadable == 0
    assert told == (["store.journal_header_unreadable"] if both else [])


def test_noise_in_place_of_a_journal_is_moved_away(path):
    path.write_bytes(random.Random(2).randbytes(50_000))

    with capture_logs() as logs, Journal(path, SMALL) as journal:
        assert journal.first() is None
        assert journal.unreadable == 1

    assert [entry["event"] for entry in logs] == ["store.journal_unreadable"]
    assert path.with_name("journal.damaged").stat().st_size == 50_000


def test_a_full_disk_beside_a_damaged_journal_is_told_and_does_not_stop_the_others(path):
    places = fill(path)
    flip(path, places[4] + PAYLOAD)
    aside_path(path).mkdir()  # nothing can be written there

    with capture_logs() as logs:
        log = RecordLog(path, SMALL)
    found, unreadable = len(log.entries), log.unreadable
    log.close()

    assert (found, unreadable) == (11, 1)
    assert logs[0]["set_aside_in"] is None


@given(
    damage=st.lists(st.tuples(st.integers(0, SMALL - 1), st.integers(1, 255)), max_size=6),
    dropped=st.integers(0, 3),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
def test_whatever_bytes_are_damaged_no_record_without_damage_is_lost(tmp_path, damage, dropped):
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    places = fill(path)
    log = RecordLog(path, SMALL)
    for _ in range(dropped):
        log.drop_first()
    log.close()
    content = bytearray(path.read_bytes())
    for place, change in damage:
        content[place] ^= change
    path.write_bytes(content)
    ends = [*places[1:], places[-1] + HEADER + len(b"record 11 " * 5)]
    undamaged = {
        number
        for number in range(dropped, 12)
        if not any(places[number] <= place < ends[number] for place, _ in damage)
    }

    found, unreadable, _ = records(path)

    if min((place for place, _ in damage), default=4096) >= 1024:
        assert undamaged <= set(found)
        assert unreadable == 12 - dropped - len(found)
    else:  # a damaged header may bring back what was written: the store knows it
        assert undamaged <= set(found) <= set(range(12))


def with_checksum(path, number, payload):
    """Write a record with a good checksum in place of the first."""
    raw = zlib.crc32(payload, zlib.crc32(number.to_bytes(8, "little")))
    content = bytearray(path.read_bytes())
    framed = struct.pack("<IIQ", len(payload), raw, number) + payload
    content[4096 : 4096 + len(framed)] = framed
    path.write_bytes(content)


LABEL = b'["digitalocean", "cycle-1"]\n'
UNREADABLE = {
    "noise": b"\x00\xff" * 20,
    "no label": b"\n" + zlib.compress(b"{}"),
    "not compressed": LABEL + b"{}",
    "cut off": LABEL + zlib.compress(b'{"a": 1}' * 50)[:20],
    "not JSON": LABEL + zlib.compress(b"<html>"),
    "deeply nested": LABEL + zlib.compress(b"[" * 100_000),
    "another version": LABEL + zlib.compress(b'{"version": 9, "rows": []}'),
    "a label of something else": b'{"account": 1}\n' + zlib.compress(b"{}"),
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE)
def test_an_observation_that_this_version_cannot_read_is_set_aside(path, payload, cycles):
    with Journal(path, 1_000_000):
        pass
    log = RecordLog(path, 1_000_000)
    log.append(payload)
    log.close()

    with capture_logs() as logs, Journal(path, 1_000_000) as journal:
        journal.append(cycles.good(1))
        first = journal.first()

        assert first is not None
        assert first.report.cycle_id == "cycle-1"
        assert len(journal) == journal.unreadable == 1
    assert [entry["event"] for entry in logs] == ["store.journal_record_set_aside"]
    with Journal(path, 1_000_000) as journal:
        assert journal.unreadable == 1


def test_a_value_that_this_version_does_not_know_is_set_aside(path, cycles, monkeypatch):
    later = msgspec.to_builtins(cycles.good(0)) | {"totals": {"currency": 5}}
    with Journal(path, 1_000_000) as journal:
        with monkeypatch.context() as patched:
            patched.setattr("costmon.store.journal.msgspec.to_builtins", lambda _: later)
            journal.append(cycles.good(0, cycle_id="later"))
        journal.append(cycles.good(1, cycle_id="now"))

        with capture_logs():
            first = journal.first()

        assert first is not None
        assert first.report.cycle_id == "now"


def test_an_unreadable_record_does_not_stop_a_full_journal_from_making_room(path, cycles):
    log = RecordLog(path, SMALL)
    log.append(b"\xff" * 3000)
    log.close()

    with capture_logs(), Journal(path, SMALL) as journal:
        for number in range(4):
            filling = samples.resource("1", name=os.urandom(1200).hex())
            journal.append(cycles.good(number, filling, cycle_id=f"c-{number}"))

        assert journal.first() is not None
        assert len(journal) + journal.dropped + journal.unreadable == 5


def test_a_decision_that_cannot_be_read_is_set_aside_and_the_next_one_is_applied(path):
    log = RecordLog(path, 1_000_000)
    log.append(b'{"v": 99}')
    log.close()
    change = CircuitChange("one", Circuit("global", "open", "test", "ann", START, None, 1))

    with capture_logs(), DecisionJournal(path, 1_000_000) as journal:
        journal.keep(change)

        assert journal.waiting() == (change,)
        assert journal.first() == change
        assert journal.unreadable == 1
    assert [line["number"] for line in kept_aside(path)] == [1]
