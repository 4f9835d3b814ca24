from decimal import Decimal

import pytest

from costmon.meter.options import Options
from costmon.meter.projection.budgets import budget_of, fits
from tests.meter.projection.parts import MS, projected, row


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "/api/*", "GET /api/*", "get /api/*", "* /api/users/{id}", " GET  /api/users/*"),
        *("/api/users/{id}", "GET /api/users/{id}", "*/users/*"),
    ],
)
def test_a_glob_means_routes_with_or_without_a_method(pattern):
    assert fits(pattern, "GET", "/api/users/{id}")


@pytest.mark.parametrize("pattern", ["/api", "POST /api/*", "/API/*", "GET", "", "GET /api"])
def test_a_glob_means_no_others(pattern):
    assert not fits(pattern, "GET", "/api/users/{id}")


@pytest.mark.parametrize("route", ["^items/(?P<key>[0-9]+)/$", "/a[b]", "/files/*", "/{path:path}"])
def test_a_route_written_out_means_itself_whatever_is_in_it(route):
    assert fits(route, "GET", route)
    assert fits(f"GET {route}", "GET", route)


def test_the_first_that_fits_wins():
    options = Options(
        budgets=(("/api/admin/*", Decimal(5)), ("/api/*", Decimal(50)), ("*", Decimal(1))),
        budget_usd=Decimal(9),
    )

    assert budget_of(options, "GET", "/api/admin/x") == 5
    assert budget_of(options, "GET", "/api/x") == 50
    assert budget_of(options, "GET", "/") == 1


def test_what_no_glob_means_has_the_budget_of_all():
    options = Options(budgets=(("/api/*", Decimal(50)),), budget_usd=Decimal(9))

    assert budget_of(options, "GET", "/") == 9


def test_nothing_set_is_no_budget():
    assert budget_of(Options(), "GET", "/") is None


def test_a_glob_with_0_takes_the_budget_away():
    options = Options(budgets=(("/health", Decimal(0)),), budget_usd=Decimal(9))

    assert budget_of(options, "GET", "/health") is None


def test_a_route_above_its_budget_is_named_with_both_amounts():
    found = projected(row("/a", 50 * MS), row("/b", 1 * MS), budget_usd=Decimal(100))

    assert [route.over_budget for route in found.routes] == [True, False]
    [note] = [note for note in found.notes if "budget" in note]
    cost = found.routes[0].monthly_usd
    assert note == f"GET /a would cost ${cost} a month, over its budget of $100.00."


def test_a_route_that_costs_its_budget_to_the_cent_is_not_above_it():
    cost = projected(row()).routes[0].monthly_usd

    assert not projected(row(), budget_usd=cost).routes[0].over_budget
    assert projected(row(), budget_usd=cost - Decimal("0.01")).routes[0].over_budget


def test_of_many_routes_above_their_budgets_five_are_named():
    rows = (row(f"/r{number}", 50 * MS) for number in range(8))

    found = projected(*rows, budget_usd=Decimal(1))

    notes = [note for note in found.notes if "budget" in note]
    assert len(notes) == 6
    assert notes[-1] == "3 more routes are over budget."
