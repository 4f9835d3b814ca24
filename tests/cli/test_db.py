"""`costmon db` on an SQLite file."""

import pytest

from costmon.cli import main


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_schema_goes_up_down_and_up_again(capsys):
    assert main(["db", "current"]) == 0
    assert "no schema" in capsys.readouterr().out
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "current"]) == 0
    revision = capsys.readouterr().out.splitlines()[-1]
    assert main(["db", "downgrade", "base"]) == 0
    assert "empty" in capsys.readouterr().out
    assert main(["db", "upgrade", revision]) == 0
    assert revision in capsys.readouterr().out


def test_an_unknown_revision_names_the_known_ones(capsys):
    assert main(["db", "downgrade", "nope"]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "base" in error


def test_a_backup_can_be_put_back(capsys, tmp_path):
    main(["db", "upgrade"])
    assert main(["db", "backup", "copy.db"]) == 0
    main(["db", "downgrade", "base"])

    assert main(["db", "restore", "copy.db"]) == 0

    assert "kept in" in capsys.readouterr().out.splitlines()[-2]


def test_a_backup_that_is_not_there_is_one_line(capsys):
    assert main(["db", "restore", "nowhere.db"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
