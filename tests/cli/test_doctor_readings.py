"""`costmon check` reads whatever a vendor can answer, each reading by itself."""

import sys
from pathlib import Path

import pytest

from costmon import providers as package
from costmon.cli import main
from costmon.testing import Reply, StubServer

ROWS = b'[{"day": "2026-11-02", "cents": "1250"}, {"day": "2026-11-03", "cents": "41280.5"}]'


@pytest.fixture(autouse=True)
def vendor(tmp_path, monkeypatch, unused_port):
    elsewhere = str(Path(__file__).parent / "elsewhere")
    monkeypatch.setattr(package, "__path__", [*package.__path__, elsewhere])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSTMON_PORT", str(unused_port))
    with StubServer() as server:
        monkeypatch.setenv("METERED_KEY", "planted-key")
        monkeypatch.setenv("METERED_URL", server.url)
        server.answer("/charges", Reply(body=ROWS))
        server.answer("/usage", Reply(body=b'{"calls": 7}'))
        yield server
    sys.modules.pop("costmon.providers.metered", None)
    vars(package).pop("metered", None)


def findings(capsys):
    out = capsys.readouterr().out
    assert "planted-key" not in out
    return [line for line in out.splitlines() if " metered " in line]


def test_charges_are_summed_and_the_largest_is_shown_as_the_vendor_wrote_it(capsys):
    assert main(["check"]) == 0

    said = findings(capsys)
    assert (
        "425.305 USD in 2 rows since 2026-11-01 (UTC days), complete before 2026-11-20" in said[0]
    )
    assert '412.805 USD is the largest row, from {"cents": "41280.5"}' in said[1]


def test_quantities_and_gaps_of_usage_are_named(capsys):
    main(["check"])

    said = findings(capsys)
    assert any(line.startswith("ok") and "usage: calls 7 Requests" in line for line in said)
    assert any(line.startswith("warn") and "storage: not on this plan" in line for line in said)


def test_a_reading_that_fails_does_not_hide_the_others(vendor, capsys):
    vendor.answer("/charges", Reply(status=403))

    assert main(["check"]) == 1

    said = findings(capsys)
    assert [line[:4] for line in said] == ["FAIL", "ok  ", "warn"]
    assert "charges: metered: GET /charges" in said[0]
    assert "reason: permission" in said[0]
