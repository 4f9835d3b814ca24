import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.resource import Balance, Gap, KindFailure, NotPriced
from costmon.testing import samples
from costmon.testing.clock import START

FULL = samples.resource(
    "volume-1",
    name="Ärger <b>",
    kind="volume",
    monthly="10.123456789",
    region=None,
    size=None,
    status="in-use",
    created_at=dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
    currency="EUR",
    unpriced="backups: plan '4-hourly' has no known price",
    waste="powered off, still charged in full",
    details=(("backups", "weekly"), ("a", ""), ("a", "b")),
)
FACTS = {
    "gaps": (Gap(kind="database", reason="not visible with this token"),),
    "not_priced": (NotPriced(kind="space", reason="no API"),),
    "failed": (
        KindFailure(
            kind="database",
            reason="server",
            message="answered 500",
            since=START,
            last_seen_at=START - dt.timedelta(minutes=5),
        ),
    ),
    "balance": Balance(
        month_to_date_usage=Decimal("12.340"),
        currency="USD",
        generated_at=dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC),
    ),
}


def test_an_empty_history_has_no_accounts(store):
    assert store.latest() == ()


def test_an_inventory_comes_back_whole(store, token, cycles):
    observation = cycles.good(0, FULL, samples.resource("2", monthly=None), **FACTS)
    store.record(observation, token)

    [latest] = store.latest()

    assert latest.inventory == observation.inventory
    assert latest.cycle_id == observation.report.cycle_id


def test_an_inventory_of_nothing_is_known_too(store, token, cycles):
    store.record(cycles.good(0, samples.resource("1")), token)
    empty = cycles.good(10)
    store.record(empty, token)

    [latest] = store.latest()

    assert latest.inventory == empty.inventory


def test_news_of_every_field_is_kept(store, token, cycles):
    store.record(cycles.good(0, samples.resource("volume-1", kind="volume"), **FACTS), token)
    changed = cycles.good(10, FULL._replace(basis="billed"))
    store.record(changed, token)

    assert store.latest()[0].inventory == changed.inventory


@pytest.mark.parametrize(
    "orders",
    [
        ["abc", "cab", "bca"],
        ["abc", "bc", "xbycz", "zcyxb"],
        ["a", "ba", "cba", "cdba"],
        ["", "abc", "", "cba"],
    ],
)
def test_the_vendors_order_is_kept(store, token, cycles, orders):
    for minute, order in enumerate(orders):
        store.record(cycles.good(minute, *map(samples.resource, order)), token)

        [latest] = store.latest()
        assert "".join(it.id for it in latest.inventory.resources) == order


def test_a_failed_cycle_keeps_the_last_good_inventory(store, token, cycles):
    good = cycles.good(0, samples.resource("1"))
    store.record(good, token)
    store.record(cycles.failed(10), token)

    [latest] = store.latest()

    assert latest.inventory == good.inventory
    assert latest.cycle_id == good.report.cycle_id


def test_accounts_come_by_name(store, token, cycles):
    for name in ("zeta", "alpha"):
        store.record(cycles.good(0, samples.resource("1", account=name), account=name), token)

    assert [it.inventory.account for it in store.latest()] == ["alpha", "zeta"]


def test_the_moment_is_the_vendors_not_historys(store, token, cycles):
    store.record(cycles.good(600_000, samples.resource("1")), token)
    store.record(cycles.good(10, samples.resource("1")), token)

    assert store.latest()[0].inventory.observed_at == START + dt.timedelta(minutes=10)
