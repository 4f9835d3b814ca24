"""The token that the service makes, and who finds it."""

import os
import stat
import subprocess
import threading

import pytest

from costmon.bootstrap.socket_link import TokenLink
from costmon.config.api_token import TOKEN_FILE, find_token, made_token, token_link
from costmon.errors import StateDirectoryError


def test_the_token_is_made_once_and_only_its_user_can_read_it(tmp_path):
    os.umask(umask := os.umask(0))

    first = made_token(tmp_path)
    again = made_token(tmp_path)

    os.umask(umask)
    assert first.reveal() == again.reveal()
    assert len(first.reveal()) >= 43
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600
    assert [it.name for it in tmp_path.iterdir()] == [TOKEN_FILE]


def test_two_that_make_it_at_once_agree(tmp_path):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(made_token(tmp_path).reveal()))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert len(set(made)) == 1


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_token_that_others_can_read_is_refused(tmp_path, mode):
    made_token(tmp_path)
    (tmp_path / TOKEN_FILE).chmod(mode)

    with pytest.raises(StateDirectoryError, match="COSTMON_API_TOKEN"):
        made_token(tmp_path)
    assert find_token(None, tmp_path, 8090) is None


@pytest.mark.parametrize("content", ["", "\n", "x" * 2000])
def test_a_token_that_is_empty_or_too_long_is_refused(tmp_path, content):
    path = tmp_path / TOKEN_FILE
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(StateDirectoryError, match="remove it"):
        made_token(tmp_path)


def test_a_command_finds_the_token_by_the_port_from_any_directory(tmp_path):
    state, runtime = tmp_path / "state", tmp_path / "run"
    state.mkdir()
    runtime.mkdir()
    token = made_token(state)
    link = TokenLink(runtime, state, 8123)

    link.put()
    found = find_token(runtime, tmp_path / "elsewhere", 8123)
    link.put()
    link.remove()

    assert found is not None
    assert (found.token.reveal(), found.owner) == (token.reveal(), os.geteuid())
    assert find_token(runtime, tmp_path / "elsewhere", 8123) is None
    of_state = find_token(runtime, state, 8123)
    assert of_state is not None
    assert of_state.token.reveal() == token.reveal()


def test_the_link_of_a_later_service_is_left(tmp_path):
    first = TokenLink(tmp_path, tmp_path / "one", 8123)
    second = TokenLink(tmp_path, tmp_path / "two", 8123)
    first.put()
    second.put()

    first.remove()

    assert token_link(tmp_path, 8123).readlink() == tmp_path / "two" / TOKEN_FILE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_this_machine_cannot_read_the_token(tmp_path):
    made_token(tmp_path)
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)

    reading = subprocess.run(
        ["cat", tmp_path / TOKEN_FILE], user=65534, capture_output=True, text=True, check=False
    )

    assert reading.stdout == ""
    assert "Permission denied" in reading.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_token_that_another_user_left_is_not_used_by_the_service(tmp_path):
    made_token(tmp_path)
    os.chown(tmp_path / TOKEN_FILE, 65534, 65534)

    with pytest.raises(StateDirectoryError, match="65534"):
        made_token(tmp_path)
