"""GitHub keeps to what every provider keeps to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.github import answers as github


class TestCharges(ChargesContract):
    slug = "github"
    options: ClassVar[Mapping[str, object]] = {"org": "acme"}
    account = Recording(
        answers=github.CHARGES, rows=github.CHARGES_ROWS, total=github.CHARGES_TOTAL
    )
    empty = Recording(answers=github.NO_CHARGES)
    history = Recording(
        answers={github.USAGE: github.history, github.CREDITS: github.NO_CREDITS},
        rows=13,
        total=Decimal("0.13"),
    )
    main_path = github.USAGE
    main_field: ClassVar[Place] = ("usageItems", 0, "netAmount")
    amount_field: ClassVar[Place] = main_field
    amount_forms: ClassVar[AmountForms] = ("number",)
    documented_paths = frozenset({github.USAGE, github.CREDITS})


class TestUsage(UsageContract):
    slug = "github"
    options: ClassVar[Mapping[str, object]] = {"org": "acme"}
    account = Recording(
        answers={**github.CHARGES, **github.BUDGET_PAGES, **github.PUBLIC},
        used={(quota, None): Decimal(used) for quota, used in github.USED.items()},
    )
    empty = Recording(
        answers={**github.NO_CHARGES, github.BUDGETS: {"budgets": []}},
        used={
            (quota, None): Decimal(0)
            for quota in ("actions_minutes", "actions_storage", "ai_credits")
        },
    )
    main_path = github.USAGE
    main_field: ClassVar[Place] = ("usageItems", 0, "quantity")
    documented_paths = frozenset(
        {github.USAGE, github.CREDITS, github.BUDGETS, github.REPOSITORIES}
    )
