"""`costmon check` against a vendor that answers, refuses, or is not there."""

import socket
import sqlite3

import pytest

from costmon.cli import client, main
from costmon.clock import SystemClock
from costmon.demo.server import DemoServer

TOKEN = "a-token-that-must-not-be-seen"


@pytest.fixture(autouse=True)
def _set_up(tmp_path, monkeypatch, unused_port):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSTMON_PORT", str(unused_port))
    monkeypatch.setenv("DO_API_TOKEN", TOKEN)


@pytest.fixture
def vendor(monkeypatch):
    server = DemoServer(SystemClock(), token=TOKEN)
    monkeypatch.setenv("DO_API_URL", server.start())
    yield server
    server.stop()


def findings(capsys):
    out = capsys.readouterr().out
    assert TOKEN not in out
    return [(line[:4].strip(), line[6:].split()[0], line) for line in out.splitlines()]


def subjects(capsys, level):
    return {subject for found, subject, _ in findings(capsys) if found == level}


def test_a_good_set_up_has_no_failure(vendor, capsys):
    assert main(["check"]) == 0

    assert subjects(capsys, "ok") == {
        "settings",
        "clock",
        "state",
        "database",
        "port",
        "digitalocean",
    }


def test_a_wrong_token_fails(vendor, capsys, monkeypatch):
    monkeypatch.setenv("DO_API_TOKEN", "another")

    assert main(["check"]) == 1

    assert subjects(capsys, "FAIL") == {"digitalocean"}


def test_a_missing_scope_is_a_warning_that_names_the_kind(vendor, capsys):
    vendor.faults.forbid("database")

    assert main(["check"]) == 0

    assert [line for level, _, line in findings(capsys) if level == "warn" and "database" in line]


def test_a_vendor_that_is_not_there_fails_unless_offline(capsys, monkeypatch, unused_port):
    monkeypatch.setenv("DO_API_URL", f"http://127.0.0.1:{unused_port}")

    assert main(["check"]) == 1
    assert subjects(capsys, "FAIL") == {"digitalocean"}
    assert main(["check", "--offline"]) == 0


def test_a_readable_env_file_is_a_warning(capsys, tmp_path):
    (tmp_path / ".env").write_text(f"DO_API_TOKEN={TOKEN}\n")
    (tmp_path / ".env").chmod(0o644)

    assert main(["check", "--offline"]) == 0

    assert subjects(capsys, "warn") == {"settings"}


def test_an_open_state_directory_is_a_warning(capsys, tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)

    assert main(["check", "--offline"]) == 0

    assert subjects(capsys, "warn") == {"state"}


def test_a_file_in_the_place_of_the_state_directory_fails(capsys, tmp_path):
    (tmp_path / "data").write_text("")

    assert main(["check", "--offline"]) == 1

    assert "state" in subjects(capsys, "FAIL")


def test_another_program_on_the_port_fails(capsys, monkeypatch):
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("COSTMON_PORT", str(silent.getsockname()[1]))

        assert main(["check", "--offline"]) == 1

    assert subjects(capsys, "FAIL") == {"port"}


def test_a_database_of_another_program_is_no_good(capsys, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    with sqlite3.connect(tmp_path / "data" / "costmon.db") as other:
        other.execute("create table theirs (x)")
    other.close()

    main(["check", "--offline"])

    assert "database" not in subjects(capsys, "ok")
