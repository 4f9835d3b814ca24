"""What GitHub answers, in the form of its specification; the values are ours."""

import datetime as dt
from decimal import Decimal

from costmon.testing import Asked

USAGE = "/organizations/acme/settings/billing/usage"
CREDITS = "/organizations/acme/settings/billing/ai_credit/usage"
BUDGETS = "/organizations/acme/settings/billing/budgets"
REPOSITORIES = "/orgs/acme/repos"


def item(date, net, sku="Actions Linux", **fields):
    return {
        "date": date,
        "product": "Actions",
        "sku": sku,
        "quantity": 100,
        "unitType": "minutes",
        "pricePerUnit": 0.006,
        "grossAmount": 0.6,
        "discountAmount": 0.6,
        "netAmount": net,
        "organizationName": "acme",
        "repositoryName": "acme/shop",
        **fields,
    }


def usage(*items):
    return {"usageItems": list(items)}


def credit(model, gross, net, **fields):
    return {
        "product": "Copilot",
        "sku": "Copilot AI Credits",
        "model": model,
        "unitType": "credits",
        "pricePerUnit": 0.01,
        "grossQuantity": gross,
        "grossAmount": gross / 100,
        "discountQuantity": gross - net,
        "discountAmount": (gross - net) / 100,
        "netQuantity": net,
        "netAmount": net / 100,
        **fields,
    }


def budget(number, amount, *skus, **fields):
    return {
        "id": f"budget-{number}",
        "budget_type": "ProductPricing",
        "budget_product_skus": list(skus),
        "budget_scope": "organization",
        "budget_amount": amount,
        "prevent_further_usage": True,
        "budget_alerting": {"will_alert": True, "alert_recipients": ["mona"]},
        **fields,
    }


STORAGE = {"quantity": 241.5, "unitType": "GigabyteHours", "grossAmount": 0.08}
ITEMS = usage(
    item("2026-11-03", 0),
    item("2026-11-04", 0.0625, "actions_windows", quantity=7.5, grossAmount=0.075),
    item("2026-11-04", 1.24, "Actions macOS 12-core", quantity=16, grossAmount=1.24),
    item("2026-11-05T00:00:00Z", 0.08, "Actions storage", **STORAGE),
    item("2026-11-20", 0, repositoryName="acme/open", quantity=5000, grossAmount=30),
    item("2026-11-20", 19, "Copilot Business", product="Copilot", unitType="user-months"),
)
NO_CREDITS: dict[str, object] = {"usageItems": []}
CREDIT_ITEMS = {"usageItems": [credit("GPT-5", 1500.5, 1400.0), credit("Claude 5", 20, 0)]}
CHARGES = {USAGE: ITEMS, CREDITS: CREDIT_ITEMS}
CHARGES_ROWS, CHARGES_TOTAL = 8, Decimal("34.3825")
NO_CHARGES = {USAGE: usage(), CREDITS: NO_CREDITS}
BUDGET_PAGES = {
    f"{BUDGETS}?page=1": {
        "budgets": [budget(1, 50, "actions")],
        "has_next_page": True,
        "total_count": 2,
    },
    f"{BUDGETS}?page=2": {"budgets": [budget(2, 0, "packages")], "has_next_page": False},
}
PUBLIC = {REPOSITORIES: [{"full_name": "Acme/Open", "private": False}]}
USED = {
    "actions_minutes": "107.5",
    # 241.5 GB-hours in 20 days and 10 hours
    "actions_storage": "0.492857",
    "ai_credits": "1520.5",
    "ai_credits:gpt-5": "1500.5",
    "ai_credits:claude_5": "20",
    "budget:actions": "1.3825",
    "budget:packages": "0",
}


def history(asked: Asked):
    """Return one row of 0.01 for each month that is asked for."""
    month = dt.date(int(asked.query["year"]), int(asked.query["month"]), 2)
    return usage(item(month.isoformat(), 0.01))
