import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.resource import Balance, KindFailure
from costmon.domain.usage import PREPAID_BALANCE, Quantity, UsageReading
from costmon.state import fold
from costmon.state.accounts import difference_of
from costmon.state.freshness import account_state, reading_state, staleness, trouble
from costmon.testing.clock import START
from costmon.testing.samples import ALL_READINGS, failure, inventory, report, resource

MINUTE = dt.timedelta(minutes=1)
YESTERDAY = START - dt.timedelta(days=1)
ACCOUNTS = (("digitalocean", "digitalocean"),)


def empty(accounts=ACCOUNTS, restored=None, now=START):
    return fold.first(accounts, restored or {}, now=now, demo=False)


def polled(*resources, now=START, cycle="cycle-1", snapshot=None, balance=None):
    seen = inventory(resources, observed_at=now, balance=balance)
    return fold.fetched(snapshot or empty(), report(cycle, started_at=now), seen, now)


def test_before_the_first_poll_nothing_is_known():
    snapshot = empty()

    assert snapshot.totals is None
    assert snapshot.as_of is None
    assert account_state(snapshot.accounts[0], START) == "off"


def test_totals_are_the_sum_of_what_is_priced():
    snapshot = polled(
        resource("1", monthly="100.10"),
        resource("2", monthly="0.02"),
        resource("3", kind="volume", monthly="10"),
        resource("4", monthly=None),
    )

    assert snapshot.totals is not None
    assert snapshot.totals.monthly == Decimal("110.12")
    assert snapshot.totals.daily == Decimal("110.12") / 30
    assert snapshot.totals.hourly == Decimal("110.12") / 720
    assert snapshot.totals.kinds == (("droplet", 3), ("volume", 1))
    assert snapshot.totals.resource_count == 4
    assert snapshot.totals.unpriced_count == 1


@given(
    st.lists(st.one_of(st.none(), st.decimals(0, 10**6, places=6, allow_nan=False)), max_size=40)
)
def test_the_total_is_exact_whatever_the_prices(prices):
    snapshot = polled(*(resource(str(n), monthly=price) for n, price in enumerate(prices)))

    assert snapshot.totals is not None
    assert snapshot.totals.monthly == sum((p for p in prices if p is not None), Decimal())


def test_an_empty_account_costs_zero_and_is_known():
    snapshot = polled()

    assert snapshot.totals is not None
    assert snapshot.totals.monthly == 0
    assert snapshot.totals.resource_count == 0


def test_other_currencies_are_kept_apart():
    snapshot = polled(resource("1", monthly="5"), resource("2", monthly="7", currency="EUR"))

    assert snapshot.totals is not None
    assert snapshot.totals.monthly == 5
    assert snapshot.accounts[0].other_currencies == (("EUR", Decimal(7)),)


def test_the_totals_are_over_the_accounts_of_all_vendors():
    accounts = (("one", "digitalocean"), ("two", "digitalocean"), ("three", "hetzner"))
    snapshot = empty(accounts)
    for name, provider in accounts:
        seen = inventory([resource(account=name)], account=name, provider=provider)
        snapshot = fold.fetched(snapshot, report(name, account=name), seen, START)

    assert snapshot.totals is not None
    assert snapshot.totals.monthly == 36
    assert snapshot.totals.kinds == (("droplet", 3),)


def test_a_failed_cycle_keeps_the_last_good_figures_and_makes_them_stale():
    good = polled(resource())

    later = START + 5 * MINUTE
    bad = fold.failed(good, report("cycle-2", started_at=later), failure(failed_at=later), later)

    assert bad.totals == good.totals
    assert bad.as_of == START
    stale = staleness(bad, later)
    assert stale is not None
    assert stale.since == later
    assert "answered 500" in stale.reason
    assert account_state(bad.accounts[0], later) == "degraded"


def test_staleness_counts_from_the_first_failure_of_the_run():
    snapshot = polled(resource())
    for n in (1, 2, 3):
        at = START + n * MINUTE
        snapshot = fold.failed(snapshot, report(f"bad-{n}"), failure(failed_at=at), at)

    stale = staleness(snapshot, START + 4 * MINUTE)

    assert stale is not None
    assert stale.since == START + MINUTE


def test_a_good_cycle_makes_everything_fresh_again():
    bad = fold.failed(polled(resource()), report("cycle-2"), failure(), START)

    good = polled(resource(), now=START + 5 * MINUTE, cycle="cycle-3", snapshot=bad)

    assert staleness(good, START + 5 * MINUTE) is None
    assert good.accounts[0].readings["inventory"].failing_since is None


def test_a_failure_without_any_figures_is_blind_and_not_zero():
    snapshot = fold.failed(empty(), report(), failure("auth"), START)

    assert snapshot.totals is None
    assert snapshot.accounts[0].totals is None
    assert account_state(snapshot.accounts[0], START) == "blind"


def test_silence_for_two_polls_and_a_minute_is_stale():
    snapshot = polled(resource())
    limit = START + dt.timedelta(seconds=2 * 300 + 60)

    assert staleness(snapshot, limit) is None
    assert staleness(snapshot, limit + dt.timedelta(seconds=1)) is not None


def test_what_history_remembers_is_shown_as_stale_until_a_poll_confirms_it():
    seen = inventory([resource()], observed_at=START - 60 * MINUTE)
    snapshot = empty(restored={"digitalocean": seen})

    assert snapshot.totals is not None
    stale = staleness(snapshot, START)
    assert stale is not None
    assert stale.since == seen.observed_at
    assert staleness(polled(resource(), snapshot=snapshot), START) is None


def test_the_same_cycle_again_changes_nothing():
    snapshot = polled(resource(), cycle="cycle-1")

    again = polled(resource(), resource("2"), cycle="cycle-1", snapshot=snapshot)
    failed_again = fold.failed(snapshot, report("cycle-1"), failure(), START)

    assert again is snapshot
    assert failed_again is snapshot


def test_as_of_is_the_oldest_accounts_observation():
    snapshot = empty((("a", "digitalocean"), ("b", "digitalocean")))
    for name, minutes in (("a", 5), ("b", 2)):
        at = START + minutes * MINUTE
        seen = inventory([resource(account=name)], account=name, observed_at=at)
        snapshot = fold.fetched(snapshot, report(name, account=name), seen, at)

    assert snapshot.as_of == START + 2 * MINUTE


def test_time_and_sequence_never_go_back_even_when_the_clock_does():
    first = polled(resource(), cycle="a")

    second = polled(resource(), now=START - 60 * MINUTE, cycle="b", snapshot=first)

    assert second.sequence == first.sequence + 1
    assert second.published_at >= first.published_at


def test_an_unknown_account_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="'stranger', which is not one of: digitalocean"):
        fold.fetched(empty(), report(account="stranger"), inventory(), START)


def test_polls_are_counted_by_duration_and_reason():
    snapshot = empty()
    snapshot = fold.fetched(
        snapshot,
        report("a", duration_s=0.1, requests=2, failures=(("timeout", 1),)),
        inventory(),
        START,
    )
    snapshot = fold.failed(
        snapshot,
        report("b", duration_s=500, requests=3, failures=(("server", 2), ("timeout", 1))),
        failure(),
        START,
    )

    counts = snapshot.accounts[0].counts
    assert counts.cycles == 2
    assert counts.requests == 5
    assert dict(counts.failures) == {"timeout": 2, "server": 2}
    assert counts.duration_buckets[0] == 1
    assert counts.duration_buckets[-1] == 1
    assert counts.duration_sum_s == pytest.approx(500.1)


def test_the_month_so_far_is_estimated_up_to_the_observation():
    old = resource("1", monthly="67.20", created_at=START - dt.timedelta(days=90))
    new = resource("2", monthly="67.20", created_at=START - dt.timedelta(hours=10))

    snapshot = polled(old, new)

    # 67.20 / 672 h is ten cents an hour; 20 days and 10 h have passed in the month.
    assert snapshot.accounts[0].month_to_date_estimate == Decimal("49.00") + Decimal("1.00")


def test_an_estimate_does_not_outlive_its_month():
    snapshot = polled(resource())
    december = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)

    snapshot = fold.failed(snapshot, report("cycle-2"), failure(failed_at=december), december)

    assert snapshot.accounts[0].month_to_date_estimate is None


def test_estimate_and_bill_stand_side_by_side_with_their_difference():
    balance = Balance(month_to_date_usage=Decimal("50.00"), currency="USD", generated_at=START)

    snapshot = polled(resource(monthly="67.20"), balance=balance)

    [account] = snapshot.accounts
    assert account.month_to_date_estimate == 49
    assert difference_of(account) == 1


def test_a_bill_of_last_month_is_not_compared_with_this_month():
    october = START - dt.timedelta(days=30)
    balance = Balance(month_to_date_usage=Decimal("50.00"), currency="USD", generated_at=october)

    snapshot = polled(resource(), balance=balance)

    [account] = snapshot.accounts
    assert difference_of(account) is None


def test_changes_are_kept_until_the_next_change():
    first = polled(resource("1"), cycle="a")
    second = polled(resource("1"), resource("2"), cycle="b", snapshot=first, now=START + MINUTE)
    third = polled(resource("1"), resource("2"), cycle="c", snapshot=second, now=START + 2 * MINUTE)

    assert first.accounts[0].changes == ()
    assert first.accounts[0].changed_at is None
    assert len(second.accounts[0].changes) == 1
    assert third.accounts[0].changes == second.accounts[0].changes
    assert third.accounts[0].changed_at == START + MINUTE


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.one_of(st.none(), st.lists(st.integers(0, 1000), max_size=4)),
        st.integers(-400, 900),
    ),
    max_size=12,
)


@given(STEPS)
def test_whatever_polls_do_the_total_is_the_sum_of_the_last_good_ones(steps):
    snapshot = empty((("a", "digitalocean"), ("b", "digitalocean")))
    now, known = START, {}
    for number, (account, prices, seconds) in enumerate(steps):
        now += dt.timedelta(seconds=seconds)
        cycle = report(f"cycle-{number}", account=account, started_at=now)
        before = snapshot
        if prices is None:
            snapshot = fold.failed(snapshot, cycle, failure(failed_at=now), now)
        else:
            known[account] = sum(prices)
            seen = [resource(str(n), monthly=str(p), account=account) for n, p in enumerate(prices)]
            found = inventory(seen, account=account, observed_at=now)
            snapshot = fold.fetched(snapshot, cycle, found, now)

        assert snapshot.sequence == before.sequence + 1
        assert snapshot.published_at >= before.published_at
        total = snapshot.totals.monthly if snapshot.totals else None
        assert total == (sum(known.values()) if known else None)


SCHEMA = KindFailure(kind="database", reason="schema", message="digitalocean: garbage")


def seen(snapshot, cycle, *resources, minutes=0, **facts):
    at = START + minutes * MINUTE
    found = inventory(resources, observed_at=at, **facts)
    return fold.fetched(snapshot, report(cycle, started_at=at), found, at)


def test_a_kind_that_cannot_be_read_keeps_its_last_good_resources_in_their_place():
    database, volume = resource("d", kind="database"), resource("v", kind="volume")
    good = seen(empty(), "c1", database, volume)

    bad = seen(good, "c2", volume, minutes=5, failed=(SCHEMA,))

    account = bad.accounts[0]
    assert account.inventory is not None
    assert account.inventory.resources == (database, volume)
    assert bad.totals == good.totals
    assert account.changes == ()
    (stale,) = account.stale_kinds
    assert (stale.since, stale.last_seen_at) == (START + 5 * MINUTE, START)
    assert account_state(account, START + 5 * MINUTE) == "degraded"
    reason = staleness(bad, START + 5 * MINUTE)
    assert reason is not None
    assert "database could not be read, its last good figures are kept" in reason.reason


def test_a_kind_is_stale_since_it_first_could_not_be_read_until_it_can_be():
    database = resource("d", kind="database")
    snapshot = seen(empty(), "c1", database)
    for number in (1, 2):
        snapshot = seen(snapshot, f"bad{number}", minutes=5 * number, failed=(SCHEMA,))
    (stale,) = snapshot.accounts[0].stale_kinds

    good = seen(snapshot, "c2", minutes=15)

    assert (stale.since, stale.last_seen_at) == (START + 5 * MINUTE, START)
    assert good.accounts[0].stale_kinds == ()
    (change,) = good.accounts[0].changes
    assert change.startswith("database web-d")
    assert "left" in change


def test_a_kind_that_was_never_seen_does_not_appear_when_it_can_be_read_at_last():
    snapshot = seen(empty(), "c1", resource("v", kind="volume"), failed=(SCHEMA,))

    both = [resource("v", kind="volume"), resource("d", kind="database")]
    snapshot = seen(snapshot, "c2", *both, minutes=5)

    assert snapshot.accounts[0].changes == ()
    assert snapshot.accounts[0].stale_kinds == ()


def test_a_balance_that_cannot_be_read_stays_with_its_own_time():
    balance = Balance(month_to_date_usage=Decimal(7), currency="USD", generated_at=START)
    good = seen(empty(), "c1", balance=balance)

    failed = KindFailure(kind="balance", reason="server", message="500")
    bad = seen(good, "c2", minutes=5, failed=(failed,))

    assert bad.accounts[0].inventory is not None
    assert bad.accounts[0].inventory.balance == balance


def start(**facts):
    return fold.Start(name="digitalocean", provider="digitalocean", intervals=ALL_READINGS, **facts)


def reads(reading, cycle="r1", at=START, **facts):
    return report(cycle, reading=reading, started_at=at, **facts)


def usage(*used, at=START, since=YESTERDAY, resets_at=START + dt.timedelta(days=9)):
    return UsageReading(
        account="digitalocean",
        provider="digitalocean",
        observed_at=at,
        quantities=tuple(
            Quantity(
                quota=f"q{number}",
                unit="Requests",
                used=Decimal(value),
                start=since,
                end=at,
                resets_at=resets_at,
                limit=None,
                estimated=False,
                project=None,
            )
            for number, value in enumerate(used)
        ),
        complete_through=at,
        gaps=(),
    )


def test_readings_fail_and_are_fresh_each_for_itself():
    snapshot = fold.first([start()], {}, now=START, demo=False)
    snapshot = seen(snapshot, "c1", resource())
    snapshot = fold.charged(snapshot, reads("charges"), complete_through=START, gaps=(), now=START)
    snapshot = fold.failed(snapshot, reads("usage"), failure("timeout", "no answer"), START)

    account = snapshot.accounts[0]
    states = {kind: reading_state(account, kind, START) for kind in account.readings}
    assert states == {"inventory": "up", "charges": "up", "usage": "blind"}
    assert account_state(account, START) == "degraded"
    assert staleness(snapshot, START) is None, "the current costs come from the inventory"
    stale = trouble(account, START)
    assert stale is not None
    assert stale.reason == "usage: no answer"
    tomorrow = START + dt.timedelta(days=1)
    assert reading_state(account, "charges", tomorrow) == "up"
    assert reading_state(account, "charges", tomorrow + dt.timedelta(days=2)) == "degraded"


def test_an_account_without_its_variables_is_off_and_says_which():
    snapshot = fold.first(
        [fold.Start(name="acme", provider="acme", intervals={}, off_because="ACME_KEY is not set")],
        {},
        now=START,
        demo=False,
    )

    account = snapshot.accounts[0]
    assert account_state(account, START) == "off"
    stale = trouble(account, START)
    assert stale is not None
    assert "ACME_KEY" in stale.reason
    assert account.is_settled


def test_readings_of_an_earlier_process_are_known_with_their_age():
    key = ReadingKey("digitalocean", "digitalocean", "usage")
    known = StoredReading(
        key=key,
        next_poll_at=START + MINUTE,
        last_success_at=START - MINUTE,
        complete_through=None,
        usage=usage("5"),
    )

    snapshot = fold.first([start()], {}, now=START, demo=False, stored={key: known})

    account = snapshot.accounts[0]
    assert account.usage == known.usage
    assert reading_state(account, "usage", START) == "up"
    assert account.readings["usage"].next_poll_at == START + MINUTE
    assert not account.is_settled, "the others have still to be read"


def test_a_reading_of_an_earlier_process_that_is_due_is_still_to_be_read():
    key = ReadingKey("digitalocean", "digitalocean", "usage")
    known = StoredReading(
        key=key,
        next_poll_at=START,
        last_success_at=START - MINUTE,
        complete_through=None,
        usage=usage("5"),
    )

    snapshot = fold.first([start()], {}, now=START, demo=False, stored={key: known})

    assert not snapshot.accounts[0].readings["usage"].is_settled


def used(*readings):
    snapshot = fold.first([start()], {}, now=START, demo=False)
    for number, reading in enumerate(readings):
        cycle = reads("usage", f"u{number}", at=reading.observed_at)
        snapshot = fold.used(snapshot, cycle, reading, reading.observed_at)
    return snapshot.accounts[0]


def test_a_fall_from_use_to_all_zero_is_kept_out_and_called_frozen():
    account = used(usage("5", "7"), usage("0", "0", at=START + MINUTE))

    assert account.usage == usage("5", "7")
    failing = account.readings["usage"].failure
    assert failing is not None
    assert failing.reason == "frozen"
    assert account_state(account, START + MINUTE) == "degraded"


@pytest.mark.parametrize(
    "later",
    [
        usage("0", "1", at=START + MINUTE),
        usage("0", "0", at=START + MINUTE, since=START + MINUTE),
        usage("0", "0", at=START + dt.timedelta(days=10)),
        usage("6", "8", at=START + MINUTE),
        usage(at=START + MINUTE),
    ],
    ids=["one is in use", "a new period", "after the reset", "it rose", "none is listed"],
)
def test_other_usage_is_believed(later):
    account = used(usage("5", "7"), later)

    assert account.usage == later
    assert account.readings["usage"].failure is None


def test_a_prepaid_balance_that_was_topped_up_is_believed():
    def balance(used, at=START):
        (quantity,) = usage(used, at=at, resets_at=None).quantities
        return replace(usage(at=at), quantities=(replace(quantity, quota=PREPAID_BALANCE),))

    account = used(balance("40"), balance("0", at=START + MINUTE))

    assert account.usage == balance("0", at=START + MINUTE)


def test_a_frozen_usage_that_moves_again_is_believed():
    account = used(usage("5"), usage("0", at=START + MINUTE), usage("6", at=START + 2 * MINUTE))

    assert account.usage == usage("6", at=START + 2 * MINUTE)
    assert account.readings["usage"].failure is None


def test_levels_that_stay_at_zero_for_a_day_are_believed():
    def level(used, at):
        return usage(used, at=at, since=at, resets_at=None)

    day = dt.timedelta(days=1)
    first = [level("5", START), level("0", START + MINUTE)]

    assert used(*first).usage == first[0]
    last = level("0", START + MINUTE + day)
    assert used(*first, last).usage == last
