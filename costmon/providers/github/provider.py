"""Read what GitHub bills an organization, a user, or both.

Source: https://docs.github.com/en/rest/billing (specification of November 2026, MIT)
Units: US dollars as numbers; minutes, gigabyte-hours, AI credits of 0.01 USD.
Lag: not documented; a day counts as complete one day after its end, and months are read again.
Needs: Administration: read of the organization, or Plan: read of the user.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.github.answers import (
    SLUG,
    Budget,
    Credits,
    CreditUsage,
    Item,
    meaning,
    read_budgets,
    read_items,
    read_public_repositories,
    slug,
)
from costmon.providers.reading import EXACT, Answers, months

_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(days=1)
_CREDITS_SINCE = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
_LATE = dt.timedelta(days=2)
_CREDITS = "ai_credits"
_HOUR = dt.timedelta(hours=1)
# Larger runners never use included minutes.
_STANDARD_RUNNERS = frozenset(
    f"actions_{runner}"
    for runner in ("linux", "linux_arm", "linux_slim", "macos", "windows", "windows_arm")
)
_CATEGORIES = {"copilot": "AI and Machine Learning", "models": "AI and Machine Learning"}
_UNITS = {
    "minutes": "Minutes",
    "hours": "Hours",
    "gigabytes": "GB",
    "gigabytehours": "GB-Hours",
    "gigabyte_hours": "GB-Hours",
    "requests": "Requests",
    "credits": "Credits",
    "user_months": "User-Months",
    "usermonths": "User-Months",
}


@dataclass(frozen=True, slots=True)
class _Owner:
    """An organization or a user, with a bill of its own.

    Attributes:
        kind: `organizations` or `users`.
        name: Its name.
    """

    kind: str
    name: str

    def billing(self, what: str) -> str:
        """Return the path of a part of its billing."""
        return f"/{self.kind}/{self.name}/settings/billing/{what}"


class GitHub(Provider):
    """An organization, a user, or both."""

    def __init__(self, outbound: Outbound, options: Mapping[str, object]) -> None:
        """Read through `outbound` whom the options `org` and `user` name."""
        self._answers = Answers(SLUG, outbound, meaning)
        self._plan = options.get("plan")
        self._owners = tuple(
            _Owner(kind, str(options[key]))
            for key, kind in (("org", "organizations"), ("user", "users"))
            if options.get(key)
        )

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPermissionError: The token may not see the billing of one of the owners.
            ProviderError: Anything else; see `costmon.errors`.
        """
        for start, end in months(now, known_through, _RESTATED):
            found = [self._charged(owner, start, end) for owner in self._owners]
            # A month is one answer; AI credits come and go with its rows.
            yield Poll(SLUG, account, now).window(
                start,
                end,
                (charge for charges, _ in found for charge in charges),
                settling=_SETTLING,
                gaps=dict.fromkeys(gap for _, gaps in found for gap in gaps),
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return Actions minutes and storage, AI credits and budgets of the month so far.

        Raises:
            ProviderPermissionError: The token may not see the billing of one of the owners.
            ProviderError: Anything else; see `costmon.errors`.
        """
        span, gaps = Span.month(now), list[Gap]()
        quantities = [
            replace(one, project=owner.name if len(self._owners) > 1 else None)
            for owner in self._owners
            for one in self._used(owner, span, gaps)
        ]
        return Poll(SLUG, account, now).usage(
            quantities, dict.fromkeys(gaps), plan=None if self._plan is None else str(self._plan)
        )

    def _charged(
        self, owner: _Owner, start: dt.datetime, end: dt.datetime
    ) -> tuple[tuple[Charge, ...], tuple[Gap, ...]]:
        path, gaps = owner.billing("usage"), list[Gap]()
        items = tuple(read_items(self._answers, path, start, end))
        rows = ChargeRows(self._answers, path)
        for where, day, item in items:
            rows.add(_charge(owner, day, item), where)
        if items and {day for _, day, _ in items} == {start} and end - start > _LATE:
            reason = "all rows are dated the 1st: they may be for the whole month"
            gaps.append(Gap(kind="daily amounts", reason=reason))
        if not any("ai_credit" in item.sku_slug for _, _, item in items):
            for number, one in enumerate(self._credits(owner, start, gaps)):
                if one.net_amount or one.gross_amount:
                    charge = _credit_charge(owner, start, end, one)
                    rows.add(charge, f"$.usageItems[{number}]")
        return rows.charges, tuple(gaps)

    def _credits(self, owner: _Owner, start: dt.datetime, gaps: list[Gap]) -> tuple[Credits, ...]:
        """Return the AI credits of a month by model, or add the gap that they leave."""
        if start < _CREDITS_SINCE:
            return ()
        path = owner.billing("ai_credit/usage")
        params = (("year", start.year), ("month", start.month))
        try:
            return tuple(self._answers.read(path, CreditUsage, params).usage_items)
        except ProviderPermissionError as error:
            gaps.append(Gap(kind=_CREDITS, reason=error.detail))
            return ()

    def _used(self, owner: _Owner, span: Span, gaps: list[Gap]) -> Iterator[Quantity]:
        items = [
            item
            for _, _, item in read_items(
                self._answers, owner.billing("usage"), span.start, span.end
            )
        ]
        yield from self._actions(owner, span, items, gaps)
        missing = len(gaps)
        credit_items = self._credits(owner, span.start, gaps)
        if len(gaps) == missing:
            by_model: dict[str, Decimal] = {_CREDITS: Decimal(0)}
            for one in credit_items:
                for quota in (_CREDITS, *((f"{_CREDITS}:{slug(one.model)}",) if one.model else ())):
                    before = by_model.get(quota, Decimal(0))
                    by_model[quota] = EXACT.add(before, one.gross_quantity)
            for quota, used in by_model.items():
                yield span.quantity(quota, "Credits", used)
        if owner.kind == "organizations":
            yield from self._budgets(owner, span, items, credit_items, gaps)

    def _actions(
        self, owner: _Owner, span: Span, items: Iterable[Item], gaps: list[Gap]
    ) -> Iterator[Quantity]:
        """Return an estimate of what counts against the included minutes and storage.

        GitHub tells neither; public repositories are free and are among the rows.
        """
        of_actions = [item for item in items if slug(item.product) == "actions"]
        public: frozenset[str] = frozenset()
        if of_actions:
            kind, which = ("orgs", "public")
            if owner.kind == "users":
                kind, which = ("users", "owner")
            path = f"/{kind}/{owner.name}/repos"
            try:
                public = read_public_repositories(self._answers, path, which)
            except ProviderPermissionError as error:
                reason = f"{error.detail}: what they use is counted, though it is free"
                gaps.append(Gap(kind="public repositories", reason=reason))
        minutes = gigabyte_hours = Decimal(0)
        for item in of_actions:
            repository = (item.repository_name or "").lower()
            if repository in public or f"{owner.name.lower()}/{repository}" in public:
                continue
            unit = _UNITS.get(slug(item.unit_type))
            if unit == "Minutes" and item.sku_slug in _STANDARD_RUNNERS:
                minutes = EXACT.add(minutes, item.quantity)
            elif unit == "GB-Hours":
                gigabyte_hours = EXACT.add(gigabyte_hours, item.quantity)
        yield span.quantity("actions_minutes", "Minutes", minutes, estimated=True)
        hours = Decimal((span.end - span.start) // _HOUR or 1)
        stored = (gigabyte_hours / hours).quantize(Decimal("0.000001"))
        yield replace(
            span.quantity("actions_storage", "GB", stored, estimated=True),
            start=span.end,
            resets_at=None,
        )

    def _budgets(
        self,
        owner: _Owner,
        span: Span,
        items: Iterable[Item],
        credit_items: Iterable[Credits],
        gaps: list[Gap],
    ) -> Iterator[Quantity]:
        """Return what counts against the budgets that were set at GitHub."""
        path = owner.billing("budgets")
        try:
            budgets = read_budgets(self._answers, path)
        except ProviderPermissionError as error:
            gaps.append(Gap(kind="budgets", reason=error.detail))
            return
        found: dict[str, Quantity] = {}
        for budget in budgets:
            quota = f"budget:{'+'.join(budget.skus) or 'all'}"
            if budget.budget_entity_name and budget.budget_scope == "repository":
                quota += f"@{slug(budget.budget_entity_name)}"
            if budget.budget_scope not in {"organization", "repository"} or quota in found:
                reason = (
                    f"a budget of {budget.budget_amount:f} USD with the scope "
                    f"{slug(budget.budget_scope)[:40]}: what counts against it is not visible here"
                )
                gaps.append(Gap(kind=quota, reason=reason))
                continue
            used = Decimal(0)
            for item in items:
                if _counts(budget, item, owner):
                    used = EXACT.add(used, item.net_amount)
            if _CREDITS in budget.skus and budget.budget_scope == "organization":
                used = EXACT.add(used, sum((one.net_amount for one in credit_items), Decimal(0)))
            found[quota] = span.quantity(
                quota, "USD", max(used, Decimal(0)), limit=budget.budget_amount
            )
        yield from found.values()


def _charge(owner: _Owner, day: dt.datetime, item: Item) -> Charge:
    unit_type = slug(item.unit_type)
    charge = billed_usage(
        item,
        key=(
            *(day.isoformat(), owner.name, slug(item.product), item.sku_slug, unit_type),
            *((item.repository_name or "").lower(), (item.organization_name or "").lower()),
        ),
        start=day,
        end=day + dt.timedelta(days=1),
        billed=item.net_amount,
        listed=item.gross_amount,
        currency="USD",
        service=item.product,
        service_category=_CATEGORIES.get(slug(item.product), "Developer Tools"),
        vendor="GitHub",
        account_id=owner.name,
    )
    return replace(
        charge,
        charge_description=item.sku,
        sku_id=item.sku_slug,
        sub_account_id=item.repository_name or None,
        sub_account_type="repository" if item.repository_name else None,
        consumed_quantity=item.quantity,
        consumed_unit=_UNITS.get(unit_type, item.unit_type) or "Units",
    )


def _credit_charge(owner: _Owner, start: dt.datetime, end: dt.datetime, one: Credits) -> Charge:
    charge = billed_usage(
        one,
        key=(start.isoformat(), owner.name, _CREDITS, slug(one.sku), one.model),
        start=start,
        end=end,
        billed=one.net_amount,
        listed=one.gross_amount,
        currency="USD",
        service=one.product,
        service_category="AI and Machine Learning",
        vendor="GitHub",
        account_id=owner.name,
    )
    return replace(
        charge,
        charge_description=", ".join(filter(None, (one.sku, one.model))),
        sku_id=slug(one.sku),
        consumed_quantity=one.gross_quantity,
        consumed_unit="Credits",
    )


def _counts(budget: Budget, item: Item, owner: _Owner) -> bool:
    """Tell whether a row counts against a budget."""
    if budget.budget_scope == "repository":
        repository = (item.repository_name or "").lower()
        wanted = (budget.budget_entity_name or "").lower()
        if wanted not in {repository, repository.removeprefix(f"{owner.name.lower()}/")}:
            return False
    of_sku = budget.budget_type == "SkuPricing"
    return not budget.skus or (item.sku_slug if of_sku else slug(item.product)) in budget.skus
