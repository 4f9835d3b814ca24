"""Recordings in files."""

import pytest

from costmon.errors import InputError
from costmon.meter.recordings import load, save
from tests.meter.sample import row, snapshot


def test_what_was_saved_is_loaded_exactly(tmp_path):
    made = snapshot(row(), row("/b", tag="a", late_cpu_ns=5))

    save(tmp_path / "a.json", made)

    assert load(tmp_path / "a.json") == made


def test_saving_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")

    save(path, snapshot())

    assert load(path) == snapshot()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_recording_is_refused_by_name(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")

    with pytest.raises(InputError, match=r"a\.json is not a recording"):
        load(path)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no room

    with pytest.raises(InputError, match="larger than"):
        load(path)
