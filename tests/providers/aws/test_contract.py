"""AWS keeps to what every provider keeps to; its usage is counted here, and not asked for."""

from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    Recording,
)
from tests.providers.aws import answers as aws


class TestCosts(ChargesContract):
    slug = "aws"
    account = Recording(answers=aws.ACCOUNT, rows=aws.ROWS, total=aws.TOTAL)
    empty = Recording(answers={"/": aws.costs(aws.day("2026-11-20"))})
    history = Recording(answers={"/": aws.history}, rows=13, total=Decimal("0.13"))
    main_path = "/"
    main_method = "POST"
    main_field: ClassVar[Place] = (
        *("ResultsByTime", 0, "Groups", 0),
        *("Metrics", "UnblendedCost", "Amount"),
    )
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("text",)
    documented_paths = frozenset({"/"})
