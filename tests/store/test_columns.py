import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from costmon.store.columns import ExactDecimal, NanoAmount, UtcMicros, from_micros, to_micros

DIALECT = sqlite.dialect()
LARGEST = Decimal("9223372036.854775807")

nano_amounts = st.integers(-(2**63) + 1, 2**63 - 1).map(lambda nano: Decimal(nano).scaleb(-9))


@given(nano_amounts)
def test_an_amount_comes_back_exactly(amount):
    bound = NanoAmount().process_bind_param(amount, DIALECT)

    assert isinstance(bound, int)
    assert NanoAmount().process_result_value(bound, DIALECT) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda it: it.adjusted() < 40))
def test_a_number_comes_back_with_its_value_and_its_decimals(number):
    text = ExactDecimal().process_bind_param(number, DIALECT)
    back = ExactDecimal().process_result_value(text, DIALECT)

    assert text is not None
    assert "E" not in text
    assert back == number
    assert back.as_tuple().exponent == min(number.as_tuple().exponent, 0)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0.1, TypeError),
        (1, TypeError),
        (Decimal("NaN"), ValueError),
        (Decimal("Infinity"), ValueError),
        (LARGEST + Decimal("1e-9"), OverflowError),
        (-LARGEST - Decimal("1e-9"), OverflowError),
        (Decimal("0.0000000001"), ValueError),
        (Decimal("1.0000000005"), ValueError),
    ],
)
def test_what_would_change_the_amount_is_refused(value, error):
    with pytest.raises(error):
        NanoAmount().process_bind_param(value, DIALECT)


def test_absent_stays_absent():
    assert NanoAmount().process_bind_param(None, DIALECT) is None
    assert NanoAmount().process_result_value(None, DIALECT) is None
    assert ExactDecimal().process_bind_param(None, DIALECT) is None
    assert ExactDecimal().process_result_value(None, DIALECT) is None
    assert UtcMicros().process_bind_param(None, DIALECT) is None
    assert UtcMicros().process_result_value(None, DIALECT) is None


def test_a_comparison_is_bound_by_the_same_rules():
    table = sa.table("t", sa.column("amount", NanoAmount), sa.column("at", UtcMicros))
    engine = sa.create_engine("sqlite://", hide_parameters=True)

    with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="Decimal"):
        connection.execute(sa.select(table).where(table.c.amount > 0.5))
    with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="time zone"):
        connection.execute(sa.select(table).where(table.c.at > dt.datetime(2026, 1, 1)))
    engine.dispose()


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_a_moment_comes_back_exactly(moment):
    assert from_micros(to_micros(moment)) == moment


def test_a_moment_in_another_zone_is_the_same_moment():
    berlin = dt.timezone(dt.timedelta(hours=1))

    stored = to_micros(dt.datetime(2026, 11, 21, 11, tzinfo=berlin))

    assert from_micros(stored) == dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
