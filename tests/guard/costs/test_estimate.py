from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.errors import AmountError, InputError, PriceUnknownError, UnknownActivityError
from costmon.guard.costs.activities import ACTIVITIES, Activity, Resources, stored
from costmon.guard.costs.estimate import Function, estimate_total_activity_cost, usage_of
from costmon.pricing.aws import GB, AccountMonth, Usage

NAMES = st.sampled_from([kind.name for kind in ACTIVITIES])
DIRECTIONS = st.sampled_from(["outbound", "inbound"])


@pytest.mark.parametrize(
    ("name", "writes", "reads"),
    [
        ("Create", 1, 0),
        ("Follow", 2, 1),
        ("Like", 1, 1),
        ("Announce", 1, 1),
        ("Update", 1, 1),
        ("Delete", 1, 1),
        ("Accept", 1, 1),
        ("Reject", 1, 1),
        ("Undo", 1, 1),
        ("delivery", 0, 0),
        ("http_request", 0, 0),
    ],
)
@pytest.mark.parametrize(("direction", "invocations"), [("outbound", 0), ("inbound", 1)])
def test_each_activity_uses_what_its_table_says(name, writes, reads, direction, invocations):
    usage = usage_of(name, bytes=5000, direction=direction)

    assert (usage.dynamodb_writes, usage.dynamodb_reads) == (writes, reads)
    assert usage.lambda_requests == invocations


def test_what_goes_out_is_egress_and_what_comes_in_is_not():
    out = usage_of("delivery", bytes=5000, response_bytes=200)
    inbound = usage_of("delivery", bytes=5000, response_bytes=200, direction="inbound")

    assert (out.transfer_out, out.transfer_in) == (5000, 200)
    assert (inbound.transfer_out, inbound.transfer_in) == (200, 5000)


def test_an_inbound_create_with_attachments_costs_the_sum_of_its_parts():
    cost = estimate_total_activity_cost(
        "Create",
        bytes=5000,
        region="us-east-1",
        direction="inbound",
        attachments=2,
        attachment_bytes=GB,
        response_bytes=GB,
    )

    assert cost.transfer == Decimal("0.09")
    assert cost.lambda_ == Decimal("0.0000002") + Decimal("0.1") * Decimal("0.0000166667")
    assert cost.dynamodb == Decimal("0.000000625")
    assert cost.s3 == 2 * Decimal("0.000005") + Decimal("0.023")
    assert cost.total == cost.transfer + cost.lambda_ + cost.dynamodb + cost.s3


def test_only_kinds_that_store_attachments_pay_for_them():
    cost = estimate_total_activity_cost(
        "Like", bytes=0, region="us-east-1", attachments=4, attachment_bytes=GB
    )

    assert cost.s3 == 0


def test_the_function_and_the_items_can_be_described():
    usage = usage_of(
        "Follow",
        bytes=0,
        direction="inbound",
        item_bytes=5000,
        function=Function(memory_mb=256, duration_ms=Decimal("12.5"), architecture="arm"),
    )

    assert usage == Usage(
        lambda_requests=1, lambda_arm=256 * 13, dynamodb_writes=10, dynamodb_reads=Decimal(2)
    )


def test_a_program_can_register_its_own_activities():
    mine = ACTIVITIES.extended(
        Activity("Backfill", Resources(reads=100), Resources(writes=3)),
        stored("Like", reads=0, writes=7),
    )

    assert usage_of("Backfill", bytes=0, activities=mine).dynamodb_reads == 100
    assert usage_of("Like", bytes=0, activities=mine).dynamodb_writes == 7
    assert usage_of("Like", bytes=0).dynamodb_writes == 1


def test_an_unknown_activity_is_refused_with_those_that_are_known():
    with pytest.raises(UnknownActivityError, match="'like' is not a known activity") as caught:
        estimate_total_activity_cost("like", bytes=1, region="us-east-1")

    assert "Like" in caught.value.known
    assert isinstance(caught.value, InputError)


def test_an_unknown_region_is_refused():
    with pytest.raises(PriceUnknownError, match="mars-1"):
        estimate_total_activity_cost("delivery", bytes=1, region="mars-1")


@pytest.mark.parametrize(
    "bad",
    [
        {"bytes": -1},
        {"bytes": 0.5},
        {"bytes": 1, "direction": "sideways"},
        {"bytes": 1, "attachments": -1},
        {"bytes": 1, "response_bytes": -1},
        {"bytes": 1, "item_bytes": -1},
        {"bytes": 1, "direction": "inbound", "function": Function(memory_mb=1)},
        {"bytes": 1, "direction": "inbound", "function": Function(duration_ms=-1)},
    ],
)
def test_what_cannot_be_is_refused(bad):
    with pytest.raises(AmountError):
        estimate_total_activity_cost("Create", region="us-east-1", **bad)


@settings(max_examples=60, deadline=None)
@given(
    name=NAMES,
    direction=DIRECTIONS,
    size=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
    answer=st.integers(0, 10**6),
)
def test_a_larger_activity_never_costs_less(name, direction, size, more, answer):
    def cost(sent):
        return estimate_total_activity_cost(
            name, bytes=sent, direction=direction, response_bytes=answer, region="sa-east-1"
        )

    assert 0 <= cost(size).total <= cost(size + more).total


def test_with_an_accounts_month_free_use_is_taken_into_account():
    fresh = AccountMonth("2026-11")

    cost = estimate_total_activity_cost(
        "Create", bytes=5000, region="us-east-1", direction="inbound", so_far=fresh
    )

    assert cost.transfer == cost.lambda_ == 0
    assert cost.total == cost.dynamodb == Decimal("0.000000625")
