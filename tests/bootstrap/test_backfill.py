"""What a terminal shows of the first read of past charges."""

import datetime as dt
from dataclasses import replace

import pytest

from costmon.bootstrap.backfill import progress
from costmon.domain.charge_report import ChargeFreshness
from costmon.domain.poll import PollFailure
from costmon.state import fold
from costmon.state.charges import nothing_known
from costmon.testing.clock import START


def snapshot(**changes):
    starts = [
        fold.Start(name="openai", provider="openai", intervals={"charges": 86_400.0}),
        fold.Start(name="do", provider="digitalocean", intervals={"inventory": 300.0}),
    ]
    made = fold.first(starts, {}, now=START, demo=False)
    account = made.accounts[0]
    reading = replace(account.readings["charges"], **changes)
    account = replace(account, readings={"charges": reading})
    return replace(made, accounts=(account, *made.accounts[1:]))


def charges(since=None):
    state = nothing_known(START, START.date())
    if since is None:
        return state
    known = ChargeFreshness(
        account="openai",
        provider="openai",
        observed_at=START,
        known_since=since,
        complete_through=None,
        last_complete_day=None,
        day_zone="UTC",
        gaps=(),
    )
    return replace(state, freshness=(known,))


@pytest.mark.parametrize(
    ("since", "bar"),
    [
        (None, "[.............]"),
        (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), "[#............] back to 2026-11"),
        (dt.datetime(2026, 7, 1, tzinfo=dt.UTC), "[#####........] back to 2026-07"),
        (dt.datetime(2025, 11, 1, tzinfo=dt.UTC), "[#############] back to 2025-11"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "[#############] back to 2024-01"),
    ],
)
def test_the_bar_grows_by_a_month_read(since, bar):
    assert progress(snapshot(), charges(since), START) == f"Reading past charges: openai {bar}"


@pytest.mark.parametrize(
    "changes",
    [
        {"last_success_at": START},
        {"failure": PollFailure(reason="auth", message="refused", failed_at=START)},
    ],
    ids=["it is read", "it cannot be read"],
)
def test_the_line_goes_when_there_is_nothing_to_wait_for(changes):
    assert progress(snapshot(**changes), charges(), START) == ""


def test_before_anything_is_published_there_is_no_line():
    assert progress(None, charges(), START) == ""
