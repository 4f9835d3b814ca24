"""Anthropic keeps to what every provider keeps to, in both generations of its API."""

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
from tests.providers.anthropic import answers as claude

COST_REPORT = "/v1/organizations/cost_report"
USAGE_REPORT = "/v1/organizations/usage_report/messages"
ANALYTICS_COST = "/v1/organizations/analytics/cost"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"


class TestCostReport(ChargesContract, CursorCases):
    """An admin key of an organization without analytics, which are answered 404."""

    slug = "anthropic"
    account = Recording(
        answers={COST_REPORT: claude.REPORT}, rows=claude.REPORT_ROWS, total=claude.REPORT_TOTAL
    )
    empty = Recording(answers={COST_REPORT: claude.NO_REPORT})
    many = Recording(
        answers=claude.REPORT_PAGES, rows=claude.REPORT_ROWS, total=claude.REPORT_TOTAL
    )
    history = Recording(answers={COST_REPORT: claude.report_history}, rows=13, total=Decimal(13))
    main_path = COST_REPORT
    main_field: ClassVar[Place] = ("data", 0, "results", 0, "amount")
    amount_field: ClassVar[Place] = main_field
    amount_unit = Decimal("0.01")
    amount_forms: ClassVar[AmountForms] = ("text",)
    known_gaps = frozenset({"priority_tier"})
    documented_paths = frozenset({COST_REPORT, ANALYTICS_COST})


class TestAnalyticsCost(ChargesContract, CursorCases):
    """A key with the scope read:analytics; the reports are answered 404."""

    slug = "anthropic"
    account = Recording(
        answers={ANALYTICS_COST: claude.ANALYTICS},
        rows=claude.ANALYTICS_ROWS,
        total=claude.ANALYTICS_TOTAL,
    )
    empty = Recording(answers={ANALYTICS_COST: claude.page([])})
    many = Recording(
        answers=claude.ANALYTICS_PAGES, rows=claude.ANALYTICS_ROWS, total=claude.ANALYTICS_TOTAL
    )
    history = Recording(
        answers={ANALYTICS_COST: claude.analytics_history}, rows=11, total=Decimal(11)
    )
    main_path = ANALYTICS_COST
    main_field: ClassVar[Place] = ("data", 0, "cost", "amount")
    amount_field: ClassVar[Place] = main_field
    amount_unit = Decimal("0.01")
    amount_forms: ClassVar[AmountForms] = ("text",)
    documented_paths = frozenset({COST_REPORT, ANALYTICS_COST})


class TestUsageReport(UsageContract):
    slug = "anthropic"
    account = Recording(
        answers={USAGE_REPORT: claude.USAGE_REPORT},
        used={(quota, None): Decimal(used) for quota, used in claude.USED.items()},
    )
    empty = Recording(
        answers={USAGE_REPORT: claude.NO_REPORT},
        used={(quota, None): Decimal(used) for quota, used in claude.NO_USE.items()},
    )
    main_path = USAGE_REPORT
    main_field: ClassVar[Place] = ("data", 0, "results", 0, "uncached_input_tokens")
    documented_paths = frozenset({USAGE_REPORT, ANALYTICS_USAGE})


class TestAnalyticsUsage(UsageContract):
    slug = "anthropic"
    account = Recording(
        answers={ANALYTICS_USAGE: claude.ANALYTICS_USAGE},
        used={(quota, None): Decimal(used) for quota, used in claude.ANALYTICS_USED.items()},
    )
    empty = Recording(
        answers={ANALYTICS_USAGE: claude.page([])},
        used={(quota, None): Decimal(used) for quota, used in claude.NO_USE.items()},
    )
    main_path = ANALYTICS_USAGE
    main_field: ClassVar[Place] = ("data", 0, "usage", "output_tokens")
    documented_paths = frozenset({USAGE_REPORT, ANALYTICS_USAGE})
