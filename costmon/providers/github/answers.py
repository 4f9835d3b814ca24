"""What GitHub answers about billing, as far as it is read, and what its refusals mean."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from costmon.errors import (
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderRateLimitError,
)
from costmon.providers.reading import Answers, Numbers

SLUG = "github"
BUDGETS_PER_PAGE = 100
REPOSITORIES_PER_PAGE = 100
_MOST_PAGES = 100
_HINT = (
    "check GITHUB_ORG and GITHUB_USER; give a fine-grained token Administration: read (of a user: "
    "Plan: read), or use a classic token of an owner; the account must be on the new billing "
    "platform"
)


class Item(Numbers, rename="camel"):
    """What was used of one SKU in one repository on one day."""

    date: str
    product: str
    sku: str
    quantity: Decimal
    unit_type: str
    net_amount: Decimal
    gross_amount: Decimal
    price_per_unit: Decimal | None = None
    discount_amount: Decimal | None = None
    organization_name: str | None = None
    repository_name: str | None = None

    @property
    def sku_slug(self) -> str:
        """Return the SKU in one form: GitHub writes `Actions Linux` and `actions_linux`."""
        return slug(self.sku)


class Usage(Struct, rename="camel"):
    """GET .../settings/billing/usage."""

    usage_items: list[Item]


class Credits(Numbers, rename="camel"):
    """What was used of one model in a month, in AI credits of 0.01 USD."""

    product: str
    sku: str
    gross_quantity: Decimal
    gross_amount: Decimal
    net_amount: Decimal
    model: str | None = None
    net_quantity: Decimal | None = None
    discount_quantity: Decimal | None = None


class CreditUsage(Struct, rename="camel"):
    """GET .../settings/billing/ai_credit/usage."""

    usage_items: list[Credits]


class Budget(Struct):
    """A budget that was set at GitHub, in whole dollars."""

    id: str
    budget_type: str
    budget_scope: str
    budget_amount: Decimal
    budget_entity_name: str | None = None
    budget_product_sku: str | None = None
    budget_product_skus: list[str] | None = None

    @property
    def skus(self) -> tuple[str, ...]:
        """Return the products or SKUs that it is for."""
        return tuple(
            map(slug, self.budget_product_skus or filter(None, (self.budget_product_sku,)))
        )


class BudgetPage(Struct):
    """GET .../settings/billing/budgets."""

    budgets: list[Budget]
    has_next_page: bool = False


class Repository(Struct):
    """A repository."""

    full_name: str
    private: bool


def slug(name: str) -> str:
    """Return a name of GitHub's in one form."""
    return "_".join(name.lower().replace("_", " ").split())


def read_items(
    answers: Answers, path: str, start: dt.datetime, end: dt.datetime
) -> Iterator[tuple[str, dt.datetime, Item]]:
    """Return what was used in a month from `start` to `end`: place, day and item.

    Without year and month GitHub answers one row a month that is dated the 1st.
    """
    params = (("year", start.year), ("month", start.month))
    found = answers.read(path, Usage, params).usage_items
    inside = 0
    for number, item in enumerate(found):
        where = f"$.usageItems[{number}]"
        try:
            day = dt.datetime.fromisoformat(item.date)
        except ValueError:
            day = None
        if day is None:
            raise answers.fault(path, "not a date", f"{where}.date")
        day = day.replace(tzinfo=day.tzinfo or dt.UTC).astimezone(dt.UTC)
        if start <= day < end:
            inside += 1
            yield where, day, item
    if found and not inside:
        raise answers.fault(path, "only rows of days that were not asked for", "$.usageItems")


def read_budgets(answers: Answers, path: str) -> tuple[Budget, ...]:
    """Return the budgets of all pages."""
    found: dict[str, Budget] = {}
    for page in range(1, _MOST_PAGES + 1):
        params = (("page", page), ("per_page", BUDGETS_PER_PAGE))
        answer = answers.read(path, BudgetPage, params)
        new = {budget.id: budget for budget in answer.budgets if budget.id not in found}
        found |= new
        if not answer.has_next_page:
            return tuple(found.values())
        if not new:
            raise answers.fault(path, "incomplete: a page brings nothing new", "$.has_next_page")
    raise answers.fault(path, f"incomplete: more than {_MOST_PAGES} pages", "$.has_next_page")


def read_public_repositories(answers: Answers, path: str, which: str) -> frozenset[str]:
    """Return the full names of the public repositories, in lower case."""
    found: set[str] = set()
    for page in range(1, _MOST_PAGES + 1):
        params = (("type", which), ("page", page), ("per_page", REPOSITORIES_PER_PAGE))
        answer = answers.read(path, list[Repository], params)
        found.update(one.full_name.lower() for one in answer if not one.private)
        if len(answer) < REPOSITORIES_PER_PAGE:
            return frozenset(found)
    raise answers.fault(path, f"incomplete: more than {_MOST_PAGES} pages")


def meaning(error: ProviderError) -> ProviderError:
    """Return what GitHub means by a refusal.

    A permission or a plan that is missing is often 404, a rate limit often 403.
    """
    if not isinstance(error, ProviderPermissionError | ProviderNotFoundError):
        return error
    if b"rate limit" in error.answer.lower():
        detail = "GitHub's rate limit is used up, or too much was asked at once"
        return error.explained(
            ProviderRateLimitError, detail=detail, hint="check what else uses this token"
        )
    detail = f"not found, or not visible with this token ({error.status})"
    return error.explained(ProviderPermissionError, detail=detail, hint=_HINT)
