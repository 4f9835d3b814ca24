"""A custom source keeps to what every provider keeps to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from costmon.testing import Asked
from costmon.testing.provider_contract import (
    AmountForms,
    ChargesContract,
    CursorCases,
    Place,
    Recording,
    UsageContract,
)
from tests.providers.custom.source import ACME, source_of

COSTS = "/orgs/team-1/costs"
LIMITS = "/limits"
SECRETS = {"ACME_TOKEN": "planted-token-0123456789abcdef"}
OPTIONS: dict[str, object] = {"source": source_of(ACME), "settings": {"ACME_ORG": "team-1"}}


def cost(day, value, service="Compute", project="web"):
    amount = {"value": value, "currency": "usd"}
    return {"day": day, "amount": amount, "service": service, "project": project, "count": 7}


def page(rows, following=None):
    return {"data": rows, "has_more": following is not None, "next_page": following}


FIRST = [cost("2026-11-19", "1.2345678"), cost("2026-11-19", 0.06, "Storage")]
SECOND = [cost("2026-11-20", "2.25", project=None)]
TOTAL = Decimal("3.5445678")


def history(asked: Asked):
    """Answer any month with 0.01 for its first day."""
    return page([cost(asked.query["from"][:10], "0.01")])


class TestCharges(ChargesContract, CursorCases):
    slug = "custom"
    account = Recording(answers={COSTS: page([*FIRST, *SECOND])}, rows=3, total=TOTAL)
    empty = Recording(answers={COSTS: page([])})
    many = Recording(
        answers={COSTS: page(FIRST, "p2"), f"{COSTS}?cursor=p2": page(SECOND)}, rows=3, total=TOTAL
    )
    history = Recording(answers={COSTS: history}, rows=13, total=Decimal("0.13"))
    credentials: ClassVar[Mapping[str, str]] = SECRETS
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = COSTS
    main_field: ClassVar[Place] = ("data", 0, "day")
    main_field_place: ClassVar[str | None] = "rows[0].ChargePeriodStart"
    amount_field: ClassVar[Place] = ("data", 0, "amount", "value")
    amount_forms: ClassVar[AmountForms] = ("number", "text")
    documented_paths = frozenset({COSTS})


class TestUsage(UsageContract):
    slug = "custom"
    account = Recording(
        answers={
            LIMITS: {
                "limits": [
                    {"name": "requests", "unit": "Requests", "used": 12, "included": 1000},
                    {"name": "storage", "unit": "GB", "used": "0.5", "project": "web"},
                ]
            }
        },
        used={("requests", None): Decimal(12), ("storage", "web"): Decimal("0.5")},
    )
    empty = Recording(answers={LIMITS: {"limits": []}})
    credentials: ClassVar[Mapping[str, str]] = SECRETS
    options: ClassVar[Mapping[str, object]] = OPTIONS
    main_path = LIMITS
    main_field: ClassVar[Place] = ("limits", 0, "used")
    main_field_place: ClassVar[str | None] = "rows[0].used"
    documented_paths = frozenset({LIMITS})
