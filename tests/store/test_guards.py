"""What guards report: copies change nothing, totals are exact and never forget."""

import datetime as dt
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.errors import StoreFencedError
from costmon.store import Retention, open_store
from costmon.store import guards as guards_module
from costmon.store.migrate import downgrade, upgrade
from costmon.testing.clock import START, FakeClock
from costmon.testing.spend import guard_report, spend_row

FOREVER = Retention(guard_spend=math.inf)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def record(store, token):
    def write(*reports, retention=FOREVER):
        return [store.record_report(report, retention, token) for report in reports][-1]

    return write


def spent(store, scope="global", currency="USD"):
    return store.decisions().totals[scope, currency].spent


def test_a_report_that_comes_twice_is_counted_once(record, store, look):
    report = guard_report(1, [spend_row("0.01", failed=1)])

    first, second = record(report), record(report)

    assert first == second
    assert first.totals["global", "USD"] == ("USD", Decimal("0.01"), 1, 1)
    assert look("SELECT spent, requests, failed FROM guard_spend") == [(10_000_000, 1, 1)]
    assert spent(store) == Decimal("0.01")


def test_a_newer_row_replaces_an_older_one_and_never_the_other_way(record, store):
    old, new = spend_row("0.01"), spend_row("0.03", requests=3, changes=4)

    record(guard_report(1, [new]), guard_report(2, [old]))

    assert store.decisions().totals["global", "USD"] == ("USD", Decimal("0.03"), 3, 0)


def test_a_correction_downwards_is_the_truth(record, store):
    record(guard_report(1, [spend_row("0.05")]))
    record(guard_report(2, [spend_row("0.02", changes=2)]))

    assert spent(store) == Decimal("0.02")


def test_guards_that_share_a_store_are_not_added_and_stores_are(record, store):
    rows = [spend_row("1")]

    record(guard_report(1, rows, guard="a"), guard_report(1, rows, guard="b"))
    record(guard_report(1, rows, guard="c", store="other"))

    assert spent(store) == Decimal(2)


def test_scopes_hours_activities_and_currencies_are_kept_apart(record, store):
    record(
        guard_report(
            1,
            [
                spend_row("1"),
                spend_row("2", scope="host:a.example"),
                spend_row("4", hour=START + HOUR),
                spend_row("8", activity="delivery"),
            ],
        ),
        guard_report(1, [spend_row("16")], guard="e", store="e", currency="EUR"),
    )

    totals = {key: total.spent for key, total in store.decisions().totals.items()}
    assert totals == {
        ("global", "USD"): 13,
        ("host:a.example", "USD"): 2,
        ("global", "EUR"): 16,
    }


def test_calls_without_a_price_are_totalled_apart_as_well(record, store):
    unpriced = spend_row("0.05", scope="model:new", activity="unpriced_call")
    priced = spend_row("2", scope="model:new")

    first = record(guard_report(1, [unpriced, priced]))
    again = record(guard_report(1, [unpriced, priced]))
    record(guard_report(2, [unpriced._replace(spent=Decimal("0.10"), requests=2, changes=9)]))

    key = ("model:new", "USD")
    assert first.unpriced == again.unpriced == {key: ("USD", Decimal("0.05"), 1, 0)}
    assert store.decisions().unpriced == {key: ("USD", Decimal("0.1"), 2, 0)}
    assert store.decisions().totals[key].spent == Decimal("2.1")


def test_calls_without_a_price_that_older_versions_recorded_are_counted(record, store, url):
    hours = [START, START + HOUR]
    rows = [spend_row("0.05", hour=hour, activity="unpriced_call") for hour in hours]
    record(guard_report(1, [*rows, spend_row("2")]))
    before = store.decisions().unpriced

    downgrade(url, "0009")
    upgrade(url)

    assert store.decisions().unpriced == before
    assert before["global", "USD"].requests == 2


def test_calls_without_a_price_stay_counted_when_their_rows_are_forgotten(
    record, store, look, clock
):
    record(guard_report(1, [spend_row("0.05", activity="unpriced_call")]))

    store.prune(clock.now() + dt.timedelta(days=40), Retention(guard_spend=30))

    assert look("SELECT count(*) FROM guard_spend") == [(0,)]
    assert store.decisions().unpriced["global", "USD"].requests == 1


def test_a_store_that_changes_its_currency_takes_its_rows_along(record, store):
    record(guard_report(1, [spend_row("5")]))
    record(guard_report(2, [spend_row("6", changes=2)], currency="EUR"))

    assert spent(store, currency="EUR") == 6
    assert spent(store) == 0


def test_totals_stay_when_rows_are_forgotten_and_late_copies_are_not_counted_again(
    record, store, look, clock
):
    old = guard_report(1, [spend_row("7")])
    record(old)
    retention = Retention(guard_spend=30)

    removed = store.prune(clock.now(), retention)
    recorded = record(guard_report(2, [spend_row("7", changes=9)]), retention=retention)

    assert removed["guard_spend"] == 1
    assert recorded.ignored == 1
    assert look("SELECT count(*) FROM guard_spend") == [(0,)]
    assert spent(store) == 7


def test_rows_are_kept_for_as_long_as_copies_of_them_are_taken(record, store, look, clock):
    retention = Retention(guard_spend=30)
    edge = clock.now() - dt.timedelta(days=30)
    record(guard_report(1, [spend_row("7", hour=edge)]), retention=retention)

    store.prune(clock.now() + dt.timedelta(hours=20), retention)
    record(guard_report(2, [spend_row("7", hour=edge, changes=2)]), retention=retention)

    assert spent(store) == 7


def test_guards_that_are_not_seen_any_more_are_forgotten(record, store, look, clock):
    record(guard_report(1))

    removed = store.prune(clock.now() + dt.timedelta(days=40), Retention(guard_spend=30))

    assert removed["guard_seen"] == 1
    assert look("SELECT count(*) FROM guard_seen") == [(0,)]


def test_confirmed_is_the_last_report_before_the_first_gap(record, look):
    assert record(guard_report(1)).confirmed == 1
    assert record(guard_report(2)).confirmed == 2
    assert record(guard_report(4)).confirmed == 2
    later = START + dt.timedelta(minutes=2)
    assert record(guard_report(5, sent_at=later)).confirmed == 5
    assert look("SELECT guard, app, host, pid, sequence, confirmed FROM guard_seen") == [
        ("g1", "worker", "box", 12, 5, 5)
    ]


def test_a_guard_that_told_an_earlier_service_is_not_confirmed_before_it_tells_all_again(record):
    assert record(guard_report(9)).confirmed is None


@pytest.mark.parametrize(
    "row",
    [
        spend_row("NaN"),
        spend_row("Infinity"),
        spend_row("1e12"),
        spend_row(requests=2**63),
        spend_row(changes=-1),
        spend_row(hour=START.replace(tzinfo=None)),
    ],
)
def test_a_row_that_no_column_can_hold_is_ignored_and_the_others_are_not(record, store, row):
    recorded = record(guard_report(1, [row, spend_row("1", scope="key:k")]))

    assert recorded.ignored == 1
    assert spent(store, "key:k") == 1


def test_amounts_below_a_nano_unit_are_rounded_half_to_even(record, store):
    record(guard_report(1, [spend_row("0.0000000025")]))

    assert spent(store) == Decimal("0.000000002")


def test_hostile_text_is_stored_as_any_other(record, store):
    record(
        guard_report(
            1,
            [spend_row("1", scope="key:\0\ud800", activity="x" * 5000)],
            guard="g\0",
            store="s" * 900,
            app="\ud800",
            host="\0" * 9000,
        )
    )

    assert spent(store, "key:\N{SYMBOL FOR NULL}\N{REPLACEMENT CHARACTER}") == 1


def test_a_total_beyond_all_money_stands_still(record, store):
    record(guard_report(1, [spend_row("9e9"), spend_row("9e9", activity="other")]))

    assert spent(store) == Decimal("9223372036.854775807")


def test_many_rows_go_in_portions(record, store, monkeypatch):
    monkeypatch.setattr(guards_module, "_AT_ONCE", 3)
    rows = [spend_row("1", scope=f"key:{n}") for n in range(10)]

    record(guard_report(1, rows), guard_report(2, rows))

    assert len(store.decisions().totals) == 10


def test_a_replaced_writer_writes_nothing(store, token, look):
    store.claim("persister")

    with pytest.raises(StoreFencedError):
        store.record_report(guard_report(1, [spend_row()]), FOREVER, token)

    assert look("SELECT count(*) FROM guard_spend") == [(0,)]
    assert look("SELECT count(*) FROM guard_total") == [(0,)]


@pytest.fixture(scope="module")
def any_store(tmp_path_factory):
    """A history that every example of a property may write to, each under a name of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('property') / 'costmon.db'}"
    upgrade(url)
    with open_store(url, clock=FakeClock(START)) as store:
        yield store, store.claim("persister"), iter(range(10**9))


@given(
    copies=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 6)),
        min_size=1,
        max_size=40,
    ),
    twice=st.booleans(),
)
@settings(deadline=None)
def test_rows_in_any_order_and_twice_add_up_to_the_newest_of_each(any_store, copies, twice):
    store, token, numbers = any_store
    example = next(numbers)
    newest: dict[tuple[str, int], int] = {}
    for sequence, (place, hour, changes) in enumerate(copies * (1 + twice), start=1):
        row = spend_row(
            str(changes), scope=f"key:{example}", hour=START + hour * HOUR, changes=changes
        )
        report = guard_report(sequence, [row], store=f"{place}{example}")
        recorded = store.record_report(report, FOREVER, token)
        newest[place, hour] = max(newest.get((place, hour), 0), changes)

        assert recorded.totals[f"key:{example}", "USD"].spent == sum(newest.values())
