"""From what meters report, in the database, to a finding about an endpoint."""

import datetime as dt
import random
from decimal import Decimal

from costmon.actors.detection import Detection, DetectionPlan
from costmon.alerts.spend import spend_found
from costmon.bootstrap.history import FencedWriter, SpendHistory
from costmon.domain.finding import Series, bucket_floor
from costmon.state import metered_spend
from costmon.state.published import Published
from costmon.store import Retention, open_store
from costmon.store.spend import SavedWatch
from tests.meter.sample import row, snapshot

HOUR = dt.timedelta(hours=1)
ENDPOINT = "endpoint:shop GET /search"
BEGAN = 8 * 24 + 5
"""Number of the hour in which the endpoint begins to burn."""


def used(route, cpu_s):
    return row(route, cpu_ms=[cpu_s * 1000], bytes_out=0)


def test_only_an_endpoint_that_takes_a_hundred_times_as_much_is_told(sqlite_url, clock):
    with open_store(sqlite_url, clock=clock) as store:
        told = told_of_a_burning_endpoint(store, clock)

    ((hour, finding),) = told
    assert (hour, finding.series.source) == (BEGAN, "meters")
    assert ENDPOINT in {finding.series.scope, *(it.scope for it in finding.contributors)}
    assert "circuits" not in spend_found(finding).text


def told_of_a_burning_endpoint(store, clock):
    """Return each finding that is opened, with the number of its hour."""
    rng = random.Random(5)
    writer = FencedWriter(store, store.claim("persister"), Retention())
    history = SpendHistory(store, "detection", opened=Published(None))
    plan = DetectionPlan(open_store=lambda: history, bucket_s=3600, timezone="UTC", expected=())
    detection = Detection(plan, lambda: None)
    began, cpu, told = clock.now().timestamp(), {"/search": 0.0, "/cart": 0.0}, []
    for hour in range(BEGAN + 2):
        clock.advance(3600)
        for route, seconds in (("/search", 2), ("/cart", 60)):
            burns = hour >= BEGAN and route == "/search"
            cpu[route] += seconds * rng.uniform(0.8, 1.2) * (100 if burns else 1)
        shop = snapshot(*(used(*it) for it in cpu.items()), started_at=began)
        # Each look takes up what the one before has left in the database, as after a kill.
        known = writer.metered()
        before = metered_spend.from_bytes(known.state) if known else None
        seen, spent = metered_spend.looked(before, [shop], clock.now(), 3600)
        until = bucket_floor(clock.now(), 3600)
        writer.record_metered(spent, SavedWatch(until, metered_spend.to_bytes(seen)))
        if hour == 0 or hour >= BEGAN - 1:  # what came between is fed at once
            told += [(hour, it) for it in detection.closed(until) if it.state == "opened"]
    return told


def test_what_is_written_again_for_a_bucket_takes_the_place_of_what_was(store, clock, token):
    series = Series(ENDPOINT, "USD")
    until = bucket_floor(clock.now(), 300)

    for amount in ("0.5", "0.25"):
        spent = {series: metered_spend.MeteredSpend(Decimal(amount), Decimal(0))}
        store.record_metered(spent, SavedWatch(until, amount.encode()), token)

    assert store.spend_sums(until - HOUR, until) == {series: Decimal("0.25")}
    assert store.metered() == SavedWatch(until, b"0.25")
    assert store.watches().watches == {}
