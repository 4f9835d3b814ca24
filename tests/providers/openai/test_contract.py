"""OpenAI keeps to what every provider keeps to."""

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
from tests.providers.openai import answers as openai

COSTS = "/organization/costs"


class TestCosts(ChargesContract, CursorCases):
    slug = "openai"
    account = Recording(
        answers={COSTS: openai.COSTS}, rows=openai.COSTS_ROWS, total=openai.COSTS_TOTAL
    )
    empty = Recording(answers={COSTS: openai.NO_COSTS})
    many = Recording(answers=openai.TWO_PAGES, rows=openai.COSTS_ROWS, total=openai.COSTS_TOTAL)
    history = Recording(answers={COSTS: openai.history}, rows=13, total=Decimal("0.13"))
    main_path = COSTS
    main_field: ClassVar[Place] = ("data", 0, "results", 0, "amount", "value")
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("number", "text")
    documented_paths = frozenset({COSTS})


class TestUsage(UsageContract):
    slug = "openai"
    account = Recording(
        answers=openai.USAGE,
        used={(quota, None): Decimal(used) for quota, used in openai.USED.items()},
    )
    empty = Recording(
        answers=openai.NO_USAGE,
        used={(quota, None): Decimal(0) for quota in openai.USED if ":" not in quota},
    )
    main_path = "/organization/usage/completions"
    main_field: ClassVar[Place] = ("data", 0, "results", 0, "input_tokens")
    documented_paths = frozenset(openai.USAGE)
