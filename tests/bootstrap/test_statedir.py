"""One service, one state directory."""

import errno
import os
import stat

import pytest

from costmon.bootstrap.statedir import StateDirectory
from costmon.errors import StateDirectoryError


def test_the_directory_is_made_private(tmp_path):
    path = tmp_path / "deep" / "data"

    with StateDirectory(path):
        mode = stat.S_IMODE(path.stat().st_mode)

    assert mode == 0o700


def test_a_second_service_is_told_who_holds_it(tmp_path):
    with (
        StateDirectory(tmp_path),
        pytest.raises(StateDirectoryError, match=rf"process {os.getpid()}\b.*COSTMON_STATE_DIR"),
        StateDirectory(tmp_path),
    ):
        pass


def test_it_is_free_again_after_the_first_has_gone(tmp_path):
    with StateDirectory(tmp_path):
        pass

    with StateDirectory(tmp_path) as held:
        assert held.path == tmp_path


def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(StateDirectoryError, match="cannot be used"),
        StateDirectory(tmp_path / "file"),
    ):
        pass


def test_a_full_disk_says_what_to_do(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("costmon.bootstrap.statedir.os.pwrite", full)

    with pytest.raises(StateDirectoryError, match=r"No space left.*free some space") as caught:
        StateDirectory(tmp_path / "data").__enter__()

    assert str(tmp_path / "data") in str(caught.value)
