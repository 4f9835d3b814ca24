"""Pages of the stats API, and what is missing in it."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import ProviderAuthError, ProviderPermissionError, ProviderSchemaError
from costmon.testing import Reply
from tests.providers.wasabi import answers
from tests.providers.wasabi.answers import TB, day


def bucket_days(count):
    return [day("2026-11-02", active=n, Bucket=f"bucket-{n}") for n in range(count)]


def test_all_pages_of_buckets_are_read_once(make_vendor, server, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-02", active=TB))
    records = bucket_days(230)

    def pages(asked):
        number = int(asked.query["pageNum"])
        part = records[number * 100 : number * 100 + 100]
        return Reply.json(answers.page(part, total=230, number=number))

    server.script(answers.BUCKET, pages)

    reading = vendor.usage(now)

    assert len({one.project for one in reading.quantities if one.project}) == 230
    assert [asked.path for asked in server.asked].count(answers.BUCKET) == 3
    assert {asked.query["pageSize"] for asked in server.asked} == {"100"}


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([answers.page(bucket_days(50), total=120)], id="short"),
        pytest.param([answers.page(bucket_days(100), total=120)], id="repeated"),
    ],
)
def test_buckets_that_are_incomplete_are_a_gap_and_the_account_stays(
    make_vendor, server, now, pages
):
    vendor = make_vendor()
    vendor.days(day("2026-11-02", active=TB))
    server.answer(answers.BUCKET, *map(Reply.json, pages))

    reading = vendor.usage(now)

    (gap,) = reading.gaps
    assert gap.kind == "buckets"
    assert "incomplete" in gap.reason
    assert {one.project for one in reading.quantities} == {None}


def test_an_account_with_incomplete_pages_is_an_error(make_vendor, server, now):
    server.answer(answers.ACCOUNT, Reply.json(answers.page([day("2026-11-02")], total=3)))

    with pytest.raises(ProviderSchemaError, match="incomplete: 1 of 3"):
        make_vendor().usage(now)


def test_a_day_that_ends_before_it_begins_is_an_error(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-02", EndTime="2026-11-01T00:00:00Z"))

    with pytest.raises(ProviderSchemaError, match="ends before it begins"):
        vendor.usage(now)


def test_bytes_are_those_of_the_newest_day_with_its_time(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-02", active=5 * TB), day("2026-10-20", active=9 * TB))

    reading = vendor.usage(now)

    active = reading.quantities[0]
    assert active.used == Decimal("5497.55813888")
    assert active.start == active.end == dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    assert active.resets_at is None
    assert reading.complete_through == active.end


def test_sending_is_free_up_to_what_is_stored(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-02", active=4_000_000_000, sent=3_000_000_000))

    egress = next(one for one in vendor.usage(now).quantities if one.quota == "egress")

    assert (egress.used, egress.limit) == (Decimal(3), Decimal(4))


def test_a_month_without_a_day_yet_is_a_gap_and_not_zero(make_vendor, now):
    vendor = make_vendor()
    vendor.days(day("2026-10-30", active=TB, sent=7, calls=3))

    reading = vendor.usage(now)

    assert {one.quota for one in reading.quantities} == {
        "storage_active",
        "storage_deleted",
        "storage_minimum",
    }
    assert len(reading.gaps) == 7
    assert {gap.reason for gap in reading.gaps} == {"no day of this month is reported yet"}


def test_a_count_that_is_missing_is_a_gap_and_not_zero(make_vendor, now):
    record = day("2026-11-02", active=TB)
    del record["DownloadBytes"]
    vendor = make_vendor()
    vendor.days(record)

    reading = vendor.usage(now)

    assert [gap.kind for gap in reading.gaps] == ["egress"]


@pytest.mark.parametrize(
    ("status", "error"), [(401, ProviderAuthError), (403, ProviderPermissionError)]
)
def test_a_key_that_may_not_read_says_what_is_needed(make_vendor, now, status, error):
    vendor = make_vendor()
    vendor.refuse_stats(status)

    for read in (vendor.usage, vendor.charges):
        with pytest.raises(error, match=r"WasabiViewBillingAccess.*WASABI_BUCKETS") as caught:
            read(now)
        assert caught.value.__context__ is None


def test_both_keys_are_sent_as_they_are_in_one_header(make_vendor, server, now):
    vendor = make_vendor()
    vendor.days(day("2026-11-02"))

    vendor.usage(now)

    assert {asked.headers["authorization"] for asked in server.asked} == {
        "PLANTEDACCESSKEY:planted/secret+key0123456789"
    }
    assert {asked.method for asked in server.asked} == {"GET"}
