"""Detection in the alerter: what series of spend have found, over crashes and restarts."""

import contextlib
import dataclasses
import datetime as dt
import random
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from costmon.actors.detection import Detection, DetectionPlan
from costmon.alerts.condition import Condition
from costmon.alerts.spend import spend_found
from costmon.domain.finding import Series, SpendFinding
from costmon.errors import StoreUnavailableError
from costmon.store.spend import Watches

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
BUCKET = dt.timedelta(minutes=5)
DAY = 288
GLOBAL, PROVIDER, TAG = (Series(it, "USD") for it in ("global", "provider:x", "tag:a"))


class Crash(BaseException):
    """A kill in the middle."""


def crash_sometimes(rng, chance):
    if rng.random() < chance:
        raise Crash


class Kept:
    """A database that survives crashes, which happen before and after its commits."""

    def __init__(self, rows, chance=lambda: False):
        self.rows = rows
        self.kept = Watches(None, {}, ())
        self.findings: dict[str, SpendFinding] = {}
        self.chance = chance
        self.away = False
        self.old = set()

    def load(self):
        return self.kept._replace(findings=tuple(it for it in self.findings.values() if it.is_open))

    def buckets(self, after, until):
        if self.away:
            raise StoreUnavailableError("away")
        return {at: row for at, row in self.rows.items() if after < at <= until}

    def sums(self, after, until):
        if self.away:
            raise StoreUnavailableError("away")
        found: dict[Series, Decimal] = {}
        for row in self.buckets(after, until).values():
            for series, amount in row.items():
                found[series] = found.get(series, Decimal()) + amount
        return found

    def has_spent(self, series, before):
        del before
        return series in self.old

    def save(self, watches, findings, position, dropped):
        if self.away:
            raise StoreUnavailableError("away")
        if self.chance():
            raise Crash
        known = {it: one for it, one in self.kept.watches.items() if it not in set(dropped)}
        self.kept = Watches(position or self.kept.position, {**known, **watches}, ())
        self.findings.update((one.id, one) for one in findings)
        if self.chance():
            raise Crash


def plan(store, **changes):
    return dataclasses.replace(
        DetectionPlan(
            open_store=lambda: store, bucket_s=300, timezone="UTC", expected=(), most_series=20
        ),
        **changes,
    )


def spend(days, *, burns=(), seed=1):
    """Return buckets of one vendor with two tags; `burns`: (series, from, to, factor)."""
    rng, rows = random.Random(seed), {}
    for n in range(days * DAY):
        row = {}
        for tag in ("tag:a", "tag:b"):
            amount = 0.05 * rng.uniform(0.8, 1.2)
            for name, first, last, factor in burns:
                amount *= factor if name == tag and first <= n < last else 1
            row[Series(tag, "USD")] = Decimal(f"{amount:.6f}")
        row[GLOBAL] = row[PROVIDER] = sum(row.values(), Decimal())
        rows[START + (n + 1) * BUCKET] = row
    return rows


def ends(rows, every=1):
    return sorted(rows)[every - 1 :: every]


def run(store, moments, **changes):
    """Return what is told by one incarnation that is never replaced."""
    detection = Detection(plan(store, **changes), lambda: None)
    return [one for until in moments for one in detection.closed(until)]


BURN = 8 * DAY + 100
LOOP = (("tag:a", BURN, BURN + 30, 100),)


def test_a_loop_is_told_once_by_the_total_with_the_tag_that_burns():
    rows = spend(9, burns=LOOP)
    store = Kept(rows)

    told = run(store, ends(rows))

    opened = [one for one in told if one.state == "opened"]
    assert [one.series for one in opened] == [GLOBAL]
    (one,) = opened
    assert one.at - (START + BURN * BUCKET) <= 2 * BUCKET
    assert one.severity == "critical"
    assert [it.scope for it in one.contributors[:2]] == ["provider:x", "tag:a"]
    assert [it.state for it in told][-1] == "resolved"
    parts = {it.series for it in store.findings.values() if it.part_of == one.id}
    assert {PROVIDER, TAG} <= parts
    assert not any(it.is_open for it in store.findings.values())


def test_a_tag_that_runs_away_while_the_total_is_flat_is_told():
    rows = spend(9, burns=LOOP)
    for row in rows.values():
        row[GLOBAL] = row[PROVIDER] = Decimal("0.1")

    opened = [one for one in run(Kept(rows), ends(rows)) if one.state == "opened"]

    assert TAG in {one.series for one in opened}


@pytest.mark.parametrize("seed", range(1))
def test_kills_at_any_moment_change_nothing_of_what_is_found(seed):
    rows = spend(9, burns=(*LOOP, ("tag:b", BURN - 60, BURN - 45, 30)), seed=seed)
    undisturbed = Kept(rows)
    expected = [spend_found(one).cause for one in run(undisturbed, ends(rows))]
    rng = random.Random(seed)
    store = Kept(rows)
    run(store, ends(rows)[:1])  # the first bucket is where detection begins
    store.chance = lambda: rng.random() < 0.2
    told: dict[tuple[str, str], Condition] = {}
    detection, moments = None, ends(rows)[1:]
    while moments:
        detection = detection or Detection(plan(store), lambda: None)
        try:
            crash_sometimes(rng, 0.01)
            for one in detection.closed(moments[0]):
                condition = spend_found(one)
                told.setdefault((condition.name, condition.cause), condition)
                crash_sometimes(rng, 0.2)
        except Crash:
            detection = None
            moments = moments[rng.randrange(2) :]
        else:
            moments = moments[1:]
    run(store, ends(rows)[-1:])

    assert expected
    assert [cause for _, cause in told] == expected
    assert store.findings == undisturbed.findings


def test_a_database_that_is_away_delays_a_finding_and_loses_none():
    rows = spend(9, burns=LOOP)
    expected = [one.state for one in run(Kept(rows), ends(rows))]
    store, rng = Kept(rows), random.Random(3)
    told: list[SpendFinding] = []
    detection = Detection(plan(store), lambda: None)
    for until in ends(rows):
        store.away = rng.random() < 0.3
        with contextlib.suppress(StoreUnavailableError):
            told.extend(detection.closed(until))
    store.away = False
    told += detection.closed(ends(rows)[-1])

    assert [one.state for one in told] == expected


def test_a_series_that_never_cost_anything_and_now_does_is_told():
    rows = spend(9)
    new = Series("key:new", "USD")
    for at in ends(rows)[-12:]:
        rows[at][new] = Decimal("2.5")

    opened = [one for one in run(Kept(rows), ends(rows)) if one.state == "opened"]

    assert [(one.series, one.cause) for one in opened if one.series == new] == [(new, "new")]


def test_a_series_that_is_only_newly_watched_is_not_new():
    rows = spend(9)
    old = Series("key:old", "USD")
    for at in ends(rows)[-12:]:
        rows[at][old] = Decimal("2.5")
    store = Kept(rows)
    store.old.add(old)

    assert not [one for one in run(store, ends(rows)) if one.series == old]


TOKENS, METERED = Series("account:main", "output_tokens"), Series("account:main", "USD")


def counted(rows, *, first=0, late=0, begin=BURN):
    """Add an account's counters, read every hour; its vendor sees a loop `late` buckets late."""
    for n, at in enumerate(ends(rows)):
        if n >= first:
            read = n - n % 12 - late
            loop = begin <= read < begin + 30
            rows[at][TOKENS] = Decimal(9000 + 200 * (read % 7)) * (100 if loop else 1)
            rows[at][METERED] = rows[at][TOKENS] / 100_000
    return rows


def test_a_counter_that_runs_away_is_told_in_money_and_the_others_are_part_of_it():
    rows = counted({at: {} for at in ends(spend(9))})
    store = Kept(rows)

    told = [one for one in run(store, ends(rows)) if one.state == "opened"]

    assert [one.series for one in told] == [METERED]
    parts = {it.series for it in store.findings.values() if it.part_of == told[0].id}
    assert parts == {TOKENS}
    text = spend_found(told[0]).text
    assert text.startswith("The use of account:main at list price is unusually high")
    assert "the bill follows later" in text


def test_a_loop_that_guards_have_told_of_is_not_told_again_when_the_vendor_has_counted_it():
    rows = counted(spend(9, burns=(("tag:a", BURN, BURN + 30, 100),)), late=6)
    for row in rows.values():
        row[METERED] = row[METERED] / 10

    told = [one for one in run(Kept(rows), ends(rows)) if one.state == "opened"]

    assert [one.series for one in told] == [GLOBAL]


def test_a_counter_that_is_read_for_the_first_time_is_not_new():
    rows = counted(spend(3), first=2 * DAY, begin=99 * DAY)

    assert run(Kept(rows), ends(rows)) == []


def test_announced_windows_are_silent():
    rows = spend(9, burns=LOOP)
    announced = (START + (BURN - 1) * BUCKET, START + (BURN + 40) * BUCKET)

    assert run(Kept(rows), ends(rows), expected=(announced,)) == []


def test_an_announcement_counts_for_watches_that_were_stored_before_it():
    rows = spend(9, burns=LOOP)
    store = Kept(rows)
    before = [at for at in ends(rows) if at < START + (BURN - 24) * BUCKET]
    run(store, before)
    announced = (START + (BURN - 1) * BUCKET, START + (BURN + 40) * BUCKET)

    assert run(store, ends(rows)[len(before) :], expected=(announced,)) == []


def test_only_the_most_expensive_series_are_watched():
    rows = spend(1)
    for at in ends(rows):
        rows[at] |= {Series(f"tag:{n}", "USD"): Decimal(n) for n in range(40)}
    store = Kept(rows)

    run(store, ends(rows), most_series=5)

    watched = {one.scope for one in store.kept.watches}
    assert watched == {"tag:39", "tag:38", "tag:37", "tag:36", "tag:35"}


def test_a_series_whose_finding_is_open_stays_watched_until_it_is_over():
    rows = spend(9, burns=LOOP)
    for at in ends(rows)[BURN + 10 : BURN + 20]:
        rows[at] |= {Series(f"tag:{n}", "USD"): Decimal(10**6) for n in range(100, 140)}
    store = Kept(rows)

    run(store, ends(rows), most_series=5)

    assert {GLOBAL, TAG} <= {it.series for it in store.findings.values()}
    assert not any(it.is_open for it in store.findings.values() if it.series in {GLOBAL, TAG})


def test_a_service_that_was_off_for_months_starts_at_once():
    rows = spend(2)
    store = Kept(rows)
    run(store, ends(rows))

    beats = []
    detection = Detection(plan(store), lambda: beats.append(1))
    list(detection.closed(ends(rows)[-1] + dt.timedelta(days=200)))

    assert len(beats) < 2 * DAY


def test_buckets_of_another_length_begin_anew_and_are_fed():
    rows = {at: row for at, row in spend(1).items() if at.minute % 15}
    store = Kept(rows)
    run(store, ends(rows)[:-1])
    hourly = ends(rows)[-1].replace(minute=0) + dt.timedelta(hours=2)
    store.rows = {hourly - dt.timedelta(hours=1): {GLOBAL: Decimal(1)}, hourly: {TAG: Decimal(1)}}

    run(store, [hourly], bucket_s=3600)

    assert store.kept.position is not None
    assert store.kept.position.fed_until == hourly
    assert set(store.kept.watches) >= {GLOBAL, TAG}


def test_after_a_clock_that_was_ahead_detection_goes_on_at_once():
    back = 2 * DAY
    rows = spend(11, burns=(("tag:a", 10 * DAY, 10 * DAY + 30, 100),))
    store = Kept(rows)
    moments = ends(rows)
    ahead = moments[back] + dt.timedelta(days=60)

    with capture_logs() as logs:
        told = run(store, [*moments[:back], ahead, *moments[back:]])

    assert [it["event"] for it in logs] == ["alerter.detection_turned_back"]
    opened = [one.at for one in told if one.state == "opened" and one.series == GLOBAL]
    assert any(0 <= (at - START) / BUCKET - 10 * DAY <= 3 for at in opened), (
        "the loop is found when it begins"
    )
