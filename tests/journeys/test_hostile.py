"""Hostile answers of a vendor, from the wire to the page."""

import re
import sqlite3
from contextlib import closing

import pytest

from costmon.testing import digitalocean as do
from costmon.testing.stub import Reply, StubServer
from tests.journeys.service import CURRENT, Service, run

SCRIPT = "<script>alert('mine')</script>"
NAMES = (
    SCRIPT,
    '"; drop table resource; --',
    "line\nbreak\x1b[31m\x00\x07",
    "\u202egnp.exe \u0627\u0644\u062e\u0627\u062f\u0645 \u30b5\u30fc\u30d0 \U0001f4b8",
    "half a pair \ud800",
    "x" * 1_000_000,
)

pytestmark = pytest.mark.process


@pytest.fixture
def vendor():
    with StubServer() as server:
        for path, answer in do.empty_account().items():
            server.answer(path, Reply.json(answer))
        yield server


def droplets(vendor, *items):
    listing = do.listing("droplets", list(items))
    empty = Reply.json(do.listing("droplets", []))
    vendor.script(
        do.DROPLETS,
        lambda asked: empty if asked.query.get("type") == "gpus" else Reply.json(listing),
    )


def costs(service: Service):
    return service.get(CURRENT).json()["data"]


def test_hostile_names_are_escaped_wherever_they_appear(tmp_path, vendor):
    droplets(vendor, *(do.droplet(n, name=name) for n, name in enumerate(NAMES, start=1)))

    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        service.wait_for("persister.cycle_written")
        data = costs(service)
        page = service.get("/").body.decode()
        metrics = service.get("/metrics").body.decode()
        assert service.terminate() == 0

    assert data["total_monthly"] == 12.0 * len(NAMES)
    assert data["droplets"][0]["name"] == SCRIPT
    assert all(len(droplet["name"]) <= 1_001 for droplet in data["droplets"])
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(" in page
    assert "\x1b" not in page + metrics + "".join(service.raw)
    with closing(sqlite3.connect(service.state / "costmon.db")) as database:
        rows = database.execute("select count(*) from resource").fetchone()
    assert rows == (len(NAMES),)


@pytest.mark.parametrize(
    ("reply", "reason", "said"),
    [
        (Reply.json({"droplets": [{"id": 1}]}), "schema", r"\$\.droplets\[0\]"),
        (Reply(body=b'{"droplets": [', headers={"content-type": "application/json"}), "schema", ""),
        (Reply(body=b"<html>hi</html>", headers={"content-type": "text/html"}), "schema", "JSON"),
        (Reply(status=302, headers={"location": "http://192.0.2.1/v2/droplets"}), "schema", ""),
        (
            Reply(
                body=b'"' + b"x" * 11_000_000 + b'"', headers={"content-type": "application/json"}
            ),
            "schema",
            "larger than",
        ),
    ],
    ids=["missing field", "truncated", "html", "redirect", "eleven megabytes"],
)
def test_a_bad_answer_is_a_visible_failed_kind_and_its_last_costs_stay(
    tmp_path, vendor, reply, reason, said
):
    droplets(vendor, do.droplet(1), do.droplet(2))

    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        vendor.answer(do.DROPLETS, reply)
        failed = service.wait_for("poller.kind_failed")
        service.wait_for("calculator.costs_published", cycle_id=failed["cycle_id"])
        data, account = costs(service), service.get("/api/v1/providers").json()["data"][0]
        assert service.terminate() == 0

    assert (failed["kind"], failed["reason"]) == ("droplet", reason)
    assert "digitalocean: GET /v2/droplets" in failed["error"]
    assert re.search(said, failed["error"])
    assert data["total_monthly"] == 24.0
    assert [(it["kind"], it["failure"]) for it in account["stale_kinds"]] == [("droplet", reason)]
    assert service.heard("actor.crashed") == []


def test_a_resource_of_a_negative_price_is_unpriced_and_the_others_keep_theirs(tmp_path, vendor):
    droplets(vendor, do.droplet(1), do.droplet(2, size={"price_monthly": -4}))

    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        data = costs(service)
        assert service.terminate() == 0

    assert data["total_monthly"] == 12.0
    assert data["droplets"][1]["monthly_cost"] is None
    assert data["droplets"][1]["daily_cost"] is None
