"""One vendor that hangs or talks nonsense does not delay the others, nor the end of the process."""

import datetime as dt
import threading
import time

import pytest

from costmon.testing import digitalocean
from costmon.testing.stub import Reply, StubServer
from tests.journeys.service import PATIENCE_S, TOKEN, Service
from tests.journeys.vendors import Vendors

HANGS = 3600.0
SLOW_S = 0.5
# What each healthy account logs at the end of its slowest reading.
ENDS = {
    "anthropic": "poller.charges_completed",
    "digitalocean": "poller.inventory_fetched",
    "openai": "poller.charges_completed",
    "vercel": "poller.charges_completed",
}


def wait_until(claim, what):
    pause = threading.Event()
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s: {what}"
        pause.wait(0.005)


def test_a_refresh_of_the_others_waits_neither_for_a_vendor_that_hangs_nor_for_nonsense(tmp_path):
    with Vendors() as vendors, Service(tmp_path / "apart", **vendors.environment) as service:
        service.when("/readyz", 200)
        # Before it is recorded that all is read, a refresh would read the past once more.
        for account in ("anthropic", "openai", "vercel"):
            service.wait_for("persister.reading_recorded", account=account, reading="charges")
        vendors.delays_s = {"vercel": SLOW_S, "wasabi": HANGS}
        vendors.faults["supabase"] = Reply(body=b"<html>hello</html>")
        asked_before = len(vendors.servers["wasabi"].asked)

        began_s = time.monotonic()
        assert service.get("/refresh", method="POST").status == 202
        ends = [service.wait_for(it, account=name, count=2) for name, it in ENDS.items()]
        took_s = time.monotonic() - began_s

        failed = service.wait_for("poller.poll_failed", account="supabase")
        wait_until(lambda: len(vendors.servers["wasabi"].asked) > asked_before, "wasabi is asked")
        assert failed["reason"] in {"schema", "network"}
        assert not service.heard("poller.poll_failed", account="wasabi")
        slowest_s = max(end["duration_s"] for end in ends)
        assert slowest_s >= SLOW_S
        # `python -m benchmarks vendors` measures it; to wait for Wasabi takes 15 s and more.
        assert took_s < slowest_s + 10.0


def reading_from(folder, hanging, accounts):
    """Return a process that reads so many vendors, none of which answers."""
    folder.mkdir()
    folder.joinpath("costmon.toml").write_text(
        "".join(
            f'[[account]]\nprovider = "digitalocean"\nname = "v{n}"\ntoken_env = "TOKEN_{n}"\n'
            for n in range(accounts)
        )
    )
    tokens = {f"TOKEN_{n}": f"{TOKEN}{n}" for n in range(accounts)}
    return Service(folder, DO_API_URL=hanging.url, **tokens)


def stop_took_s(service):
    """Return how long the actors took to stop, by the log of the process."""
    assert service.end() == 0
    began, ended = (
        dt.datetime.fromisoformat(service.heard(event)[0]["timestamp"])
        for event in ("supervisor.stop_started", "system.stopped")
    )
    return (ended - began).total_seconds()


@pytest.fixture
def hanging():
    with StubServer() as server:
        for path in digitalocean.empty_account():
            server.answer(path.partition("?")[0], Reply(delay_s=HANGS))
        yield server


def test_a_stop_with_ten_vendors_that_hang_takes_as_long_as_with_one(tmp_path, hanging):
    with (
        reading_from(tmp_path / "one", hanging, accounts=1) as one,
        reading_from(tmp_path / "ten", hanging, accounts=10) as ten,
    ):
        wait_until(lambda: len(hanging.asked) == 11, "all vendors are asked")
        for service in (one, ten):
            service.process.terminate()
        one_s, ten_s = stop_took_s(one), stop_took_s(ten)

        assert len(ten.heard("system.stopped")[0]["unstopped"]) == 10
        assert ten_s < 3 * one_s, "one after the other they would take ten times as long as one"
