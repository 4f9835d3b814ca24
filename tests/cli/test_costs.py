"""`costmon costs`: every vendor's resources, and their sum."""

from decimal import Decimal

from costmon.cli.costs import _parts

META = {"stale": False}


def account(name, monthly, count):
    return {
        "name": name,
        "state": "up",
        "monthly": monthly,
        "resource_count": count,
        "month_to_date_estimate": None,
        "month_to_date_usage": None,
        "reason": None if monthly else "the first poll has not ended yet",
        "gaps": [],
    }


def row(name, monthly, **facts):
    return {
        "name": name,
        "monthly_cost": monthly,
        "size": None,
        "region": None,
        "status": None,
        "unpriced": None,
        "waste": None,
    } | facts


def printed(**data):
    answer = {"data": {"currency": "USD", "as_of": "2026-11-21T10:00:00Z"} | data, "meta": META}
    return "\n".join(_parts(answer, "UTC", 20))


def test_it_sums_all_accounts_and_lists_what_costs_most_first():
    shown = printed(
        providers=[account("do", Decimal("5.00"), 1), account("hz", Decimal("7.00"), 1)],
        droplets=[row("box", Decimal("5.00"))],
        resources=[row("disk", Decimal("7.00"), kind="volume")],
    )

    assert shown.startswith("USD 12.00 a month, 0.40 a day, 0.02 an hour for 2 resources, as of")
    lines = [line.split()[:3] for line in shown.splitlines()]
    assert lines[-2:] == [["7.00", "volume", "disk"], ["5.00", "droplet", "box"]]


def test_an_account_that_has_not_been_read_is_unknown_and_in_no_sum():
    shown = printed(
        providers=[account("do", Decimal("5.00"), 1), account("hz", None, None)],
        droplets=[row("box", Decimal("5.00"))],
        resources=[],
    )

    assert shown.startswith("USD 5.00 a month")
    assert any(line.split()[:3] == ["hz", "up", "?"] for line in shown.splitlines())


def test_an_account_whose_vendor_has_no_resources_is_not_among_those_that_have():
    vercel = account("vercel", None, None) | {"reason": None}

    shown = printed(
        providers=[account("do", Decimal("5.00"), 1), vercel],
        droplets=[row("box", Decimal("5.00"))],
        resources=[],
    )

    assert "vercel" not in shown
