"""Amounts of custom sources keep every digit, whatever the form and the scale."""

import datetime as dt
import json
from decimal import Context, Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.source import Request, Source
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import FakeOutbound

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
EXACT = Context(prec=200)
AMOUNTS = st.decimals(
    min_value=-1_000_000, max_value=1_000_000, places=12, allow_nan=False, allow_infinity=False
)
SCALES = st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("1e-9"), Decimal(1000)])


def billed(rows, scale):
    """Return the amounts that come of a body with these rows, as they are written."""
    request = Request(
        where="custom[0].charges[0]",
        path="/costs",
        params=(),
        rows="@",
        columns={"BilledCost": "[1]", "BillingCurrency": "'USD'", "ServiceName": "[0]"},
        scale=scale,
    )
    source = Source(name="acme", title="Acme", url="https://a.example", charges=(request,))
    body = f"[{', '.join(f'[{json.dumps(name)}, {amount}]' for name, amount in rows)}]"
    setup = ProviderSetup(
        outbound=FakeOutbound({"/costs": body.encode()}), prices={}, options={"source": source}
    )
    (window,) = catalog.create("custom", setup).charges("acme", NOW, NOW)
    return [charge.billed_cost for charge in window.charges]


@given(st.lists(AMOUNTS, max_size=5), SCALES, st.booleans())
def test_every_digit_is_kept(amounts, scale, as_text):
    rows = [
        (f"service-{number}", f'"{amount:f}"' if as_text else f"{amount:f}")
        for number, amount in enumerate(amounts)
    ]

    assert billed(rows, scale) == [EXACT.multiply(amount, scale) for amount in amounts]


@given(st.lists(AMOUNTS, min_size=1, max_size=5), SCALES)
def test_rows_that_nothing_sets_apart_are_added_up_exactly(amounts, scale):
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, EXACT.multiply(amount, scale))

    assert billed([("one", f"{amount:f}") for amount in amounts], scale) == [total]
