"""What cycles leave behind, on every database."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.resource import Gap
from costmon.store import open_store
from costmon.testing import samples
from costmon.testing.clock import START

MINUTE = 60 * 1_000_000
BASE = int(START.timestamp()) * 1_000_000
HOUR_RATE = Decimal("7.20")
"""A monthly rate that comes to one cent an hour."""


def intervals(look):
    """Return (id, from, to, monthly) with times in minutes after START and money in nano."""
    rows = look(
        "SELECT vendor_id, valid_from, valid_to, monthly FROM rate_interval"
        " JOIN resource ON resource.id = resource_id ORDER BY vendor_id, valid_from"
    )
    return [(name, minutes(start), minutes(end), monthly) for name, start, end, monthly in rows]


def minutes(micros):
    return None if micros is None else (micros - BASE) / MINUTE


def accrued(look):
    rows = look("SELECT accrued, remainder FROM daily_rollup")
    return Decimal(sum(row[0] for row in rows)).scaleb(-9) + (
        Decimal(sum(row[1] for row in rows)) / (720 * 3600 * 10**6)
    ).scaleb(-9)


def test_the_first_sight_opens_an_interval_at_the_observation(store, token, cycles, look):
    assert store.record(cycles.good(0, samples.resource("1", monthly="12")), token)

    assert intervals(look) == [("1", 0, None, 12 * 10**9)]
    assert accrued(look) == 0


def test_a_steady_resource_accrues_its_rate_and_keeps_one_interval(store, token, cycles, look):
    for moment in (0, 30, 90):
        store.record(cycles.good(moment, samples.resource("1", monthly=HOUR_RATE)), token)

    assert intervals(look) == [("1", 0, None, int(HOUR_RATE * 10**9))]
    assert accrued(look) == Decimal("0.015")


def test_a_new_rate_holds_from_the_cycle_that_saw_it(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.good(60, samples.resource("1", monthly="72")), token)
    store.record(cycles.good(120, samples.resource("1", monthly="72")), token)

    assert intervals(look) == [("1", 0, 60, 7_200_000_000), ("1", 60, None, 72_000_000_000)]
    assert accrued(look) == Decimal("0.11")


def test_what_vanished_ended_when_it_was_last_seen(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.good(120), token)

    assert intervals(look) == [("1", 0, 60, 7_200_000_000)]
    assert accrued(look) == Decimal("0.01")


def test_a_new_one_began_when_the_vendor_says_if_that_lies_between_cycles(
    store, token, cycles, look
):
    created = START + dt.timedelta(minutes=30)
    store.record(cycles.good(0), token)

    store.record(cycles.good(60, samples.resource("1", monthly="7.20", created_at=created)), token)

    assert intervals(look) == [("1", 30, None, 7_200_000_000)]
    assert accrued(look) == Decimal("0.005")


@pytest.mark.parametrize("created", [-5, 0, 60, 61])
def test_an_implausible_creation_counts_from_the_observation(store, token, cycles, look, created):
    created_at = START + dt.timedelta(minutes=created)
    store.record(cycles.good(0), token)

    store.record(cycles.good(60, samples.resource("1", created_at=created_at)), token)

    assert intervals(look)[0][1] == 60
    assert accrued(look) == 0


def test_an_unknown_price_accrues_nothing_and_is_counted(store, token, cycles, look):
    for moment in (0, 60):
        store.record(cycles.good(moment, samples.resource("1", monthly=None)), token)

    assert intervals(look) == [("1", 0, None, None)]
    assert look("SELECT accrued, resource_count, unpriced_count FROM daily_rollup") == [(0, 1, 1)]


def test_a_price_that_becomes_known_counts_from_then_on(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", monthly=None)), token)
    store.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.good(120, samples.resource("1", monthly="7.20")), token)

    assert intervals(look) == [("1", 0, 60, None), ("1", 60, None, 7_200_000_000)]
    assert accrued(look) == Decimal("0.01")


def test_a_failed_cycle_is_a_row_and_ends_nothing(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.failed(30, "timeout", "no answer"), token)
    store.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)

    assert intervals(look) == [("1", 0, None, 7_200_000_000)]
    assert accrued(look) == Decimal("0.01")
    assert look("SELECT outcome, reason, message FROM poll_cycle ORDER BY id") == [
        ("good", None, None),
        ("failed", "timeout", "no answer"),
        ("good", None, None),
    ]


def test_a_cycle_is_written_once_however_often_it_is_recorded(store, token, cycles, look):
    first = cycles.good(0, samples.resource("1"))
    second = cycles.good(60, samples.resource("1"), samples.resource("2"))
    failed = cycles.failed(90)
    assert [store.record(it, token) for it in (first, second, failed)] == [True] * 3
    before = look.everything()

    assert [store.record(it, token) for it in (first, second, failed)] == [False] * 3

    assert look.everything() == before


def test_a_cycle_that_waited_too_long_rewrites_nothing(store, token, cycles, look):
    late = cycles.good(30, samples.resource("1", monthly="99"), samples.resource("9"))
    store.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    store.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)
    before = intervals(look), accrued(look), store.latest()

    assert store.record(late, token)

    assert (intervals(look), accrued(look), store.latest()) == before
    assert look("SELECT count(*) FROM poll_cycle") == [(3,)]


def test_after_a_clock_was_set_back_changes_are_seen_and_accrual_goes_on(
    store, token, cycles, look, clock
):
    store.record(cycles.good(600_000, samples.resource("1", monthly="7.20")), token)

    store.record(cycles.good(10, samples.resource("1", monthly="72"), samples.resource("2")), token)
    store.record(cycles.good(15, samples.resource("2")), token)
    store.record(cycles.good(20, samples.resource("1", monthly="72")), token)

    [latest] = store.latest()
    assert [it.id for it in latest.inventory.resources] == ["1"]
    assert all(end is None or start <= end for _, start, end, _ in intervals(look))
    # Number 2 was there from minute 10 to 15, and cost what `samples.resource` says.
    assert accrued(look) == pytest.approx(Decimal(12) / 720 * 5 / 60)


def test_what_comes_back_continues_as_the_same_resource(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1")), token)
    store.record(cycles.good(10), token)
    store.record(cycles.good(20, samples.resource("1", name="renamed")), token)

    assert [it[:3] for it in intervals(look)] == [("1", 0, 0), ("1", 20, None)]
    assert look("SELECT name FROM resource") == [("renamed",)]


def test_only_the_rate_makes_an_interval_names_and_states_do_not(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", name="old", status="active")), token)
    store.record(
        cycles.good(10, samples.resource("1", name="new", status="off", waste="off")), token
    )

    assert len(intervals(look)) == 1
    assert look("SELECT name, status, waste FROM resource") == [("new", "off", "off")]


def test_one_id_twice_in_an_inventory_counts_once(store, token, cycles, look):
    twice = samples.resource("1", monthly="7.20"), samples.resource("1", monthly="99")

    store.record(cycles.good(0, *twice), token)
    store.record(cycles.good(60, *twice), token)

    assert intervals(look) == [("1", 0, None, 7_200_000_000)]


def test_the_same_id_of_another_kind_or_account_is_another_resource(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1"), samples.resource("1", kind="volume")), token)
    store.record(cycles.good(0, samples.resource("1", account="other"), account="other"), token)

    assert look("SELECT count(*) FROM resource") == [(3,)]


def test_amounts_are_rounded_half_to_even_at_the_border_only(store, token, cycles, totals, look):
    third = Decimal("1.0000000005"), Decimal("1.0000000015")

    store.record(
        cycles.good(
            0,
            samples.resource("1", monthly=third[0]),
            samples.resource("2", monthly=third[1]),
            totals=totals("100"),
        ),
        token,
    )

    assert [it[3] for it in intervals(look)] == [1_000_000_000, 1_000_000_002]
    assert look("SELECT total_daily, total_hourly, account_monthly FROM poll_cycle") == [
        (3_333_333_333, 138_888_889, 2_000_000_002)
    ]


def test_currencies_are_not_added_in_an_account(store, token, cycles, look):
    store.record(
        cycles.good(0, samples.resource("1"), samples.resource("2", currency="EUR")), token
    )

    assert look("SELECT account_monthly, account_currency FROM poll_cycle") == [(None, None)]
    assert look("SELECT currency FROM daily_rollup ORDER BY currency") == [("EUR",), ("USD",)]


@pytest.mark.parametrize("cost", ["1e30", "NaN", "-Infinity"])
def test_an_impossible_price_is_unknown_not_a_lost_cycle(store, cycles, totals, look, cost):
    token = store.claim("persister")
    for moment in (0, 60):
        observation = cycles.good(
            moment, samples.resource("1", monthly=cost), totals=totals("1e30")
        )
        assert store.record(observation, token)

    assert intervals(look) == [("1", 0, None, None)]
    assert look("SELECT unpriced_count FROM daily_rollup") == [(1,)]
    [latest] = store.latest()
    assert latest.inventory.resources[0].unpriced is not None


HOSTILE = [
    "\0",
    "a\0b",
    "lone \ud800 surrogate",
    "<script>alert(1)</script>",
    "x" * 1_000_000,
    "'; DROP TABLE resource; --",
    "%s %(name)s ? :name",
    "日本語 \u202e right to left",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_never_makes_a_cycle_unrecordable(store, token, cycles, look, text):
    hostile = samples.resource(
        text,
        name=text,
        kind=text,
        region=text,
        size=text,
        status=text,
        unpriced=text,
        waste=text,
        details=((text, text),),
    )
    gap = Gap(kind=text, reason=text)

    for moment in (0, 60, 120):
        assert store.record(cycles.good(moment, hostile, gaps=(gap,)), token)
    assert store.record(cycles.failed(130, message=text), token)

    assert len(intervals(look)) == 1
    assert accrued(look) > 0
    assert len(store.latest()[0].inventory.resources) == 1


def test_a_restart_continues_where_the_last_process_stopped(url, clock, cycles, look):
    with open_store(url, clock=clock) as first:
        token = first.claim("persister")
        first.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    with open_store(url, clock=clock) as second:
        token = second.claim("persister")
        second.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)

    assert intervals(look) == [("1", 0, None, 7_200_000_000)]
    assert accrued(look) == Decimal("0.01")


def test_what_another_writer_recorded_meanwhile_is_read_anew(url, clock, cycles, look):
    with open_store(url, clock=clock) as one, open_store(url, clock=clock) as other:
        token = one.claim("persister")
        one.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
        # The same token in two processes is not meant to be, and still must not corrupt history.
        other.record(cycles.good(30, samples.resource("1", monthly="72")), token)
        other.record(cycles.good(60, samples.resource("2", monthly="72")), token)
        one.record(cycles.good(90, samples.resource("2", monthly="7.20")), token)

    assert intervals(look) == [
        ("1", 0, 30, 7_200_000_000),
        ("1", 30, 30, 72_000_000_000),
        ("2", 60, 90, 72_000_000_000),
        ("2", 90, None, 7_200_000_000),
    ]


def test_memory_is_right_after_a_transaction_that_failed(store, token, cycles, look):
    store.record(cycles.good(0, samples.resource("1", monthly="7.20")), token)
    look.write("ALTER TABLE daily_rollup RENAME TO away")
    with pytest.raises(Exception, match="daily_rollup"):
        store.record(cycles.good(30, samples.resource("1", monthly="72")), token)
    look.write("ALTER TABLE away RENAME TO daily_rollup")

    store.record(cycles.good(60, samples.resource("1", monthly="7.20")), token)

    assert intervals(look) == [("1", 0, None, 7_200_000_000)]
    assert look("SELECT count(*) FROM poll_cycle") == [(2,)]


def test_history_is_readable_by_hand(store, token, cycles, totals, look):
    store.record(cycles.good(0, samples.resource("1"), totals=totals("150")), token)
    store.record(cycles.failed(5), token)
    store.record(cycles.failed(10, totals=totals("9223372036.854775807")), token)

    assert look("SELECT * FROM cost_history ORDER BY id") == [
        (1, "2026-11-21T10:00:00Z", "150.000000000", "5.000000000", "0.208333333", 3),
        (
            3,
            "2026-11-21T10:10:00Z",
            "9223372036.854775807",
            "307445734.561825860",
            "12810238.940076078",
            3,
        ),
    ]


def test_an_unknown_count_of_droplets_is_absent_and_not_zero(store, token, cycles, totals, look):
    store.record(cycles.good(0, totals=totals("1", kinds=(), resource_count=5)), token)
    store.record(
        cycles.good(5, totals=totals("1", kinds=(("volume", 5),), resource_count=5)), token
    )

    assert look("SELECT droplet_count FROM cost_history ORDER BY id") == [(None,), (0,)]


def test_an_alert_is_remembered_over_a_restart(url, clock):
    with open_store(url, clock=clock) as store:
        token = store.claim("alerter")
        store.remember_alert("threshold", '{"sent": 1}', token)
        store.remember_alert("threshold", '{"sent": 2}', token)
        store.remember_alert("child:poller.\0" + "x" * 1000, "{}" + " " * 10_000, token)

    with open_store(url, clock=clock) as store:
        memory = store.alert_memory()

    assert memory["threshold"] == '{"sent": 2}'
    assert "{}" + " " * 10_000 in memory.values()
