"""The link that signs a browser in, at the start of the service."""

import pytest

from costmon.cli.run import _show_login

URL = "http://127.0.0.1:8090/login?code=x"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_link_is_printed_on_a_terminal_only(monkeypatch, capsys, is_terminal):
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)

    _show_login(URL)

    said = capsys.readouterr()
    assert (URL in said.out) is is_terminal
    assert said.err == ""
