import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.resource import Balance
from costmon.state import fold
from costmon.state.accounts import difference_of
from costmon.state.freshness import account_state, staleness
from costmon.testing.clock import START
from costmon.testing.samples import failure, inventory, report, resource

MINUTE = dt.timedelta(minutes=1)
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
