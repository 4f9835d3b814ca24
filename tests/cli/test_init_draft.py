"""Both files of `costmon init`: whole and private, or as they were; and what an answer means."""

import argparse
import errno
import os
import stat

import pytest

from costmon.cli.doctor import Finding
from costmon.cli.init_accounts import verdict
from costmon.cli.init_draft import begin, write

TOKEN = "planted-token-0123456789"
BUDGET = ("[[budget]]", {"scope": "global", "limit": "5", "enforce": False})


@pytest.fixture
def draft(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("# mine\n")
    (tmp_path / "costmon.toml").write_text("# mine\n")
    return begin(argparse.Namespace(env_file=None, demo=False))


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_env_file_is_private_whatever_the_umask_is_and_the_other_keeps_its_mode(
    draft, tmp_path
):
    (tmp_path / "costmon.toml").chmod(0o640)
    old = os.umask(0)
    try:
        write(draft, draft.extended({"DO_API_TOKEN": TOKEN}, [BUDGET]))
    finally:
        os.umask(old)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {".env": 0o600, "costmon.toml": 0o640}


def test_the_new_env_file_is_private_before_anything_is_in_it(draft, tmp_path, monkeypatch):
    empty = []
    real = os.open

    def spy(path, flags, mode=0o777, **more):
        file = real(path, flags, mode, **more)
        found = os.fstat(file)
        empty.append((found.st_size, stat.S_IMODE(found.st_mode)))
        return file

    monkeypatch.setattr(os, "open", spy)
    write(draft, draft.extended({"DO_API_TOKEN": TOKEN}))

    assert empty == [(0, 0o600)]


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_full_disk_leaves_both_files_as_they_were_and_nothing_beside_them(
    draft, tmp_path, monkeypatch, fails_at
):
    before = contents(tmp_path)
    calls = []

    def fsync(file):
        calls.append(file)
        if len(calls) == fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        write(draft, draft.extended({"DO_API_TOKEN": TOKEN}, [BUDGET]))

    assert contents(tmp_path) == before


def test_a_draft_does_not_show_its_secrets(draft):
    extended = draft.extended({"DO_API_TOKEN": TOKEN})

    assert TOKEN not in repr(extended)
    assert extended.settings.accounts[0].token.reveal() == TOKEN


def test_what_is_added_to_the_file_comes_after_what_was_there(draft):
    text = draft.extended({}, [BUDGET]).config_text

    assert text == '# mine\n\n[[budget]]\nscope = "global"\nlimit = "5"\nenforce = false\n'


@pytest.mark.parametrize(
    ("reasons", "found"),
    [
        ([None, None], "accepted"),
        ([None, "permission"], "in part"),
        (["auth"], "refused"),
        (["network", "permission"], "refused"),
        (["timeout", "server", "rate_limit", "network"], "unanswered"),
        (["plan", "network"], "unreadable"),
        (["schema"], "unreadable"),
    ],
)
def test_what_the_readings_say_of_a_token(reasons, found):
    findings = [Finding("FAIL" if it else "ok", "acme", "said", it) for it in reasons]
    gap = Finding("warn", "acme", "a gap")

    assert verdict([*findings, gap]) == found
