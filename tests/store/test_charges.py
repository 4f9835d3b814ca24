"""What vendors say was charged: rows restated and windows replaced, whole or not at all."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from costmon.domain.charge_report import ChargeQuery, month_to_date
from costmon.domain.resource import Gap
from costmon.errors import StoreError, StoreFencedError
from costmon.store import charges as charges_module
from costmon.store.charge_windows import read_windows
from tests.store.charges import charge, day, window

NOVEMBER = month_to_date(dt.date(2026, 11, 30), "account")


@pytest.fixture
def record(store, token):
    return lambda *windows: [store.record_charges(it, token) for it in windows][-1]


def windows(store):
    with store._reader() as connection:
        return read_windows(connection)


def counts(recorded):
    return (recorded.added, recorded.changed, recorded.vanished, recorded.unchanged)


def billed(store, query=NOVEMBER):
    return {(it.group, it.currency): it.billed for it in store.charges(query)}


def test_a_row_keeps_every_digit_that_the_vendor_wrote(record, look):
    record(window(charge("a", "0.00000080000", list_cost=Decimal("1E+3"))))

    assert look('SELECT "BilledCost", "ListCost" FROM charge') == [("0.00000080000", "1000")]


def test_a_row_has_the_columns_of_focus_and_says_where_it_is_from(record, look):
    row = charge(
        "a",
        "12.50",
        sub_account_id="prj_1",
        sub_account_name="Shop",
        pricing_quantity=Decimal("2.0"),
        pricing_unit="GB-Hours",
        tags=(("team", "web"), ("env", "prod")),
        raw='{"BilledCost": 12.50}',
    )
    record(window(row, day_zone="America/Los_Angeles"))

    shown = look(
        'SELECT "BilledCost", "ChargePeriodStart", "SubAccountName", "PricingQuantity", "Tags",'
        ' "x_Account", "x_CostBasis", "x_DayZone", "x_ObservedAt", "x_Revision", "x_RawJson"'
        " FROM charge_rows"
    )
    assert shown == [
        (
            "12.50",
            "2026-11-18T00:00:00Z",
            "Shop",
            "2.0",
            '{"env":"prod","team":"web"}',
            "vercel",
            "billed",
            "America/Los_Angeles",
            "2026-11-21T00:00:00Z",
            1,
            '{"BilledCost": 12.50}',
        )
    ]


@pytest.mark.parametrize("intake", ["restate", "replace"])
def test_the_same_window_twice_changes_nothing(record, look, intake):
    given = window(charge("a"), charge("b", "-0.25"), intake=intake)
    assert counts(record(given)) == (2, 0, 0, 0)
    before = look.everything()

    assert counts(record(given)) == (0, 0, 0, 2)

    assert look.everything() == before


def test_a_later_read_of_the_same_rows_only_makes_them_fresher(record, look, store):
    record(window(charge("a")))
    before = look("SELECT * FROM charge")

    recorded = record(window(charge("a"), at=60))

    assert (counts(recorded), recorded.restatements) == ((0, 0, 0, 1), ())
    assert look("SELECT * FROM charge") == before
    assert look("SELECT count(*) FROM charge_revision") == [(0,)]
    assert [it.observed_at for it in windows(store)] == [day(21) + dt.timedelta(hours=1)]


def test_a_changed_row_appends_a_revision_and_the_day_says_by_how_much(record, look, store):
    record(window(charge("a", "2.50", raw='{"n": 1}'), charge("b", "4.00")))

    recorded = record(window(charge("a", "16.70", raw='{"n": 2}'), charge("b", "4.00"), at=60))

    assert counts(recorded) == (0, 1, 0, 1)
    assert look('SELECT "BilledCost", "x_Revision" FROM charge ORDER BY id') == [
        ("16.70", 2),
        ("4.00", 1),
    ]
    ((key, revision, vanished, old),) = look(
        "SELECT source_row_key, revision, vanished, old_values FROM charge_revision"
    )
    assert (key, revision, bool(vanished)) == ("a", 1, False)
    assert json.loads(old) == {
        "BilledCost": "2.50",
        "EffectiveCost": "2.50",
        "ListCost": "2.50",
        "ContractedCost": "2.50",
        "x_RawJson": '{"n": 1}',
    }
    (restated,) = recorded.restatements
    assert (restated.day, restated.service, restated.billed_delta) == (
        dt.date(2026, 11, 18),
        "Functions",
        Decimal("14.20"),
    )
    assert billed(store) == {("vercel", "USD"): Decimal("20.70")}


def test_what_was_restated_is_told_from_then_on_newest_first(record, store):
    record(window(charge("a", "1.00")))
    record(window(charge("a", "3.00"), at=60))
    record(window(charge("a", "2.50"), at=120))

    overview = store.charge_overview(dt.date(2026, 11, 21), day(1))
    lately = store.charge_overview(dt.date(2026, 11, 21), day(21) + dt.timedelta(minutes=90))

    assert [it.billed_delta for it in overview.restatements] == [Decimal("-0.50"), Decimal(2)]
    assert [it.billed_delta for it in lately.restatements] == [Decimal("-0.50")]


def test_a_row_that_comes_late_restates_its_day(record):
    record(window(charge("a")))

    recorded = record(window(charge("a"), charge("tax", "0.20", charge_category="Tax"), at=60))

    assert [it.billed_delta for it in recorded.restatements] == [Decimal("0.20")]


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param({"complete_through": day(18)}, id="still open"),
        pytest.param({"complete_through": None}, id="vendor does not say"),
        pytest.param({"start": day(18) + dt.timedelta(hours=1)}, id="read in part"),
    ],
)
def test_a_day_that_was_not_complete_is_not_restated(record, earlier):
    moment = day(18) + dt.timedelta(hours=2)
    record(window(charge("a", "1.00", start=moment), **earlier))

    recorded = record(window(charge("a", "2.00", start=moment), at=60))

    assert (recorded.changed, recorded.restatements) == (1, ())


def test_days_before_the_first_window_are_not_restated_when_they_are_filled_in(record):
    record(window(charge("a")))

    october = window(charge("o", start=day(3, month=10)), start=day(1, month=10), end=day(1), at=60)

    assert record(october).restatements == ()


def test_what_was_complete_stays_so_whatever_a_later_answer_says(record, store):
    record(window(charge("a")))
    record(window(charge("a"), at=60, complete_through=None))

    recorded = record(window(charge("a", "2.00"), at=120, complete_through=None))

    assert [it.billed_delta for it in recorded.restatements] == [Decimal(1)]
    assert [it.complete_through for it in windows(store)] == [day(21)]


def test_a_day_is_complete_by_the_vendors_own_clock(record):
    zone = "America/Los_Angeles"
    late = day(19) + dt.timedelta(hours=6)
    record(
        window(
            charge("a", start=late), day_zone=zone, complete_through=day(19) + dt.timedelta(hours=7)
        )
    )

    still_open = record(window(charge("a", "2.00", start=late), day_zone=zone, at=60))
    restated = record(window(charge("a", "3.00", start=late), day_zone=zone, at=120))

    assert still_open.restatements == ()
    assert [it.day for it in restated.restatements] == [dt.date(2026, 11, 18)]


def test_restating_keeps_rows_that_the_answer_does_not_have(record, store):
    record(window(charge("a"), charge("b")))

    assert counts(record(window(charge("a"), at=60))) == (0, 0, 0, 1)

    assert billed(store) == {("vercel", "USD"): Decimal(2)}


def test_replacing_makes_the_window_exactly_what_was_answered(record, store, look):
    record(window(charge("a", "20.00"), charge("b", "9.39"), intake="replace"))

    recorded = record(window(charge("a", "29.39"), intake="replace", at=60))

    assert counts(recorded) == (0, 1, 1, 0)
    assert billed(store) == {("vercel", "USD"): Decimal("29.39")}
    assert look('SELECT "x_SourceRowKey" FROM charge') == [("a",)]
    kept = look("SELECT old_values FROM charge_revision WHERE source_row_key = 'b'")
    assert json.loads(kept[0][0])["BilledCost"] == "9.39"


def test_a_window_that_grows_from_its_anchor_is_never_a_sum_of_windows(record, store):
    record(
        window(charge("18", "47.69", on=18), until=19, intake="replace"),
        window(
            charge("18", "10.00", on=18), charge("19", "19.39", on=19), until=20, intake="replace"
        ),
    )

    assert billed(store) == {("vercel", "USD"): Decimal("29.39")}
    assert [(it.start, it.end) for it in windows(store)] == [(day(1), day(20))]


def test_replacing_leaves_alone_what_lies_outside_the_window(record, store):
    record(
        window(charge("oct", start=day(31, month=10)), start=day(1, month=10), end=day(1)),
        window(charge("nov", "5.00", on=1), charge("last", "7.00", on=20)),
        window(charge("new", "1.00", on=2), until=20, intake="replace", at=2000),
    )

    assert billed(
        store, ChargeQuery(start=dt.date(2026, 10, 1), end=dt.date(2026, 12, 1), group_by="day")
    ) == {
        ("2026-10-31", "USD"): Decimal(1),
        ("2026-11-02", "USD"): Decimal(1),
        ("2026-11-20", "USD"): Decimal(7),
    }


def test_accounts_and_vendors_do_not_replace_each_other(record, store):
    record(
        window(charge("a", "1.00"), intake="replace"),
        window(charge("a", "2.00"), intake="replace", account="other"),
        window(charge("a", "4.00"), intake="replace", provider="supabase"),
    )

    totals = {(it.account, it.provider): it.billed for it in store.charges(NOVEMBER)}
    assert totals == {
        ("vercel", "vercel"): Decimal(1),
        ("other", "vercel"): Decimal(2),
        ("vercel", "supabase"): Decimal(4),
    }


def test_a_row_that_vanished_and_is_back_goes_on_counting_revisions(record, look):
    record(
        window(charge("a"), intake="replace"),
        window(intake="replace", at=60),
        window(charge("a", "2.00"), intake="replace", at=120),
        window(charge("a", "3.00"), intake="replace", at=180),
    )

    assert look('SELECT "BilledCost", "x_Revision" FROM charge') == [("3.00", 3)]
    assert look("SELECT revision FROM charge_revision ORDER BY revision") == [(1,), (2,)]


def test_a_row_that_moves_to_another_day_service_or_project_leaves_nothing_behind(record, store):
    record(window(charge("a", "1.00", on=3, sub_account_id="p")))
    record(window(charge("a", "1.00", on=18, service_name="Bandwidth"), at=60))

    for group in ("day", "service", "project", "month"):
        query = month_to_date(dt.date(2026, 11, 30), group)
        assert len(store.charges(query)) == 1


def test_an_older_read_changes_nothing_that_a_newer_one_has_said(record, look):
    record(window(charge("a", "2.00"), at=60))
    before = look.everything()

    recorded = record(window(charge("a", "1.00")))

    assert (counts(recorded), recorded.outdated) == ((0, 0, 0, 0), 1)
    assert look.everything() == before


def test_an_older_read_still_fills_in_what_no_newer_one_covers(record, store):
    record(window(charge("new", "2.00", on=15), start=day(10), at=60))

    recorded = record(window(charge("old", "1.00", on=15), charge("early", "4.00", on=3)))

    assert (recorded.added, recorded.outdated) == (1, 1)
    assert billed(store) == {("vercel", "USD"): Decimal(6)}
    assert len(windows(store)) == 2


def test_a_window_of_only_what_is_unread_leaves_alone_what_was_read(record, store):
    record(window(charge("old", "1.00", on=5), until=10, intake="replace"))
    later = window(
        charge("corrected", "7.00", on=5), charge("new", "2.00", on=12), at=60, only_unread=True
    )

    assert counts(record(later)) == (1, 0, 0, 0)
    assert counts(record(later)) == (0, 0, 0, 0)

    assert billed(store) == {("vercel", "USD"): Decimal("3.00")}


def test_a_window_of_only_what_is_unread_is_taken_whole_when_nothing_was_read(record, store):
    record(window(charge("a", "1.00"), charge("b", "2.00"), only_unread=True))

    assert billed(store) == {("vercel", "USD"): Decimal("3.00")}


def test_an_older_window_that_would_replace_is_not_taken_in_part(record, store):
    record(window(charge("new", "2.00", on=15), start=day(10), intake="replace", at=60))

    recorded = record(window(charge("early", "4.00", on=3), intake="replace"))

    assert recorded.outdated == 1
    assert billed(store) == {("vercel", "USD"): Decimal(2)}


def test_reads_from_before_the_clock_was_set_back_do_not_hide_later_ones(record, store, clock):
    ahead = clock.now() + dt.timedelta(days=30)
    record(replace(window(charge("a", "1.00")), observed_at=ahead))

    record(window(charge("a", "2.00")))

    assert billed(store) == {("vercel", "USD"): Decimal(2)}


def test_a_write_that_fails_leaves_the_old_rows(record, look, monkeypatch):
    record(window(charge("a", "1.00"), charge("b", "2.00"), intake="replace"))
    before = look.everything()

    def fail(*_):
        msg = "the disk is gone"
        raise StoreError(msg)

    for step in ("update_rollups", "write_window"):
        with monkeypatch.context() as patched:
            patched.setattr(charges_module, step, fail)
            with pytest.raises(StoreError, match="the disk is gone"):
                record(window(charge("a", "9.00"), charge("c"), intake="replace", at=60))
        assert look.everything() == before


def test_a_replaced_writer_writes_no_charges(store, token, look):
    store.claim("persister")
    before = look.everything()

    with pytest.raises(StoreFencedError):
        store.record_charges(window(charge("a")), token)

    assert look.everything() == before


def test_more_than_can_be_stored_is_refused_and_nothing_is_written(record, look):
    before = look.everything()

    with pytest.raises(StoreError, match="more than can be stored"):
        record(window(charge("a", "9000000000"), charge("b", "9000000000")))

    assert look.everything() == before


@pytest.mark.parametrize("text", ["nul\0inside", "lone \ud800 surrogate", "x" * 5000])
def test_whatever_a_vendor_calls_its_things_can_be_kept(record, store, text):
    row = charge(
        "k" + text,
        service_name=text,
        sub_account_id=text,
        sub_account_name=text,
        charge_description=text,
        tags=((text, text),),
    )
    given = window(row, gaps=(Gap(kind=text, reason=text),))

    assert counts(record(given)) == (1, 0, 0, 0)
    assert counts(record(given)) == (0, 0, 0, 1)


def test_a_large_window_is_compared_changed_and_emptied(record, store):
    def rows(cost):
        return [charge(f"{n}", cost, on=1 + n % 20) for n in range(2_500)]

    assert counts(record(window(*rows("0.000000000001"), intake="replace"))) == (2500, 0, 0, 0)
    assert counts(record(window(*rows("0.0000000002"), intake="replace", at=1))) == (0, 2500, 0, 0)
    assert billed(store) == {("vercel", "USD"): Decimal("0.00000050")}

    assert counts(record(window(intake="replace", at=2))) == (0, 0, 2500, 0)

    assert store.charges(NOVEMBER) == ()
