import os

import pytest

from costmon.atomic_file import replace_file


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("old and longer")

    replace_file(path, b"new", mode=0o600)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_synced_keeps_its_content(tmp_path, monkeypatch):
    path = tmp_path / "prices.csv"
    path.write_text("old")

    def full(_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
