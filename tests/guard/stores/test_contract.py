"""What every store does: the counting rules of `Store`, one test each."""

import threading

import pytest

from costmon.guard.errors import GuardStoreError, LeaseError
from costmon.guard.stores.base import REMEMBERED_S, Hold, Outcome, Outdated, Refusal
from tests.guard.stores.kinds import KINDS
from tests.guard.stores.makers import HOUR, NOON, limited, line, plan

pytestmark = pytest.mark.parametrize("place", KINDS, indirect=True)


def figures(store, *lines):
    return store.totals(lines or [line()])


def test_a_lease_holds_its_estimate_on_every_line(store):
    lines = (line(limit=100), line("host:a.example", 50, period="day"))

    hold = store.reserve(plan(*lines), 30, 60.0)

    assert isinstance(hold, Hold)
    assert hold.state == "held"
    assert 0 < hold.expires_in_s <= 60.0
    assert store.totals(lines) == [(0, 30), (0, 30)]


def test_settling_charges_what_it_was_and_holds_no_more(store):
    hold = store.reserve(limited(100), 30, 60.0)

    assert store.settle(hold, 13) == "held"

    assert hold.state == "settled"
    assert figures(store) == [(13, 0)]


def test_more_than_the_estimate_is_charged_in_full(store):
    hold = store.reserve(limited(100), 30, 60.0)

    store.settle(hold, 130)

    assert figures(store) == [(130, 0)]
    assert isinstance(store.reserve(limited(100), 0, 60.0), Refusal)


def test_releasing_gives_everything_back(store):
    hold = store.reserve(limited(100), 30, 60.0)

    assert store.release(hold) == "held"

    assert figures(store) == [(0, 0)]
    assert store.usage(0, HOUR + 3600) == []


def test_the_limit_itself_may_be_reached_but_not_passed(store):
    wanted = limited(100)
    assert isinstance(store.reserve(wanted, 60, 60.0), Hold)
    assert isinstance(store.reserve(wanted, 40, 60.0), Hold)

    refusal = store.reserve(wanted, 1, 60.0)

    assert refusal == Refusal(wanted.lines[0], 0, 100)


def test_nothing_is_held_when_one_of_several_lines_has_no_room(store):
    roomy, tight = line(limit=1000), line("key:batch", 10, period="hour")

    refusal = store.reserve(plan(roomy, tight), 11, 60.0)

    assert refusal == Refusal(tight, 0, 0)
    assert store.totals([roomy, tight]) == [(0, 0), (0, 0)]
    assert store.leases(10) == []


def test_the_first_line_without_room_is_named(store):
    lines = (line("key:a", 5), line(limit=1))

    assert store.reserve(plan(*lines), 6, 60.0).line == lines[0]


@pytest.mark.parametrize("second", ["settle", "release"])
@pytest.mark.parametrize("first", ["settle", "release"])
def test_what_comes_after_the_end_changes_nothing(store, first, second):
    def end(how, hold):
        return store.settle(hold, 7) if how == "settle" else store.release(hold)

    hold = store.reserve(limited(100), 30, 60.0, "job")
    end(first, hold)
    before = (figures(store), store.usage(0, HOUR + 3600))

    assert end(second, hold) == {"settle": "settled", "release": "released"}[first]

    assert (figures(store), store.usage(0, HOUR + 3600)) == before


def test_an_expired_lease_is_charged_at_its_estimate(store, place):
    hold = store.reserve(limited(100), 30, 60.0)
    place.let_pass(59)
    assert store.sweep() == 0
    place.let_pass(2)

    assert store.sweep() == 1

    assert figures(store) == [(30, 0)]
    (row,) = store.usage(HOUR, HOUR + 1)
    assert (row.spent, row.requests, row.expired) == (30, 1, 1)
    assert store.renew(hold, 60.0) == "expired"
    assert figures(store) == [(30, 0)]


def test_figures_are_shown_after_expiring_what_is_due(store, place):
    store.reserve(limited(100), 30, 60.0)
    place.let_pass(61)

    assert store.leases(10) == []
    assert figures(store) == [(30, 0)]


def test_a_late_truth_corrects_the_charge(store, place):
    hold = store.reserve(limited(100), 30, 60.0)
    place.let_pass(61)
    store.sweep()

    assert store.settle(hold, 13, Outcome(bytes_in=5, failed=True)) == "expired"

    assert figures(store) == [(13, 0)]
    (row,) = store.usage(HOUR, HOUR + 1)
    assert (row.spent, row.requests, row.expired, row.failed, row.bytes_in) == (13, 1, 0, 1, 5)
    assert store.settle(hold, 99) == "settled"
    assert figures(store) == [(13, 0)]


def test_a_release_after_expiry_takes_the_charge_back(store, place):
    hold = store.reserve(plan(line(), line(period="calls/rolling:60s", fixed=1)), 30, 60.0)
    place.let_pass(61)
    store.sweep()

    assert store.release(hold) == "expired"

    assert figures(store, line(), line(period="calls/rolling:60s")) == [(0, 0), (0, 0)]
    (row,) = store.usage(HOUR, HOUR + 1)
    assert (row.spent, row.requests, row.expired) == (0, 0, 0)


def test_a_late_truth_does_not_give_back_what_a_reset_forgave(store, place):
    wanted = limited(100)
    hold = store.reserve(wanted, 30, 60.0)
    place.let_pass(61)
    store.sweep()
    store.reset(line())
    store.settle(store.reserve(wanted, 20, 60.0), 20)

    store.release(hold)

    assert figures(store) == [(20, 0)]


def test_a_renewed_lease_lives_on(store, place):
    hold = store.reserve(limited(100), 30, 60.0)
    place.let_pass(50)

    assert store.renew(hold, 60.0) == "held"

    place.let_pass(50)
    assert store.sweep() == 0
    place.let_pass(11)
    assert store.sweep() == 1
    assert store.renew(hold, 60.0) == "expired"
    assert figures(store) == [(30, 0)]


def test_a_key_gets_the_lease_it_has(store):
    first = store.reserve(limited(100), 30, 60.0, "job-17")

    second = store.reserve(limited(100), 80, 5.0, "job-17")

    assert second.id == first.id
    assert (second.nano, second.state, second.key) == (30, "held", "job-17")
    assert 50 < second.expires_in_s <= 60
    assert figures(store) == [(0, 30)]


@pytest.mark.parametrize("end", ["settle", "release", "expire"])
def test_a_key_gets_its_lease_also_when_that_is_over(store, place, end):
    first = store.reserve(limited(100), 30, 60.0, "job-17")
    if end == "settle":
        store.settle(first, 30)
    elif end == "release":
        store.release(first)
    else:
        place.let_pass(61)
        store.sweep()
    before = figures(store)

    again = store.reserve(limited(100), 30, 60.0, "job-17")

    assert again.id == first.id
    assert again.state == {"settle": "settled", "release": "released", "expire": "expired"}[end]
    assert figures(store) == before


def test_a_key_of_other_scopes_is_an_error(store):
    store.reserve(limited(100), 30, 60.0, "job-17")

    with pytest.raises(LeaseError, match="job-17"):
        store.reserve(plan(line(), line("key:a")), 30, 60.0, "job-17")

    assert figures(store) == [(0, 30)]


def test_a_key_is_free_again_when_its_lease_is_forgotten(store, place):
    first = store.reserve(limited(100), 30, 60.0, "job-17")
    store.settle(first, 30)
    store.reserve(limited(100), 0, 10 * REMEMBERED_S)
    place.let_pass(REMEMBERED_S + 120)
    store.sweep()

    assert store.find(first.id) is None
    assert store.reserve(limited(100), 30, 60.0, "job-17").id != first.id


def test_a_lease_is_found_by_its_id_with_its_lines(store):
    wanted = plan(line(limit=2**62, warn=9), line("key:a", period="rolling:24h"), activity="mail")
    held = store.reserve(wanted, 30, 60.0, "job")

    found = store.find(held.id)

    assert (found.id, found.nano, found.state, found.key) == (held.id, 30, "held", "job")
    assert found.plan.lines == wanted.lines
    assert (found.plan.scopes, found.plan.activity) == (("global", "key:a"), "mail")
    assert store.settle(found, 10) == "held"
    assert store.settle(held, 11) == "settled"
    assert figures(store) == [(10, 0)]


@pytest.mark.parametrize("name", ["", "7", "nobody-1", "x" * 300, "0", "-1", "a\x00b"])
def test_an_unknown_id_finds_nothing(store, name):
    store.sweep()

    assert store.find(name) is None


def test_a_plan_of_older_settings_is_outdated(store):
    store.update("budget", "global", lambda _: "10")

    assert store.reserve(limited(100), 30, 60.0) == Outdated(1)

    assert figures(store) == [(0, 0)]
    assert isinstance(store.reserve(plan(line(), revision=1), 30, 60.0), Hold)


def test_a_plan_that_was_used_becomes_outdated_too(store):
    wanted = limited(100)
    store.reserve(wanted, 1, 60.0)
    store.update("scope", "host:a", lambda _: "x")

    assert store.reserve(wanted, 30, 60.0) == Outdated(1)
    assert figures(store) == [(0, 1)]


def test_settings_tell_what_is_configured_and_count_changes(store):
    store.update("budget", "global", lambda _: "10")
    store.update("budget", "global", lambda text: text)
    store.update("budget", "key:ä", lambda _: "20")
    store.update("scope", "host:a", lambda _: "x")
    store.update("health", "host:a", lambda _: "sick")
    store.update("budget", "key:ä", lambda _: None)
    store.update("budget", "key:none", lambda _: None)

    settings = store.settings()

    assert settings == (4, {"global": "10"}, {"host:a": "x"})
    assert store.read("health", "host:a") == "sick"
    assert store.read("budget", "key:ä") is None
    assert list(store.records("health")) == [("host:a", "sick")]


def test_a_change_that_fails_changes_nothing(store):
    store.update("health", "a", lambda _: "1")

    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.update("health", "a", fail)

    assert store.update("health", "a", lambda text: text + "2") == "12"


def test_records_are_replaced_in_one_step_by_many_threads(store, place):
    def work():
        mine = place.open()
        for _ in range(25):
            mine.update("health", "count", lambda text: str(int(text or 0) + 1))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.read("health", "count") == "200"


def test_threads_together_are_granted_the_limit_exactly(store, place):
    granted = []

    def work():
        mine, wanted = place.open(), limited(1000)
        for number in range(30):
            hold = mine.reserve(wanted, 10, 60.0)
            if isinstance(hold, Hold):
                granted.append(hold)
                if number % 3:
                    mine.settle(hold, 10)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 100
    spent, held = figures(store)[0]
    assert spent + held == 1000


def test_a_rolling_window_counts_the_buckets_that_are_still_in_it(store):
    def at(seconds):
        return line(limit=100, period="rolling:10m", at=NOON + seconds)

    store.settle(store.reserve(plan(at(0)), 40, 60.0), 40)
    store.settle(store.reserve(plan(at(300)), 40, 60.0), 40)

    refusal = store.reserve(plan(at(540)), 40, 60.0)
    assert (refusal.spent, refusal.held) == (80, 0)
    assert isinstance(store.reserve(plan(at(540)), 20, 60.0), Hold)
    assert isinstance(store.reserve(plan(at(540)), 1, 60.0), Refusal)
    assert isinstance(store.reserve(plan(at(620)), 40, 60.0), Hold)
    assert store.totals([at(620)]) == [(40, 60)]
    assert store.totals([at(3600)]) == [(0, 0)]


def test_a_rolling_window_still_counts_when_the_clock_is_set_back(store):
    def at(seconds):
        return plan(line(limit=100, period="rolling:10m", at=NOON + seconds))

    store.settle(store.reserve(at(300), 90, 60.0), 90)

    assert isinstance(store.reserve(at(0), 20, 60.0), Refusal)


def test_a_lease_belongs_to_the_window_it_was_made_in(store):
    first, second = line(limit=100, period="hour"), line(limit=100, period="hour", at=NOON + 3600)
    hold = store.reserve(plan(first), 60, 7200.0)

    assert isinstance(store.reserve(plan(second, hour=HOUR + 3600), 100, 60.0), Hold)
    store.settle(hold, 50)

    assert store.totals([first, second]) == [(50, 0), (0, 100)]
    (row,) = store.usage(0, HOUR + 7200)
    assert row.hour == HOUR


def test_a_rate_counts_calls_whatever_they_cost(store):
    rate = line("host:a", 2, period="calls/rolling:60s", fixed=1)
    wanted = plan(line(limit=1000), rate)
    first = store.reserve(wanted, 500, 60.0)
    second = store.reserve(wanted, 0, 60.0)

    refusal = store.reserve(wanted, 1, 60.0)
    store.settle(first, 900)
    assert refusal == Refusal(rate, 0, 2)
    assert store.totals([rate]) == [(1, 1)]
    store.release(second)
    assert store.totals([rate]) == [(1, 0)]
    assert isinstance(store.reserve(wanted, 1, 60.0), Hold)


def test_who_is_at_the_warning_is_told_with_this_lease_included(store):
    warned = line(limit=100, warn=80)
    wanted = plan(warned, line("key:a", warn=80))
    assert store.reserve(wanted, 79, 60.0).warned == ()

    hold = store.reserve(wanted, 1, 60.0)

    assert hold.warned == ((warned, 0, 80), (wanted.lines[1], 0, 80))


def test_figures_of_a_warning_are_those_of_its_line_also_after_lines_without_one(store):
    warned = line(limit=100, warn=80)
    wanted = plan(line("key:a"), line("key:b"), warned, line("key:c"), line("key:d", warn=90))
    store.settle(store.reserve(wanted, 79, 60.0), 79)

    hold = store.reserve(wanted, 11, 60.0)

    assert hold.warned == ((warned, 79, 11), (wanted.lines[4], 79, 11))


def test_a_line_without_a_limit_is_only_counted(store):
    assert isinstance(store.reserve(plan(line()), 10**15, 60.0), Hold)

    assert figures(store) == [(0, 10**15)]


def test_usage_rows_say_for_each_scope_what_was_done(store, place):
    wanted = plan(line(), line("key:a"), activity="mail")
    store.settle(store.reserve(wanted, 5, 60.0), 7, Outcome(100, 200, failed=True))
    store.settle(store.reserve(wanted, 5, 60.0), 1, Outcome(1, 2))
    store.release(store.reserve(wanted, 5, 60.0))
    store.settle(store.reserve(plan(line(), hour=HOUR + 3600), 5, 60.0), 3)

    rows = store.usage(HOUR, HOUR + 7200)

    assert [(row.hour, row.scope, row.activity) for row in rows] == [
        (HOUR, "global", "mail"),
        (HOUR, "key:a", "mail"),
        (HOUR + 3600, "global", "call"),
    ]
    assert rows[1]._replace(changes=0) == (HOUR, "key:a", "mail", 8, 2, 1, 0, 101, 202, 0)
    assert store.usage(HOUR, HOUR + 3600, "key:a") == [rows[1]]
    assert store.usage(HOUR + 3600, HOUR + 3601) == [rows[2]]
    assert store.usage(0, HOUR) == []


def test_every_change_of_a_usage_row_raises_its_number(store, place):
    seen = []

    def look():
        rows = store.usage(HOUR, HOUR + 1)
        seen.append(rows[0].changes if rows else 0)

    hold = store.reserve(limited(100), 5, 60.0)
    look()
    place.let_pass(61)
    store.sweep()
    look()
    store.settle(hold, 4)
    look()
    store.settle(store.reserve(limited(100), 5, 60.0), 5)
    look()

    assert seen == sorted(set(seen))


def test_a_budget_that_is_added_at_noon_knows_the_morning(store):
    store.settle(store.reserve(plan(line()), 5, 60.0), 70)
    store.settle(store.reserve(plan(line(), activity="mail", hour=HOUR - 7200), 5, 60.0), 20)
    store.settle(store.reserve(plan(line(), hour=HOUR - 86_400), 5, 60.0), 1000)
    day = line(limit=100, period="day")

    assert store.totals([day]) == [(90, 0)]
    assert isinstance(store.reserve(plan(day), 11, 60.0), Refusal)
    assert isinstance(store.reserve(plan(day), 10, 60.0), Hold)
    assert store.totals([day]) == [(90, 10)]


def test_a_new_rolling_budget_knows_the_hours_that_are_in_it(store):
    store.settle(store.reserve(plan(line()), 5, 60.0), 70)
    store.settle(store.reserve(plan(line(), hour=HOUR - 7200), 5, 60.0), 20)
    store.settle(store.reserve(plan(line(), hour=HOUR - 90_000), 5, 60.0), 1000)
    rolling = line(limit=100, period="rolling:24h")

    assert isinstance(store.reserve(plan(rolling), 11, 60.0), Refusal)
    assert store.totals([rolling]) == [(90, 0)]


def test_a_new_rate_begins_at_nothing(store):
    store.settle(store.reserve(plan(line()), 5, 60.0), 70)
    rate = line(limit=1, period="calls/rolling:60s", fixed=1)

    assert isinstance(store.reserve(plan(rate), 5, 60.0), Hold)


def test_a_reset_forgives_what_was_spent_and_keeps_what_is_held(store):
    wanted = limited(100)
    store.settle(store.reserve(wanted, 60, 60.0), 60)
    hold = store.reserve(wanted, 30, 60.0)

    assert store.reset(line()) == 60

    assert figures(store) == [(0, 30)]
    store.settle(hold, 25)
    assert figures(store) == [(25, 0)]


def test_a_reset_is_for_good_also_of_a_counter_never_used(store):
    store.settle(store.reserve(plan(line()), 60, 60.0), 60)
    day = line(limit=100, period="day")

    assert store.reset(day) == 60

    assert store.totals([day]) == [(0, 0)]
    assert isinstance(store.reserve(plan(day), 100, 60.0), Hold)


def test_a_reset_of_a_rolling_window_forgives_all_of_it(store):
    for seconds in (0, 300):
        wanted = plan(line(period="rolling:10m", at=NOON + seconds))
        store.settle(store.reserve(wanted, 40, 60.0), 40)

    assert store.reset(line(period="rolling:10m", at=NOON + 420)) == 80

    assert store.totals([line(period="rolling:10m", at=NOON + 420)]) == [(0, 0)]


def test_a_charge_is_counted_once_whatever_the_limits(store):
    wanted = plan(line(limit=10), line("key:a", 1, period="calls/rolling:60s", fixed=1))

    assert store.charge(wanted, 50, "away-1", Outcome(failed=True))
    assert not store.charge(wanted, 50, "away-1")
    assert store.charge(wanted, 5, "away-2")

    assert store.totals(wanted.lines) == [(55, 0), (2, 0)]
    row = store.usage(HOUR, HOUR + 1, "global")[0]
    assert (row.spent, row.requests, row.failed) == (55, 2, 1)


def test_a_charge_is_no_lease(store):
    store.charge(limited(10), 5, "1")

    assert store.find("1") is None
    assert isinstance(store.reserve(limited(10), 5, 60.0, "1"), Hold)


def test_leases_are_listed_oldest_first(store):
    for number in range(3):
        wanted = plan(line(), line("key:a"), activity=f"mail-{number}")
        store.reserve(wanted, number, 60.0 - number, f"k{number}" if number else None)

    rows = store.leases(2)

    assert [(row.nano, row.key, row.activity) for row in rows] == [
        (0, None, "mail-0"),
        (1, "k1", "mail-1"),
    ]
    assert rows[0].scopes == ("global", "key:a")
    assert rows[0].state == "held"
    assert 0 < rows[1].expires_in_s <= 59
    assert len(store.leases(10)) == 3


def test_amounts_up_to_nine_billion_are_exact(store):
    highest = 9 * 10**18
    wanted = limited(highest)
    hold = store.reserve(wanted, highest - 1, 60.0)

    assert store.reserve(wanted, 2, 60.0) == Refusal(wanted.lines[0], 0, highest - 1)
    assert isinstance(store.reserve(wanted, 1, 60.0), Hold)
    assert store.reserve(wanted, 1, 60.0) == Refusal(wanted.lines[0], 0, highest)
    store.settle(hold, highest - 3)
    assert figures(store) == [(highest - 3, 1)]
    assert isinstance(store.reserve(wanted, 2, 60.0), Hold)
    assert isinstance(store.reserve(wanted, 1, 60.0), Refusal)


@pytest.mark.parametrize("border", [2**53, 10**9, 10**18, 2**62, 4_999_999_999_999_999_999])
def test_borders_of_number_formats_are_none_of_money(store, border):
    wanted = limited(border, period="rolling:24h")

    assert isinstance(store.reserve(wanted, border + 1, 60.0), Refusal)
    hold = store.reserve(wanted, border - 1, 60.0)
    assert isinstance(hold, Hold)
    assert isinstance(store.reserve(wanted, 2, 60.0), Refusal)
    store.settle(hold, border)
    assert store.totals(wanted.lines) == [(border, 0)]
    assert isinstance(store.reserve(wanted, 1, 60.0), Refusal)
    assert isinstance(store.reserve(wanted, 0, 60.0), Hold)


def test_a_counter_is_exact_or_says_that_it_cannot_be(store, place):
    highest = 9 * 10**18
    wanted = plan(line(), line("key:a", period="rolling:24h"))
    first = store.reserve(wanted, highest, 60.0)

    if place.exact_to is None:
        second = store.reserve(wanted, highest, 60.0)
        store.settle(second, highest)
        assert figures(store) == [(highest, highest)]
    else:
        with pytest.raises(GuardStoreError, match="64 bits"):
            store.reserve(wanted, highest, 60.0)
        assert store.totals(wanted.lines) == [(0, highest)] * 2
        store.settle(first, highest)
        with pytest.raises(GuardStoreError, match="64 bits"):
            store.charge(wanted, highest, "more")
        assert store.totals(wanted.lines) == [(highest, 0)] * 2
        assert store.charge(wanted, 7, "more")


def test_a_window_of_many_great_buckets_is_summed_exactly(store):
    great = 5 * 10**18
    for seconds in (0, 60, 120, 180):
        wanted = plan(
            line("key:a", period="rolling:10m", at=NOON + seconds), scopes=(f"tag:{seconds}",)
        )
        store.settle(store.reserve(wanted, great + 1, 60.0), great + 1)
    window = line("key:a", 9 * 10**18, period="rolling:10m", at=NOON + 240)

    assert store.totals([window]) == [(4 * great + 4, 0)]
    assert store.reserve(plan(window), 1, 60.0).spent == 4 * great + 4


def test_scopes_and_keys_may_hold_any_printable_text(store):
    odd = "tag:a|b=\"c\\d'%?:{}*=é🙂"
    wanted = plan(line(odd, 10), line('tag:x"=y', 10), activity='a"b|c')

    hold = store.reserve(wanted, 5, 60.0, odd)
    store.settle(store.find(hold.id), 5)

    assert store.totals(wanted.lines) == [(5, 0), (5, 0)]
    assert [row.scope for row in store.usage(HOUR, HOUR + 1)] == sorted([odd, 'tag:x"=y'])
    assert store.reserve(wanted, 5, 60.0, odd).state == "settled"


def test_nothing_at_all_may_be_reserved(store):
    assert isinstance(store.reserve(limited(0), 0, 60.0), Hold)
    assert isinstance(store.reserve(limited(0), 1, 60.0), Refusal)


def test_a_store_has_one_identity_whoever_asks(store, place):
    assert store.identity() == place.open().identity()
    assert len(store.identity()) >= 16


def test_a_closed_store_opens_again_with_all_it_knew(store):
    hold = store.reserve(limited(100), 30, 60.0)
    store.close()

    assert figures(store) == [(0, 30)]
    assert store.settle(hold, 3) == "held"


def test_another_store_object_sees_and_ends_the_lease(store, place):
    hold = store.reserve(limited(100), 30, 60.0)
    other = place.open()

    assert other.settle(other.find(hold.id), 20) == "held"

    assert store.settle(hold, 25) == "settled"
    assert hold.state == "settled"
    assert figures(store) == [(20, 0)]
