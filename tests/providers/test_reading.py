"""What of a vendor's answer can be calculated with."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from costmon.domain.amount import HIGHEST, MOST_QUANTITY
from costmon.errors import ProviderSchemaError
from costmon.providers.reading import Numbers, decode


class Row(Numbers, rename="camel"):
    net_amount: Decimal
    used_quantity: Decimal | None = None


class Page(Struct):
    rows: list[Row]


def page_of(**fields):
    body = json.dumps({"rows": [{"netAmount": 1}, fields]}).encode()
    return decode("acme", "/costs", body, Page)


@given(
    amount=st.decimals(-HIGHEST, HIGHEST, places=20), used=st.decimals(-(10**20), 10**20, places=9)
)
def test_every_digit_of_numbers_is_kept(amount, used):
    row = page_of(netAmount=f"{amount:f}", usedQuantity=f"{used:f}").rows[1]

    assert (row.net_amount, row.used_quantity) == (amount, used)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1e-400"])
@pytest.mark.parametrize("field", ["netAmount", "usedQuantity"])
def test_a_number_that_cannot_be_calculated_with_is_an_error_that_names_its_field(field, text):
    with pytest.raises(ProviderSchemaError) as caught:
        page_of(**{"netAmount": 1, field: text})

    assert caught.value.path == f"$.rows[1].{field}"


def test_a_quantity_may_be_larger_than_an_amount_of_money():
    assert page_of(netAmount=1, usedQuantity=MOST_QUANTITY).rows[1].used_quantity == MOST_QUANTITY
    with pytest.raises(ProviderSchemaError, match="not an amount of money: `netAmount`"):
        page_of(netAmount=HIGHEST + 1)
