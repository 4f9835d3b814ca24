"""Month, day and hour follow from one another exactly."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.pricing import (
    calculate_daily_cost,
    calculate_hourly_cost,
    calculate_monthly_cost,
)

prices = st.decimals(min_value=0, max_value=1_000_000, places=4)


def test_a_month_is_price_times_quantity():
    assert calculate_monthly_cost(Decimal("0.10"), quantity=250) == Decimal("25.00")


def test_a_quantity_may_be_a_fraction():
    assert calculate_monthly_cost(Decimal("0.06"), quantity=Decimal("2.34")) == Decimal("0.1404")


def test_a_surcharge_is_a_share_of_the_price():
    assert calculate_monthly_cost(Decimal(12), surcharge=Decimal("0.20")) == Decimal("14.4")


def test_a_day_is_a_thirtieth_and_an_hour_a_720th():
    assert calculate_daily_cost(Decimal(150)) == Decimal(5)
    assert calculate_hourly_cost(Decimal(150)) == Decimal(150) / 720


def test_nothing_is_rounded_on_the_way():
    assert calculate_hourly_cost(Decimal(12)) == Decimal("0.01666666666666666666666666667")


@given(prices)
def test_days_and_hours_add_up_to_the_month(monthly):
    assert abs(calculate_daily_cost(monthly) * 30 - monthly) < Decimal("1e-18")
    assert abs(calculate_hourly_cost(monthly) * 720 - monthly) < Decimal("1e-18")


@given(prices, st.integers(0, 1000), st.decimals(min_value=0, max_value=1, places=2))
def test_costs_of_parts_add_up(price, quantity, surcharge):
    one = calculate_monthly_cost(price, surcharge=surcharge)

    assert calculate_monthly_cost(price, quantity=quantity, surcharge=surcharge) == one * quantity
