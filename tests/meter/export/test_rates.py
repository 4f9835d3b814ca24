"""What a second of CPU costs while it is used."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import PriceUnknownError
from costmon.meter.export.rates import Rates, rates_of
from costmon.meter.options import Options
from tests.meter.sample import MS, PRICES, row


def test_cpu_goes_by_the_cheapest_cpu_that_may_be_used_for_ever():
    rates = rates_of(PRICES, Options())

    c5_hour = Decimal("0.085") * 9 / (9 * 2 + 4)
    assert rates.cpu_usd_per_second == pytest.approx(c5_hour / 3600 / Decimal("0.6"))


def test_the_type_that_was_chosen_decides():
    rates = rates_of(PRICES, Options(instance="m5.large"))

    assert rates.cpu_usd_per_second * 3600 * Decimal("0.6") == pytest.approx(
        Decimal("0.096") * 9 / (9 * 2 + 8)
    )


def test_a_burstable_type_is_only_as_cheap_as_what_it_may_use_for_ever():
    micro = rates_of(PRICES, Options(instance="t3.micro"))

    assert micro.cpu_usd_per_second > rates_of(PRICES, Options()).cpu_usd_per_second


def test_a_type_without_a_price_is_refused_by_name():
    with pytest.raises(PriceUnknownError, match=r"m9\.huge in us-east-1.*m5\.large"):
        rates_of(PRICES, Options(instance="m9.huge"))


def test_traffic_costs_what_it_costs_beyond_the_free_allowance():
    assert rates_of(PRICES, Options()).egress_usd_per_gib == Decimal("0.09")


def test_the_cost_of_a_row_is_its_cpu_late_work_too_and_its_traffic():
    rates = Rates(cpu_usd_per_second=Decimal(2), egress_usd_per_gib=Decimal(1))

    cost = rates.cost_usd(row(cpu_ms=(500, 250), late_cpu_ns=250 * MS, bytes_out=2**29))

    assert cost == Decimal("2.5")


def test_traffic_without_a_price_makes_the_cost_unknown_and_not_smaller():
    rates = rates_of(PRICES._replace(egress=()), Options())

    assert rates.cost_usd(row(cpu_ms=(500,), bytes_out=1)) is None
    assert rates.cost_usd(row(cpu_ms=(500,), bytes_out=0)) is not None


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_counter_of_dollars_never_falls_as_work_goes_on(cpu_ns, more_ns, bytes_out):
    rates = rates_of(PRICES, Options())
    before = row(cpu_ns=cpu_ns, bytes_out=bytes_out)

    after = before._replace(cpu_ns=cpu_ns + more_ns, bytes_out=bytes_out + more_ns)

    assert (rates.cost_usd(after) or 0) >= (rates.cost_usd(before) or 0)
