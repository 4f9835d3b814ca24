"""When counters start, what they start from, and what figures are without one."""

import threading
from decimal import Decimal

import pytest

from costmon.guard import Budget, BudgetRefused, Guard
from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores import memory_counters, sql_counters
from costmon.guard.stores.base import Hold, Outdated, Refusal, Settings
from costmon.guard.stores.seeding import seed_bucket
from tests.guard.stores.kinds import KINDS, POSTGRES, REDIS, SERVERS
from tests.guard.stores.makers import HOUR, NOON, limited, line, plan

all_kinds = pytest.mark.parametrize("place", KINDS, indirect=True)
with_slabs = pytest.mark.parametrize("place", [*KINDS, "slab"], indirect=True)
KEYS = [Budget("key:x", "10", "day")]
CENT = Decimal("0.01")


@pytest.fixture
def program(place, clock):
    """Start a program on the store that the test is about."""

    def start(*budgets):
        return Guard(place.open(), budgets, clock=clock)

    return start


def refused(guard, scope, amount):
    try:
        guard.reserve(scope, amount).release()
    except BudgetRefused:
        return True
    return False


def spent_one(guard):
    try:
        guard.reserve("global", CENT).settle()
    except BudgetRefused:
        return False
    return True


@with_slabs
def test_reading_a_scope_without_a_budget_does_not_change_the_count(program):
    guard = program(*KEYS)
    guard.reserve("key:x", "0.10").settle()
    assert guard.spent("global", "day") == Decimal("0.10")
    for _ in range(4):
        guard.reserve("key:x", "0.10").settle()
    assert guard.spent("global", "day") == Decimal("0.50")

    guard.set_budget(Budget("global", "0.60", "day"))

    guard.reserve("key:x", "0.10").settle()
    assert refused(guard, "key:x", "0.01")
    assert guard.spent("global", "day") == guard.spent("global", "month") == Decimal("0.60")


@all_kinds
@pytest.mark.parametrize("reader_has_budget", [False, True])
def test_reading_by_another_program_does_not_change_the_count(program, reader_has_budget):
    guard = program(*KEYS)
    guard.reserve("key:x", "0.10").settle()
    reader = program(*([Budget("global", "1", "day")] if reader_has_budget else []))
    before = reader.store.settings()
    reader.spent("global", "day")
    reader.status()
    reader.gauges()
    assert reader.store.settings() == before
    guard.reserve("key:x", "0.40").settle()

    guard.set_budget(Budget("global", "0.60", "day"))

    assert refused(guard, "key:x", "0.11")
    assert not refused(guard, "key:x", "0.10")


@all_kinds
def test_a_budget_of_another_period_does_not_stop_the_count_of_a_month(program):
    program().reserve("global", "0.10").settle()
    program(Budget("global", "5", "day")).reserve("global", "0.50").settle()

    third = program(Budget("global", "1.00", "month"))

    assert refused(third, "global", "0.41")
    assert not refused(third, "global", "0.40")
    assert third.spent("global", "month") == Decimal("0.60")


@with_slabs
@pytest.mark.parametrize("period", ["hour", "day", "month", "total", "rolling:24h", "rolling:2h"])
def test_a_new_budget_counts_calls_in_flight(program, period):
    guard = program(*KEYS)
    lease = guard.reserve("key:x", "0.50")
    guard.set_budget(Budget("global", "0.60", period))

    assert refused(guard, "key:x", "0.55")
    lease.settle("0.30")
    guard.reserve("key:x", "0.30").settle()

    assert refused(guard, "key:x", "0.01")
    for one in ("day", "month", period):
        assert guard.spent("global", one) == Decimal("0.60")
        assert guard.held("global", one) == 0


@all_kinds
def test_the_budget_of_a_second_program_counts_calls_in_flight_of_the_first(program):
    first = program(*KEYS)
    lease = first.reserve("key:x", "0.50")

    second = program(Budget("global", "0.60", "day"))

    assert refused(second, "global", "0.11")
    second.reserve("global", "0.10").settle()
    lease.settle("0.45")
    assert second.spent("global", "day") == Decimal("0.55")
    assert first.spent("global", "month") == Decimal("0.55")
    assert first.held("global", "day") == 0


@all_kinds
@pytest.mark.parametrize("end", ["settle", "release"])
def test_a_new_budget_learns_the_truth_of_calls_that_have_expired(program, place, end):
    guard = program(*KEYS)
    lease = guard.reserve("key:x", "0.50", ttl=60)
    place.let_pass(61)
    guard.sweep()
    other = program(Budget("global", "0.60", "day"))
    assert refused(other, "global", "0.11")

    if end == "settle":
        lease.settle("0.20")
    else:
        lease.release()

    right = Decimal("0.20") if end == "settle" else 0
    assert other.spent("global", "day") == guard.spent("global", "month") == right


@all_kinds
def test_calls_in_flight_expire_and_are_corrected_on_a_new_counter(program, place):
    guard = program(*KEYS)
    lease = guard.reserve("key:x", "0.50", ttl=60)
    guard.set_budget(Budget("global", "5", "day"))
    guard.reserve("global", "0.01").settle()
    place.let_pass(61)

    assert (guard.spent("global", "day"), guard.held("global", "day")) == (Decimal("0.51"), 0)
    lease.settle("0.70")
    assert guard.spent("global", "day") == Decimal("0.71")


@all_kinds
def test_a_counter_goes_on_when_its_budget_is_removed(program):
    guard = program(Budget("global", "5", "day"))
    guard.reserve("global", "1").settle()
    guard.remove_budget("global", "day")
    guard.reserve("global", "7").settle()
    program().reserve("global", "1").settle()

    guard.set_budget(Budget("global", "10", "day"))

    assert guard.spent("global", "day") == 9
    assert refused(guard, "global", "1.01")


@all_kinds
def test_the_counter_of_a_scopes_own_budget_goes_on_when_it_is_unconfigured(program):
    guard = program()
    guard.configure("host:a.test", custom_budget="2")
    guard.reserve("host:a.test", "1").settle()
    guard.unconfigure("host:a.test")
    guard.reserve("host:a.test", "3").settle()

    guard.set_budget(Budget("host:a.test", "5", "month"))

    assert guard.spent("host:a.test", "month") == 4
    assert refused(guard, "host:a.test", "1.01")


@with_slabs
def test_without_a_budget_held_is_what_calls_in_flight_hold(program):
    guard = program(*KEYS)
    first, second = guard.reserve("key:x", "0.50"), guard.reserve("key:y", "0.25")

    assert guard.held("global") == guard.held("global", "rolling:24h") == Decimal("0.75")
    assert guard.held("key:y", "total") == Decimal("0.25")

    first.settle("0.10")
    second.release()
    assert guard.held("global") == 0
    assert guard.spent("global", "total") == Decimal("0.10")


@all_kinds
@pytest.mark.parametrize("budget_first", [False, True])
def test_a_reset_without_a_budget_is_for_good(program, budget_first):
    guard = program(*KEYS)
    guard.reserve("key:x", "0.50").settle()
    lease = guard.reserve("key:x", "0.20")

    assert guard.reset("global", "day") == Decimal("0.50")

    assert (guard.spent("global", "day"), guard.held("global", "day")) == (0, Decimal("0.20"))
    assert guard.spent("global", "month") == Decimal("0.50")
    if budget_first:
        guard.set_budget(Budget("global", "0.50", "day"))
        assert refused(guard, "key:x", "0.31")
    lease.settle("0.10")
    assert guard.spent("global", "day") == Decimal("0.10")
    assert guard.reset("global", "day") == Decimal("0.10")
    guard.reserve("key:x", "0.03").settle()
    assert guard.spent("global", "day") == Decimal("0.03")


@all_kinds
@pytest.mark.parametrize("budget_first", [False, True])
def test_a_late_truth_does_not_give_back_what_was_forgiven_without_a_counter(
    program, place, budget_first
):
    guard = program(*KEYS)
    before = guard.reserve("key:x", "0.50", ttl=60)
    place.let_pass(61)
    guard.sweep()
    guard.reset("global", "day")
    after = guard.reserve("key:x", "0.30", ttl=60)
    place.let_pass(61)
    guard.sweep()
    if budget_first:
        guard.set_budget(Budget("global", "1", "day"))
        assert not refused(guard, "global", "0.70")

    before.settle("0.10")
    assert guard.spent("global", "day") == Decimal("0.30")
    after.settle("0.05")

    assert guard.spent("global", "day") == Decimal("0.05")
    assert guard.spent("global", "month") == Decimal("0.15")


@all_kinds
def test_a_cost_that_was_recorded_by_older_rules_is_known_to_a_new_counter(program):
    first, second = program(*KEYS), program(Budget("global", "1", "day"))
    first.records.record_cost("a.test", "0.30")
    assert not refused(second, "global", "0.70")

    first.records.record_cost("a.test", "0.30")

    assert second.spent("global", "day") == Decimal("0.60")
    assert refused(second, "global", "0.41")


@with_slabs
def test_a_charge_by_an_outdated_plan_changes_nothing(place):
    store = place.open()
    store.update("budget", "global|month", lambda _: "x")

    assert store.charge(limited(10), 5, "away") == Outdated(1)
    assert store.charge(plan(line(), revision=1), 5, "away") is True
    assert store.charge(limited(10), 5, "away") is False
    assert store.totals([line()]) == [(5, 0)]


@all_kinds
def test_an_outdated_plan_makes_no_counter(place):
    store = place.open()
    store.update("budget", "global|month", lambda _: "x")
    store.settle(store.reserve(plan(scopes=("global",), revision=1), 5, 60.0), 5)

    assert store.reserve(limited(10), 1, 60.0) == Outdated(1)
    store.settle(store.reserve(plan(scopes=("global",), revision=1), 5, 60.0), 5)

    assert isinstance(store.reserve(plan(line(limit=10), revision=1), 1, 60.0), Refusal)


@all_kinds
def test_a_plan_without_lines_is_counted_in_usage_rows_only(place):
    store = place.open()
    free = plan(scopes=("global", "key:a"))
    hold = store.reserve(free, 10**15, 60.0)

    assert isinstance(hold, Hold)
    assert store.totals([line(), line("key:a", period="day")]) == [(0, 10**15)] * 2
    assert store.settle(hold, 7) == "held"
    assert store.totals([line(), line("key:a", period="day")]) == [(7, 0)] * 2
    assert [row.spent for row in store.usage(HOUR, HOUR + 1)] == [7, 7]


@all_kinds
def test_leases_of_a_plan_that_goes_on_being_used_are_counted_as_it_says(place):
    store = place.open()
    monthly, daily = plan(line(), scopes=("global",)), plan(line(period="day"), line())
    first = store.reserve(monthly, 10, 60.0)
    store.reserve(daily, 1, 60.0)
    second = store.reserve(monthly, 100, 60.0)

    store.settle(first, 5)
    store.settle(second, 100)

    ((day, day_held), month) = store.totals([line(period="day"), line()])
    assert day in {5, 105}  # the caller broke the rule that all plans of a revision agree
    assert day_held == 1
    assert month == (105, 1)


@all_kinds
def test_a_new_counter_takes_calls_of_its_window_only(place):
    store = place.open()
    yesterday = plan(scopes=("global",), hour=HOUR - 86_400)
    old = store.reserve(yesterday, 50, 60.0)
    store.reserve(plan(scopes=("global",)), 7, 60.0)

    assert store.totals([line(period="day")]) == [(0, 7)]
    day = line(limit=10, period="day")
    assert isinstance(store.reserve(plan(day), 4, 60.0), Refusal)
    store.settle(old, 60)
    assert store.totals([day]) == [(0, 7)]


@all_kinds
def test_hours_that_are_partly_in_the_window_of_a_new_counter_count_in_full(place):
    store = place.open()
    store.settle(store.reserve(plan(scopes=("global",)), 5, 60.0), 5)
    half_past = line(period="hour")._replace(
        first=NOON + 1800, bucket=NOON + 1800, last=NOON + 1800
    )
    shifted = half_past._replace(resets_at=NOON + 5400.0)
    ten_minutes = line(limit=8, period="rolling:10m", at=NOON + 1800)

    assert store.totals([shifted, ten_minutes]) == [(5, 0), (5, 0)]
    assert isinstance(store.reserve(plan(ten_minutes), 4, 60.0), Refusal)


@all_kinds
def test_a_new_rolling_counter_knows_the_hour_that_begins_between_two_of_its_steps(place):
    store = place.open()
    # Steps of 24 minutes: the last one begins before the hour does.
    at = NOON + 3600
    wanted = line(limit=8, period="rolling:24h", at=at)
    assert wanted.bucket < at
    store.settle(store.reserve(plan(scopes=("global",), hour=at), 5, 60.0), 5)

    assert store.totals([wanted]) == [(5, 0)]
    assert isinstance(store.reserve(plan(wanted, hour=at), 4, 60.0), Refusal)


@with_slabs
def test_figures_of_scopes_without_a_budget_are_still_in_the_status(program):
    guard = program(*KEYS)
    guard.reserve("key:x", "0.50").settle()
    guard.sweep()
    guard.store.reset(line("model:none"))  # which ends slabs that are idle

    found = {(gauge.scope, gauge.period): gauge for gauge in guard.gauges()}

    assert found["global", "month"].limit is None
    assert found["global", "month"].spent == Decimal("0.50")
    assert found["key:x", "day"].limit == 10


@pytest.mark.parametrize("place", ["sqlite", *SERVERS], indirect=True)
def test_what_passed_while_the_store_was_away_is_known_to_a_counter_that_is_newer(
    place, clock, monkeypatch
):
    inner = place.open()
    guard = Guard(inner, KEYS, clock=clock, when_store_fails="fail_open")
    guard.reserve("key:x", "0.10").settle()

    def away(*_, **__):
        raise GuardStoreUnavailable("test", "be used", "it is away")

    with monkeypatch.context() as patch:
        patch.setattr(inner, "reserve", away)
        guard.reserve("key:x", "0.20").settle()
    other = Guard(place.open(), [Budget("global", "1", "day")], clock=clock)
    assert not refused(other, "global", "0.90")
    clock.advance(2)

    guard.sweep()

    assert guard.status().owed == 0
    assert other.spent("global", "day") == Decimal("0.30")
    assert refused(other, "global", "0.71")


@pytest.mark.parametrize("place", ["sqlite", *SERVERS], indirect=True)
def test_a_slab_of_another_program_is_held_on_a_new_counter(place, clock):
    slabs = Guard(place.open(), KEYS, clock=clock, slab="0.1")
    slabs.reserve("key:x", "0.10").settle()

    other = Guard(place.open(), [Budget("global", "1.50", "day")], clock=clock)

    assert other.held("global", "day") == 1
    assert refused(other, "global", "0.51")
    slabs.close()
    assert (other.spent("global", "day"), other.held("global", "day")) == (
        Decimal("0.10"),
        Decimal(0),
    )


@all_kinds
def test_threads_that_spend_while_a_budget_is_added_do_not_pass_it(program):
    guards = [program(*KEYS) for _ in range(4)]
    begin = threading.Barrier(5)

    def spend(guard):
        begin.wait()
        for _ in range(25):
            guard.reserve("key:x", CENT).settle()

    threads = [threading.Thread(target=spend, args=(guard,)) for guard in guards]
    for thread in threads:
        thread.start()
    owner = program(Budget("global", "0.60", "day"))
    begin.wait()
    while spent_one(owner):
        pass
    for thread in threads:
        thread.join()

    spent = owner.spent("global", "day")
    assert spent == guards[0].spent("global", "month") == guards[0].spent("global", "total")
    owner.set_budget(Budget("global", str(spent), "day"))
    assert refused(guards[0], "key:x", CENT)


@pytest.mark.parametrize("place", ["memory", "sqlite", POSTGRES], indirect=True)
def test_a_new_counter_looks_at_nothing_of_other_scopes(place, monkeypatch):
    store, looked_at = place.open(), []
    for number in range(20):
        other = plan(scopes=(f"tag:run={number}",))
        store.reserve(other, 1, 60.0)
        store.settle(store.reserve(other, 1, 60.0), 1)

    def watched(line, hour, **named):
        looked_at.append((line.scope, hour))
        return seed_bucket(line, hour, **named)

    monkeypatch.setattr(memory_counters, "seed_bucket", watched)
    monkeypatch.setattr(sql_counters, "seed_bucket", watched)
    new = line("tag:run=new", 5, period="total")

    assert isinstance(store.reserve(plan(new), 5, 60.0), Hold)
    assert looked_at == []
    assert store.totals([line("tag:run=3", period="total")]) == [(1, 1)]
    assert {scope for scope, _ in looked_at} == {"tag:run=3"}


@all_kinds
def test_a_window_that_begins_again_after_the_clock_was_set_back_knows_late_truths(place):
    store = place.open()
    hour = line(limit=100, period="hour")
    late = store.reserve(plan(hour), 30, 60.0)
    place.let_pass(61)
    store.sweep()
    place.let_pass(3 * 3600)
    store.sweep()  # which may forget the counter of that hour

    store.reserve(plan(hour), 5, 60.0)
    store.settle(late, 10)

    assert store.totals([hour]) == [(10, 5)]


def test_a_program_tells_the_others_of_its_budgets_before_it_uses_them(clock, monkeypatch):
    """Whatever is spent between the two is in usage rows and leases, or on the counter."""
    guard = Guard(budgets=[Budget("global", "1", "day")], clock=clock)
    seen: list[Settings] = []
    reserve = guard.store.reserve

    def spy(*given):
        seen.append(guard.store.settings())
        return reserve(*given)

    monkeypatch.setattr(guard.store, "reserve", spy)
    guard.reserve("global", "0.10")

    assert ["global|day" in settings.budgets for settings in seen] == [True]


_VERSION_1 = """
    UPDATE {0}state SET version = 1;
    DROP TABLE {0}counter;
    DROP TABLE {0}forgiven;
    DROP TABLE {0}plan_scope;
    DROP INDEX {0}lease_late;
"""


@pytest.mark.parametrize("place", ["sqlite", POSTGRES, REDIS], indirect=True)
def test_counters_of_an_older_version_start_anew(place):
    store = place.open()
    store.settle(store.reserve(plan(line(), scopes=("global",)), 5, 60.0), 5)
    open_then = store.reserve(plan(line(), scopes=("global",)), 20, 60.0)
    rate = line(limit=3, period="calls/rolling:60s", fixed=1)
    store.reserve(plan(rate, scopes=("global",)), 0, 60.0)
    store.close()
    if place.kind == "redis":
        base = "costmon:guard:{costmon}:"
        place.admin.hset(f"{base}state", "version", 1)
        place.admin.delete(f"{base}open", f"{base}plans:global")
        place.admin.hset(f"{base}cell:global\nmonth", f"{line().bucket}:s", 1)
    else:
        prefix = "guard_" if place.kind == "sqlite" else "costmon_guard_"
        for statement in _VERSION_1.format(prefix).split(";")[:-1]:
            place.sql(statement)
        place.sql(f"UPDATE {prefix}cell SET spent = 1 WHERE period = 'month'")

    newer = place.open()

    month = line(limit=30)
    revision = newer.settings().revision
    assert newer.totals([month, rate]) == [(5, 20), (0, 1)]
    assert newer.reserve(plan(month, revision=revision), 6, 60.0) == Refusal(month, 5, 20)
    assert newer.settle(newer.find(open_then.id), 8) == "held"
    assert newer.totals([month]) == [(13, 0)]


@pytest.mark.parametrize("place", ["sqlite", POSTGRES, REDIS], indirect=True)
def test_a_store_of_a_newer_version_is_refused(place):
    place.open().settings()
    if place.kind == "redis":
        place.admin.hset("costmon:guard:{costmon}:state", "version", 3)
    else:
        prefix = "guard_" if place.kind == "sqlite" else "costmon_guard_"
        place.sql(f"UPDATE {prefix}state SET version = 3")

    with pytest.raises(GuardStoreError, match="another version of costmon"):
        place.open().settings()
