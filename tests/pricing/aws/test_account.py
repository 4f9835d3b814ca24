from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.errors import AmountError
from costmon.pricing.aws import (
    ALWAYS_FREE,
    FIRST_YEAR,
    GB,
    NONE_FREE,
    AccountMonth,
    Allowances,
    Usage,
    cost_of,
    dynamodb_cost,
    invocations,
    lambda_cost,
    read_units,
    s3_cost,
    transfer_cost,
    write_units,
)

TB = 1024 * GB
MONTH = AccountMonth("2026-11")
FULL_PRICE = AccountMonth("2026-11", NONE_FREE)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "ap-northeast-1", "sa-east-1"])
BYTES = st.integers(0, 400 * TB)
USAGES = st.builds(
    Usage,
    transfer_out=BYTES,
    transfer_in=BYTES,
    lambda_requests=st.integers(0, 10**8),
    lambda_x86=st.integers(0, 10**17),
    lambda_arm=st.integers(0, 10**17),
    dynamodb_reads=st.decimals(0, 10**9, places=1),
    dynamodb_writes=st.integers(0, 10**9),
    dynamodb_storage=BYTES,
    s3_storage=st.integers(0, 900 * TB),
    s3_puts=st.integers(0, 10**8),
    s3_gets=st.integers(0, 10**8),
)
MONTHS = st.sampled_from([MONTH, FULL_PRICE, AccountMonth("2026-11", FIRST_YEAR)])


@settings(max_examples=40, deadline=None)
@given(month=MONTHS, before=USAGES, one=USAGES, other=USAGES, there=REGIONS, region=REGIONS)
def test_use_costs_the_same_at_once_and_bit_by_bit(month, before, one, other, there, region):
    month, _ = month.after(before, there)

    together = cost_of(month, one.plus(other), region)
    between, first = month.after(one, region)
    second = cost_of(between, other, region)

    assert first.plus(second) == together


@settings(max_examples=40, deadline=None)
@given(month=MONTHS, one=USAGES, other=USAGES, here=REGIONS, there=REGIONS)
def test_the_order_of_use_makes_no_difference(month, one, other, here, there):
    one_first, one_cost = month.after(one, here)
    other_first, other_cost = month.after(other, there)

    one_last, last_cost = other_first.after(one, here)
    other_last, rest_cost = one_first.after(other, there)

    assert one_last == other_last
    assert one_cost.plus(rest_cost) == other_cost.plus(last_cost)


def test_free_use_goes_to_the_lowest_price_so_that_the_bill_is_never_higher():
    dear, first = MONTH.after(Usage(transfer_out=100 * GB), "sa-east-1")
    both, second = dear.after(Usage(transfer_out=100 * GB), "us-east-1")

    assert first.total == 0
    assert second.total == 15
    assert both.billed() == {("sa-east-1", "transfer_out"): 100 * GB}


@settings(max_examples=40, deadline=None)
@given(month=MONTHS, before=USAGES, less=USAGES, more=USAGES, region=REGIONS)
def test_more_use_never_costs_less(month, before, less, more, region):
    month, _ = month.after(before, region)

    costs = cost_of(month, less, region)
    dearer = cost_of(month, less.plus(more), region)

    assert all(0 <= one <= other for one, other in zip(costs, dearer, strict=True))


@settings(max_examples=40, deadline=None)
@given(uses=st.lists(st.tuples(REGIONS, BYTES), max_size=12))
def test_an_account_has_100_gb_free_however_many_regions_it_uses(uses):
    month = MONTH
    for region, used in uses:
        month, _ = month.after(Usage(transfer_out=used), region)

    whole = sum(used for _, used in uses)

    assert month.free.transfer_out == min(whole, 100 * GB)
    assert sum(month.billed().values()) == max(0, whole - 100 * GB)


@pytest.mark.parametrize(
    ("region", "prices"),
    [
        ("us-east-1", ("0.09", "0.085", "0.07", "0.05")),
        ("ap-southeast-1", ("0.12", "0.085", "0.082", "0.08")),
        ("ap-northeast-1", ("0.114", "0.089", "0.086", "0.084")),
        ("sa-east-1", ("0.15", "0.138", "0.126", "0.114")),
    ],
)
def test_transfer_tiers_are_crossed_at_10_50_and_150_tb(region, prices):
    first, next_40, next_100, over = map(Decimal, prices)
    costs = [transfer_cost(tb * TB, region=region) for tb in (10, 50, 150, 151)]

    assert costs[0] == 10 * 1024 * first
    assert costs[1] - costs[0] == 40 * 1024 * next_40
    assert costs[2] - costs[1] == 100 * 1024 * next_100
    assert costs[3] - costs[2] == 1024 * over


@pytest.mark.parametrize(
    ("border", "before", "after"),
    [(10, "0.09", "0.085"), (50, "0.085", "0.07"), (150, "0.07", "0.05")],
)
def test_the_byte_before_a_border_and_the_byte_after_it_have_their_tiers_price(
    border, before, after
):
    month, _ = FULL_PRICE.after(Usage(transfer_out=border * TB - 1), "us-east-1")
    byte = Usage(transfer_out=1)

    full, last = month.after(byte, "us-east-1")
    _, first = full.after(byte, "us-east-1")

    assert last.total * GB == Decimal(before)
    assert first.total * GB == Decimal(after)


def test_tiers_begin_where_free_use_ends():
    # "first 10 TB / month data transfer out beyond the global free tier"
    cost = cost_of(MONTH, Usage(transfer_out=10 * TB + 100 * GB), "us-east-1")

    assert cost.total == Decimal("921.6")


def test_fifty_tb_out_of_sao_paulo_cost_what_the_price_list_says():
    assert transfer_cost(50 * TB, region="sa-east-1") == Decimal("7188.48")
    assert transfer_cost(200 * TB, region="sa-east-1") == Decimal("25927.68")


def test_what_comes_in_is_free():
    assert transfer_cost(0, bytes_in=10**15, region="sa-east-1") == 0


@pytest.mark.parametrize(
    ("architecture", "borders", "prices"),
    [
        ("x86", (6, 15), ("0.0000166667", "0.000015", "0.0000133334")),
        (
            "arm",
            (Decimal("7.5"), Decimal("18.75")),
            ("0.0000133334", "0.0000120001", "0.0000106667"),
        ),
    ],
)
def test_lambda_tiers_are_crossed_at_billions_of_gb_seconds(architecture, borders, prices):
    low, high = (int(border * 10**9) for border in borders)
    first, second, third = map(Decimal, prices)

    def compute(gb_seconds):
        requests = gb_seconds // 10  # of 10 s and 1 GB each
        cost = lambda_cost(
            requests, 10_000, memory_mb=1024, region="us-east-1", architecture=architecture
        )
        return cost - requests * Decimal("0.20") / 10**6

    assert compute(low) == low * first
    assert compute(high) - compute(low) == (high - low) * second
    assert compute(high + 10) - compute(high) == 10 * third


def test_both_architectures_share_one_free_amount_of_compute():
    x86 = invocations(100, 3_000_000, memory_mb=1024)  # 300,000 GB-seconds
    arm = invocations(100, 3_000_000, memory_mb=1024, architecture="arm")

    month, first = MONTH.after(x86, "us-east-1")
    _, second = month.after(arm, "us-east-1")

    assert first.total == 0
    assert second.lambda_ == 200_000 * Decimal("0.0000166667")  # Arm is cheaper, and free first


def test_each_invocation_is_billed_by_the_whole_millisecond():
    assert invocations(3, Decimal("1.0001"), memory_mb=128).lambda_x86 == 3 * 2 * 128
    assert invocations(3, 2, memory_mb=128, architecture="arm").lambda_arm == 3 * 2 * 128


@pytest.mark.parametrize("memory_mb", [127, 10_241, 0, -1, 128.0, True])
def test_memory_that_lambda_does_not_offer_is_refused(memory_mb):
    with pytest.raises(AmountError):
        invocations(1, 1, memory_mb=memory_mb)


def test_provisioned_capacity_makes_no_on_demand_request_free():
    cost = cost_of(MONTH, Usage(dynamodb_reads=1_000_000, dynamodb_writes=1_000_000), "us-east-1")

    assert cost.dynamodb == Decimal("0.75")


def test_25_gb_of_tables_are_free_in_each_region():
    stored = Usage(dynamodb_storage=25 * GB)
    month, first = MONTH.after(stored, "us-east-1")
    month, second = month.after(stored, "eu-west-1")

    assert first.total == second.total == 0
    assert cost_of(month, Usage(dynamodb_storage=GB), "eu-west-1").total == Decimal("0.283")


def test_without_a_month_nothing_is_free():
    assert transfer_cost(GB, region="us-east-1") == Decimal("0.09")
    assert dynamodb_cost(0, 0, storage_gb_months=10, region="us-east-1") == Decimal("2.5")
    assert s3_cost(5, puts=1000, gets=1000, region="us-east-1") == Decimal("0.1204")


def test_s3_tiers_are_crossed_at_50_and_500_tb():
    costs = [s3_cost(tb * 1024, region="us-east-1") for tb in (50, 500, 501)]

    assert costs[0] == 50 * 1024 * Decimal("0.023")
    assert costs[1] - costs[0] == 450 * 1024 * Decimal("0.022")
    assert costs[2] - costs[1] == 1024 * Decimal("0.021")


def test_s3_is_free_only_for_who_says_that_the_account_is_in_its_first_year():
    usage = Usage(s3_storage=5 * GB, s3_puts=2000, s3_gets=20_000)

    assert cost_of(AccountMonth("2026-11", FIRST_YEAR), usage, "us-east-1").total == 0
    assert cost_of(MONTH, usage, "us-east-1").total == Decimal("0.133")


def test_what_others_use_of_the_free_amount_can_be_taken_off():
    left = ALWAYS_FREE._replace(transfer_out=GB)

    cost = cost_of(AccountMonth("2026-11", left), Usage(transfer_out=2 * GB), "us-east-1")

    assert cost.total == Decimal("0.09")


def test_a_month_is_a_value_that_use_does_not_change():
    later, _ = MONTH.after(Usage(transfer_out=200 * GB), "us-east-1")

    assert AccountMonth("2026-11") == MONTH
    assert later.free == Allowances(transfer_out=100 * GB)
    assert later.billed() == {("us-east-1", "transfer_out"): 100 * GB}


@pytest.mark.parametrize(
    ("item_bytes", "consistency", "units"),
    [
        (0, "strong", 1),
        (4096, "strong", 1),
        (4097, "strong", 2),
        (4096, "eventual", "0.5"),
        (8192, "transactional", 4),
    ],
)
def test_reads_are_billed_by_4_kb(item_bytes, consistency, units):
    assert read_units(item_bytes, consistency) == Decimal(units)


@pytest.mark.parametrize(("item_bytes", "units"), [(0, 1), (1024, 1), (1025, 2), (5000, 5)])
def test_writes_are_billed_by_the_kb(item_bytes, units):
    assert write_units(item_bytes) == units
    assert write_units(item_bytes, transactional=True) == 2 * units


@pytest.mark.parametrize(
    "bad", [-1, Decimal("NaN"), Decimal("Infinity"), 0.5, True, "1", None, 10**31, Decimal("1e-31")]
)
def test_what_is_no_quantity_is_refused(bad):
    with pytest.raises(AmountError):
        cost_of(MONTH, Usage(transfer_out=bad), "us-east-1")
    with pytest.raises(AmountError):
        transfer_cost(bad, region="us-east-1")
