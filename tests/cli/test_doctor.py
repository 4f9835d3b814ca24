"""`costmon check` against a vendor that answers, refuses, or is not there."""

import socket
import sqlite3
from dataclasses import replace
from types import SimpleNamespace

import pytest

from costmon.cli import client, main
from costmon.clock import SystemClock
from costmon.demo.server import DemoServer
from costmon.domain.resource import Gap
from costmon.errors import ProviderPermissionError
from costmon.providers import catalog, digitalocean
from costmon.providers.base import Credential, Provider
from costmon.testing import digitalocean as do
from costmon.testing import samples
from costmon.testing.stub import Reply, StubServer
from tests.providers.wasabi import answers as wasabi
from tests.store import charges

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


def test_a_kind_that_cannot_be_read_fails_and_the_others_are_visible(vendor, capsys, monkeypatch):
    with StubServer() as server:
        answers = do.empty_account()
        for key, answer in answers.items():
            server.answer(key.partition("?")[0], Reply.json(answer))
        server.answer("/v2/databases", Reply(body=b"<html>"))
        monkeypatch.setenv("DO_API_URL", server.url)

        assert main(["check"]) == 1

    found = findings(capsys)
    assert [line for level, _, line in found if level == "FAIL" and "database" in line]
    assert [line for level, _, line in found if level == "ok" and "0 resources" in line]


class Everything(Provider):
    """Has all three readings; of charges a second window must not be asked for."""

    def inventory(self, account, now):
        return samples.inventory(account=account, observed_at=now)

    def charges(self, account, now, known_through):
        assert known_through is None
        gap = Gap(kind="tax", reason="not on this plan")
        yield charges.window(charges.charge("k"), account=account, gaps=(gap,))
        raise AssertionError("a check reads one window")

    def usage(self, account, now):
        raise ProviderPermissionError(
            provider="digitalocean", endpoint="GET /usage", detail="refused", hint="add usage:read"
        )


def test_each_reading_is_checked(vendor, capsys, monkeypatch):
    info = replace(digitalocean.info, readings=("inventory", "charges", "usage"))
    module = SimpleNamespace(info=info, create=lambda _setup: Everything())
    monkeypatch.setattr(catalog, "modules", lambda: {"digitalocean": module})

    assert main(["check"]) == 1

    lines = {line for _, subject, line in findings(capsys) if subject == "digitalocean"}
    assert any("in 1 rows since 2026-11-01" in line and "complete before" in line for line in lines)
    assert any(line.startswith("warn") and "tax: not on this plan" in line for line in lines)
    assert any(line.startswith("FAIL") and "usage:read" in line for line in lines)


def test_a_working_account_of_a_vendor_whose_days_come_late_has_no_failure(
    vendor, capsys, monkeypatch
):
    monkeypatch.setenv("WASABI_ACCESS_KEY", "EXAMPLE")
    monkeypatch.setenv("WASABI_SECRET_KEY", "planted-secret-0123456789")
    with StubServer() as server:
        monkeypatch.setenv("WASABI_API_URL", server.url)

        def first_day(asked):
            return Reply.json(wasabi.page([wasabi.day(asked.query["from"], active=wasabi.TB)]))

        server.script(wasabi.ACCOUNT, first_day)
        server.answer(wasabi.BUCKET, Reply.json(wasabi.page([])))

        main(["check"])

    failures = [line for level, subject, line in findings(capsys) if level == "FAIL"]
    assert failures == []


def test_an_account_that_lacks_a_variable_fails_and_the_others_are_asked(
    vendor, capsys, monkeypatch
):
    two = replace(
        digitalocean.info,
        slug="half",
        credentials=(
            Credential(key="token", name="HALF_TOKEN", accepted="one", meaning="-"),
            Credential(key="key", name="HALF_KEY", accepted="one", meaning="-"),
        ),
        url_variable="HALF_API_URL",
        reserved_prefix=None,
    )
    modules = {**catalog.modules(), "half": SimpleNamespace(info=two)}
    monkeypatch.setattr(catalog, "modules", lambda: modules)
    monkeypatch.setenv("HALF_TOKEN", "a-token-of-half")

    assert main(["check"]) == 1

    found = findings(capsys)
    assert [line for level, subject, line in found if (level, subject) == ("FAIL", "half")]
    assert any("HALF_KEY is not set" in line for _, _, line in found)
    assert ("ok", "digitalocean") in {(level, subject) for level, subject, _ in found}


@pytest.mark.parametrize(("scope", "warnings"), [("droplet:read", 0), ("droplet:delete", 1)])
def test_a_token_that_can_write_is_a_warning(capsys, monkeypatch, scope, warnings):
    with StubServer() as server:
        for key, answer in do.empty_account().items():
            server.answer(key.partition("?")[0], Reply.json(answer))
        server.answer("/v1/oauth/token/info", Reply.json({"scopes": [scope]}))
        monkeypatch.setenv("DO_API_URL", server.url)

        assert main(["check"]) == 0

    said = [line for level, _, line in findings(capsys) if level == "warn" and scope in line]
    assert len(said) == warnings


def test_what_a_token_can_do_is_not_asked_when_it_is_refused(capsys, monkeypatch):
    with StubServer() as server:
        server.script("/v2/droplets", lambda _: Reply(status=401))
        monkeypatch.setenv("DO_API_URL", server.url)

        assert main(["check"]) == 1

        assert "/v1/oauth/token/info" not in {asked.path for asked in server.asked}
