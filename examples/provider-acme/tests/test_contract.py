"""Acme keeps to what every provider keeps to; costmon-acme must be installed."""

from decimal import Decimal
from typing import ClassVar

import payloads as acme

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    CursorCases,
    Place,
    Recording,
    UsageContract,
)

COSTS, USAGE = "/v1/costs", "/v1/usage"


class TestCosts(ChargesContract, CursorCases):
    slug = "acme"
    account = Recording(answers={COSTS: acme.COSTS}, rows=acme.COSTS_ROWS, total=acme.COSTS_TOTAL)
    empty = Recording(answers={COSTS: acme.NO_COSTS})
    many = Recording(answers=acme.TWO_PAGES, rows=acme.COSTS_ROWS, total=acme.COSTS_TOTAL)
    history = Recording(answers={COSTS: acme.history}, rows=13, total=Decimal("0.13"))
    main_path = COSTS
    main_field: ClassVar[Place] = ("data", 0, "amount")
    cursor_field: ClassVar[Place] = ("cursor",)
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("text",)
    documented_paths = frozenset({COSTS})


class TestUsage(UsageContract):
    slug = "acme"
    account = Recording(
        answers={USAGE: acme.USAGE},
        used={(quota, None): used for quota, used in acme.USED.items()},
    )
    empty = Recording(answers={USAGE: {"data": []}})
    main_path = USAGE
    main_field: ClassVar[Place] = ("data", 0, "used")
    documented_paths = frozenset({USAGE})
    known_gaps: ClassVar[frozenset[str]] = frozenset({"support_hours"})
