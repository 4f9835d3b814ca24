import datetime as dt

from costmon.state import fold
from costmon.state.accounts import most_expensive, totals_over
from costmon.state.waste import waste_of
from costmon.testing.clock import START
from costmon.testing.samples import inventory, report, resource


def accounts(*resources):
    blank = fold.first((("work", "hetzner"),), {}, now=START, demo=False)
    seen = inventory(resources, account="work", provider="hetzner")
    return fold.fetched(blank, report(account="work"), seen, START).accounts


def test_the_most_expensive_come_first_whatever_their_kind_and_unknown_prices_not_at_all():
    found = most_expensive(
        accounts(
            resource("1", monthly="1"),
            resource("2", monthly=None),
            resource("3", kind="database", monthly="3"),
            resource("4", monthly="2"),
        ),
        2,
    )

    assert [one.id for one in found] == ["3", "4"]


def test_another_currency_is_not_compared_with_dollars():
    assert most_expensive(accounts(resource("1", monthly="900", currency="JPY")), 3) == ()


def test_without_an_account_that_was_read_there_are_no_totals():
    blank = fold.first((("work", "hetzner"),), {}, now=START, demo=False)

    assert totals_over(blank.accounts) is None
    assert totals_over(()) is None


def test_waste_is_summed_exactly_by_kind_and_reason():
    since = START - dt.timedelta(days=1)
    found = waste_of(
        accounts(
            resource("1", monthly="0.004", waste="off", created_at=since),
            resource("2", monthly="0.004", waste="off"),
            resource("3", monthly=None, waste="detached"),
        )
    )

    assert [
        (row.reason, row.count, row.monthly_cost and str(row.monthly_cost)) for row in found
    ] == [
        ("off", 2, "0.008"),
        ("detached", 1, None),
    ]
