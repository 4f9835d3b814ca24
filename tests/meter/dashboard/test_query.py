"""What may be asked, and what is said to everything else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.meter.dashboard.actions import action_of, control_for
from costmon.meter.dashboard.query import DashboardQuery, parse_query
from tests.meter.dashboard.samples import snapshot


def test_nothing_asked_is_what_the_application_was_set_to():
    seen = snapshot()

    assert parse_query("").applied(seen) == seen


def test_users_and_rate_replace_the_settings():
    asked = parse_query("service=shop&users=50000&rps=0.25")

    options = asked.applied(snapshot()).options

    assert asked == DashboardQuery("shop", 50_000, Decimal("0.25"))
    assert (options.target_users, options.requests_per_user_per_second) == (50_000, Decimal("0.25"))


@pytest.mark.parametrize(
    "query",
    [
        "users=0",
        "users=-5",
        "users=1e3",
        "users=\u0663",
        "users=",
        "users=" + "9" * 5_000,
        "users=1&users=2",
        "rps=0",
        "rps=-1",
        "rps=nan",
        "rps=Infinity",
        "rps=1e999999999",
        "rps=1e-99",
        "rps=much",
        "colour=red",
        "&".join(f"users={number}" for number in range(9)),
    ],
)
def test_what_cannot_be_projected_is_refused_with_what_is_accepted(query):
    with pytest.raises(InputError, match="accepted"):
        parse_query(query)


@given(st.text(max_size=300))
def test_any_query_is_answered_or_refused(query):
    try:
        asked = parse_query(query)
    except InputError:
        return

    assert asked.users is None or asked.users >= 1


@given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text())))
def test_an_action_that_is_none_is_refused(given_action):
    if given_action in {"start", "stop", "reset"} if isinstance(given_action, str) else False:
        return
    with pytest.raises(InputError, match="start, stop, reset"):
        action_of(given_action)


@pytest.mark.parametrize(
    ("action", "was_on", "recording", "is_on"),
    [
        ("start", False, "second", True),
        ("start", True, "second", True),
        ("stop", True, "first", False),
        ("reset", True, "second", True),
        ("reset", False, "second", False),
    ],
)
def test_start_and_reset_begin_anew_and_stop_keeps_the_figures(action, was_on, recording, is_on):
    control = control_for(action, snapshot(is_recording=was_on), recording="second", issued_at=5.0)

    assert control == (recording, is_on, 5.0)


def test_a_route_asks_for_its_curve():
    query = parse_query("route=GET+%2Fitems%2F%7Bid%7D&users=500")

    assert (query.route, query.users) == ("GET /items/{id}", 500)
