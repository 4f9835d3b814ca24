"""Stripe keeps to what every provider keeps to."""

from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    CursorCases,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.stripe import answers as stripe


class TestFees(ChargesContract, CursorCases):
    slug = "stripe"
    account = Recording(answers=stripe.ACCOUNT, rows=stripe.ROWS, total=stripe.TOTAL)
    empty = Recording(answers=stripe.EMPTY)
    many = Recording(answers=stripe.TWO_PAGES, rows=stripe.ROWS, total=stripe.TOTAL)
    history = Recording(
        answers={stripe.TRANSACTIONS: stripe.history}, rows=13, total=Decimal("0.13")
    )
    main_path = stripe.TRANSACTIONS
    main_field: ClassVar[Place] = ("data", 0, "fee")
    cursor_field: ClassVar[Place] = ("data", 2, "id")
    amount_field: ClassVar[Place] = main_field
    amount_unit = Decimal("0.01")
    amount_forms: ClassVar[AmountForms] = ("number",)
    documented_paths = frozenset({stripe.TRANSACTIONS})


class TestVolume(UsageContract, CursorCases):
    slug = "stripe"
    account = Recording(
        answers=stripe.ACCOUNT,
        used={(quota, None): Decimal(used) for quota, used in stripe.USED.items()},
    )
    empty = Recording(answers=stripe.EMPTY, used={("transactions", None): Decimal(0)})
    many = Recording(
        answers=stripe.TWO_PAGES,
        used={(quota, None): Decimal(used) for quota, used in stripe.USED.items()},
    )
    main_path = stripe.TRANSACTIONS
    main_field: ClassVar[Place] = ("data", 0, "amount")
    cursor_field: ClassVar[Place] = ("data", 2, "id")
    documented_paths = frozenset({stripe.TRANSACTIONS})
