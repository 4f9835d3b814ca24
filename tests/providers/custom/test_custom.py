"""Custom sources: paging, times, what a month is made of, and errors that name the key."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import ProviderError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import NOW
from tests.providers.custom.source import vendor

KNOWN = NOW - dt.timedelta(days=1)
LINES = """
[[custom]]
name = "acme"
url = "https://api.acme.example"

[[custom.charges]]
path = "/lines"
rows = "lines"
columns.BilledCost = "cost"
columns.BillingCurrency = "'EUR'"
columns.ServiceName = "'Acme'"
columns.ChargePeriodStart = "day"
"""
TOTAL = """
[[custom]]
name = "acme"
url = "https://api.acme.example"

[[custom.charges]]
path = "/account"
rows = "[@]"
columns = { BilledCost = "so_far", BillingCurrency = "'EUR'", ServiceName = "'Acme'" }
"""
LEVEL = """
[[custom]]
name = "acme"
url = "https://api.acme.example"

[[custom.usage]]
path = "/level"
rows = "[@]"
period = "now"
columns = { quota = "'storage'", unit = "'GB'", used = "bytes" }
scale = "1e-9"
"""


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def line(cost, day="2026-11-19", **fields):
    return {"cost": cost, "day": day, **fields}


def charges(vendor, known_through=KNOWN, now=NOW):
    with vendor.provider() as provider:
        return tuple(provider.charges("acme", now, known_through))


def rows(vendor, **options):
    return [charge for window in charges(vendor, **options) for charge in window.charges]


def usage(vendor):
    with vendor.provider() as provider:
        return provider.usage("acme", NOW)


def failure(read, vendor):
    with pytest.raises(ProviderError) as caught:
        read(vendor)
    return caught.value


def paged(paging, text=LINES):
    return text.replace('rows = "lines"', f'rows = "lines"\npaging = {{ {paging} }}')


def test_numbered_pages_are_counted(server):
    text = paged('param = "page", pages = "pages"')
    answers = {
        "/lines?page=1": {"lines": [line(1)], "pages": 2},
        "/lines?page=2": {"lines": [line(2, "2026-11-20")], "pages": 2},
    }

    assert [charge.billed_cost for charge in rows(vendor(server, text, answers))] == [1, 2]
    assert len(server.asked) == 2


def test_of_the_address_of_the_next_page_only_the_query_is_used(server):
    text = paged('link = "next"')
    answers = {
        "/lines": {"lines": [line(1)], "next": "https://evil.example/other?after=7&size=5"},
        "/lines?after=7&size=5": {"lines": [line(2, "2026-11-20")], "next": None},
    }

    assert [charge.billed_cost for charge in rows(vendor(server, text, answers))] == [1, 2]
    assert [(asked.path, asked.query) for asked in server.asked] == [
        ("/lines", {}),
        ("/lines", {"after": "7", "size": "5"}),
    ]


def test_an_empty_page_ends_a_listing_whose_cursor_never_does(server):
    text = paged('param = "cursor", cursor = "cursor"')
    answers = {
        "/lines": {"lines": [line(1)], "cursor": "a"},
        "/lines?cursor=a": {"lines": [], "cursor": "a"},
    }

    assert len(rows(vendor(server, text, answers))) == 1


def test_rows_that_nothing_sets_apart_are_one_on_a_page_and_a_fault_on_two(server):
    one = {"/lines": {"lines": [line("0.1"), line("0.2")]}}
    two = {
        "/lines": {"lines": [line("0.1")], "cursor": "a"},
        "/lines?cursor=a": {"lines": [line("0.2")], "cursor": None},
    }
    text = paged('param = "cursor", cursor = "cursor"')

    assert [charge.billed_cost for charge in rows(vendor(server, LINES, one))] == [Decimal("0.3")]
    assert "a row of an earlier page again" in str(failure(rows, vendor(server, text, two)))


def test_a_key_sets_rows_apart(server):
    text = LINES.replace('rows = "lines"', 'rows = "lines"\nkey = "id"')
    answers = {"/lines": {"lines": [line("0.1", id=1), line("0.2", id=2)]}}

    assert len(rows(vendor(server, text, answers))) == 2


@pytest.mark.parametrize(
    "day",
    ["2026-11-19", "2026-11-19T00:00:00Z", "2026-11-19 00:00:00", 1795046400, "1795046400000"],
)
def test_a_time_is_iso_8601_or_unix_time(server, day):
    (charge,) = rows(vendor(server, LINES, {"/lines": {"lines": [line(1, day)]}}))

    assert charge.charge_period_start == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    assert charge.charge_period_end == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def test_a_total_of_the_month_is_one_row_that_is_restated(server):
    (before,) = charges(vendor(server, TOTAL, {"/account": {"so_far": 12.5}}))
    (after,) = charges(vendor(server, TOTAL, {"/account": {"so_far": "13.25"}}))

    assert [row.source_row_key for row in before.charges] == [
        row.source_row_key for row in after.charges
    ]
    (row,) = after.charges
    assert row.billed_cost == Decimal("13.25")
    assert row.charge_period_end == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert (after.complete_through, after.counted_through) == (None, NOW)


def test_a_total_of_the_month_is_not_asked_for_the_month_before(server):
    first_minute = dt.datetime(2026, 12, 1, 0, 0, 30, tzinfo=dt.UTC)
    account = vendor(server, TOTAL, {"/account": {"so_far": 0}})

    assert charges(account, now=first_minute) == ()
    assert len(charges(account, known_through=None)) == 1


def test_of_a_listing_without_dates_what_is_older_is_cut_off(server):
    text = LINES.replace("[[custom.charges]]", "days = 10\n[[custom.charges]]")
    answer = {"lines": [line(1, "2026-11-12"), line(2, "2026-11-10"), line(4, "2026-12-24")]}

    (window,) = charges(vendor(server, text, {"/lines": answer}))

    assert [row.billed_cost for row in window.charges] == [1]
    assert window.start == dt.datetime(2026, 11, 11, tzinfo=dt.UTC)
    assert window.intake == "restate"


def test_times_are_asked_for_as_the_definition_says(server):
    params = '{ a = "{start:unix}", b = "{last:date}", c = "{month}", d = ["x", "{end:unix_ms}"] }'
    text = LINES.replace('rows = "lines"', f'rows = "lines"\nparams = {params}')

    charges(vendor(server, text, {"/lines": {"lines": []}}), known_through=NOW)

    assert server.asked[0].pairs == (
        ("a", "1793491200"),
        ("b", "2026-11-21"),
        ("c", "2026-11"),
        ("d", "x"),
        ("d", "1795255200000"),
    )


def test_cents_are_scaled_exactly(server):
    text = LINES.replace('rows = "lines"', 'rows = "lines"\nscale = "0.01"')

    (charge,) = rows(vendor(server, text, {"/lines": {"lines": [line("41280.000000001")]}}))

    assert charge.billed_cost == Decimal("412.80000000001")


def test_a_function_that_loses_digits_is_refused(server):
    text = LINES.replace('"cost"', '"to_number(cost)"')

    error = failure(rows, vendor(server, text, {"/lines": {"lines": [line("0.1")]}}))

    assert "custom[0].charges[0].columns.BilledCost = 'to_number(cost)'" in str(error)


@pytest.mark.parametrize(
    ("text", "answer", "said"),
    [
        (LINES, {"items": []}, "custom[0].charges[0].rows = 'lines' finds no list"),
        (LINES, {"lines": [{"day": "2026-11-19"}]}, "columns.BilledCost = 'cost' finds nothing"),
        (LINES, {"lines": [line("much")]}, "columns.BilledCost = 'cost' finds no number"),
        (LINES, {"lines": [line("1_000")]}, "columns.BilledCost = 'cost' finds no number"),
        (LINES, {"lines": [line(" 1")]}, "columns.BilledCost = 'cost' finds no number"),
        (LINES, {"lines": [line("1e9999")]}, "columns.BilledCost = 'cost' finds no number"),
        (LINES, {"lines": [line(1, "soon")]}, "columns.ChargePeriodStart = 'day' finds no time"),
        (LINES, {"lines": [line(1, [])]}, "columns.ChargePeriodStart = 'day' finds no text"),
        (LINES.replace("'EUR'", "'euro'"), {"lines": [line(1)]}, "finds no ISO 4217 code"),
        (
            LINES.replace('"lines"', '"keys(lines)"'),
            {"lines": [1]},
            "rows = 'keys(lines)' cannot be",
        ),
    ],
)
def test_a_definition_that_does_not_fit_is_named_by_its_key(server, text, answer, said):
    error = failure(rows, vendor(server, text, {"/lines": answer}))

    assert error.reason == "schema"
    assert said in str(error)
    assert "costmon check --dry-run" in str(error)


def test_a_level_is_of_now_and_scaled(server):
    (one,) = usage(vendor(server, LEVEL, {"/level": {"bytes": 1_500_000_000}})).quantities

    assert (one.used, one.start, one.resets_at) == (Decimal("1.5"), NOW, None)


def test_a_limit_is_scaled_once(server):
    text = LEVEL.replace('used = "bytes"', 'used = "bytes", limit = "most"')
    answers = {"/level": {"bytes": 1_500_000_000, "most": 5_000_000_000}}

    (one,) = usage(vendor(server, text, answers)).quantities

    assert (one.used, one.limit) == (Decimal("1.5"), Decimal(5))


def test_less_than_nothing_cannot_be_used(server):
    error = failure(usage, vendor(server, LEVEL, {"/level": {"bytes": -1}}))

    assert "columns.used = 'bytes' is less than 0" in str(error)


def test_a_request_that_is_refused_is_a_gap_beside_others(server):
    more = LEVEL.partition("[[custom.usage]]")[2].replace("/level", "/hidden")
    text = f"{LEVEL}\n[[custom.usage]]{more}"
    answers = {"/level": {"bytes": 1}, "/hidden": Reply.json({}, status=403)}

    reading = usage(vendor(server, text, answers))

    assert [gap.kind for gap in reading.gaps] == ["/hidden"]
    assert len(reading.quantities) == 1


def test_a_source_without_charges_has_no_window_and_one_without_usage_no_quantity(server):
    assert charges(vendor(server, LEVEL, {})) == ()
    assert usage(vendor(server, LINES, {})).quantities == ()
    assert server.asked == ()


def test_an_answer_is_asked_for_once_however_many_read_it(server):
    more = LEVEL.partition("[[custom.usage]]")[2].replace("'storage'", "'objects'")
    text = f"{LEVEL}\n[[custom.usage]]{more}"

    assert len(usage(vendor(server, text, {"/level": {"bytes": 1}})).quantities) == 2
    assert len(server.asked) == 1


def test_a_listing_that_never_ends_is_incomplete(server):
    text = paged('param = "page", pages = "pages"')
    days = [f"2026-11-{day:02}" for day in range(1, 21)]

    def endless(asked):
        return {"lines": [line(1, days[0], n=asked.query["page"])], "pages": 10**9}

    text = text.replace('rows = "lines"', 'rows = "lines"\nkey = "n"')

    error = failure(rows, vendor(server, text, {"/lines": endless}))

    assert "incomplete: more than 500 pages" in str(error)


def test_a_value_in_a_path_cannot_leave_it(server):
    text = LINES.replace('"/lines"', '"/orgs/{ACME_ORG}/lines"')
    account = vendor(server, text, {}, ACME_ORG="../admin?x=1#y")

    error = failure(rows, account)

    assert error.reason == "schema"
    assert "GET /orgs/..%2Fadmin%3Fx%3D1%23y/lines" in str(error)
