"""What benchmarks do when something that they need is missing, or fails."""

import pytest

from benchmarks.report import Row, is_installed, part

ROW = Row("decision", "1.0x", "<= 2x", met=True, note="3 rounds")


def test_a_part_whose_package_is_missing_is_a_row_that_names_it_and_is_not_run():
    (row,) = part("Redis", lambda: pytest.fail("was run"), modules=("no_such_client",))

    assert (row.name, row.measured, row.met) == ("Redis", "not installed", True)
    assert "no_such_client" in row.note


def test_a_part_whose_program_is_missing_is_a_row_that_names_it():
    (row,) = part("Redis", lambda: pytest.fail("was run"), programs=("no-such-server",))

    assert (row.measured, "no-such-server" in row.note) == ("not installed", True)


def test_a_part_that_fails_is_a_missed_goal_and_leaves_the_others(capsys):
    def fail():
        raise OSError("no room")

    rows = [*part("decision", lambda: [ROW], modules=("json",)), *part("store", fail)]

    assert rows[0] is ROW
    assert (rows[1].measured, rows[1].met, rows[1].note) == ("failed", False, "OSError: no room")
    assert "Traceback" in capsys.readouterr().err


def test_a_folder_is_not_taken_for_the_package_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "empty_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    assert not is_installed("empty_folder")
