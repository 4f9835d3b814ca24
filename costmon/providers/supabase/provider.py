"""Supabase, read with one personal access token.

Source: https://supabase.com/docs/reference/api/introduction
Units: USD major units; hourly and monthly list prices from the API, plans' fees from
    `costmon.providers.supabase.prices`; bytes in GB of 1,000,000,000.
Lag: the inventory is live; statistics of requests are some minutes old.
Needs: the read scopes that the package declares; each that is missing becomes a named gap. There is
    no endpoint for money: what is charged is derived from prices and says so.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.charge import ChargeWindow
from costmon.domain.period import Period
from costmon.domain.resource import Basis, Inventory, NotPriced, Resource
from costmon.domain.usage import Quantity, UsageReading
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll
from costmon.providers.reading import midnight, month_of, months
from costmon.providers.supabase import answers
from costmon.providers.supabase.api import SLUG, Api, Sight, quoted, text
from costmon.providers.supabase.charges import (
    Credit,
    Owned,
    day_charges,
    monthly_credit,
    plan_charges,
)
from costmon.providers.supabase.costs import Item, Organization, Project, items
from costmon.providers.supabase.metrics import Metrics
from costmon.providers.supabase.prices import SUPABASE
from costmon.providers.supabase.usage import ProjectUsage, functions_limit

_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
_REMOVED = "REMOVED"
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)

NOT_PRICED = (
    NotPriced(kind="egress", reason="charged beyond the plan's GB, which no endpoint reports"),
    NotPriced(kind="active_users", reason="charged beyond the plan's, which no endpoint reports"),
    NotPriced(kind="storage", reason="charged beyond the plan's GB, which no endpoint reports"),
    NotPriced(kind="function_invocation", reason="charged beyond the plan's a month"),
    NotPriced(kind="realtime", reason="messages and connections beyond the plan's"),
    NotPriced(kind="branch", reason="compute of preview branches and read replicas"),
    NotPriced(kind="tax", reason="added on the invoice"),
)


@dataclass(frozen=True, slots=True)
class _Estate:
    """What was found; a project without an organization that can be told has none here."""

    organizations: tuple[Organization, ...]
    owned: tuple[Owned, ...]


class Supabase(Provider):
    """The organizations and projects that one token may see, through one client."""

    def __init__(
        self,
        outbound: Outbound,
        prices: Mapping[str, Decimal],
        *,
        project_ref: str | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Read through `outbound`.

        Args:
            outbound: The client for the management API.
            prices: The user's own prices, by `kind:slug`.
            project_ref: The one project whose use is read; `None`: all.
            metrics: The project's Prometheus metrics; `None`: they are not asked for.
        """
        self._api = Api(outbound)
        self._prices = SUPABASE.extended(prices)
        self._project_ref = project_ref
        self._metrics = metrics

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return organizations with their plans, projects, add-ons and disks; or raise."""
        sight = Sight()
        estate = self._estate(sight)
        sight.check()
        failed = {failure.kind for failure in sight.failures}
        resources = [
            *(self._organization(account, one) for one in estate.organizations),
            *self._items(account, estate.owned),
        ]
        return Poll(SLUG, account, now).inventory(
            (it for it in resources if it.kind not in failed),
            gaps=sight.gaps,
            not_priced=NOT_PRICED,
            failed=sight.failures,
        )

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return what the days since the last read cost at the prices and sizes of now.

        Days that were read before stay as they were read. The first read assumes that what is there
        now was there since the month began, or since it was made.
        """
        sight = Sight()
        estate = self._estate(sight)
        sight.check()
        sight.require("project", "addon", "disk")
        for organization in estate.organizations:
            plan = organization.plan
            if plan is not None and self._prices.price("plan", plan) is None:
                sight.gap("plan", f"'{text(plan)}' has no known price")
        known = month_of(now)[0] if known_through is None else known_through
        # In the first minute of a month, the last day of the one before is read once more.
        known = min(known, now - _MINUTE)
        for start, end in months(now, known, dt.timedelta(0)):
            first = max(midnight(known), start)
            yield self._window(account, now, estate, sight, Period(start=start, end=end), first)

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what the projects use, or the one project that was named; or raise."""
        sight = Sight()
        projects = self._projects(sight)
        sight.require("project")
        if self._project_ref is not None:
            named = [project for project in projects if project.ref == self._project_ref]
            projects = tuple(named) or (_unlisted(self._project_ref),)
        payers = tuple(dict.fromkeys(it.organization for it in projects if it.organization))
        plans = {self._plan(sight, slug) for slug in payers}
        limits = {slug: self._functions_limit(sight, slug) for slug in payers}
        found: list[Quantity] = []
        for project in projects:
            if project.is_paused:
                sight.gap("project", f"{project.name} is paused: nothing of it is counted")
                continue
            reader = ProjectUsage(self._api, sight, project, now)
            found += reader.read(limits.get(project.organization or ""), self._metrics)
        sight.check()
        for failure in sight.failures:
            sight.gap(failure.kind, f"could not be read: {failure.message}")
        # Of several plans none is the account's.
        return Poll(SLUG, account, now).usage(
            found, sight.gaps, plan=next(iter(plans)) if len(plans) == 1 else None
        )

    def write_access(self) -> tuple[str, ...]:
        """Return a warning for the metrics key; of a token's scopes no endpoint tells."""
        if self._metrics is None or not self._metrics.has_key:
            return ()
        warning = (
            "SUPABASE_METRICS_KEY can read and write everything in the project's database: use a "
            "key that is made for this alone, or unset SUPABASE_METRICS"
        )
        return (warning,)

    def _estate(self, sight: Sight) -> _Estate:
        listed = sight.of(
            ("organization",),
            lambda: self._api.read("/v1/organizations", list[answers.Organization]),
            scope="organizations_read",
        )
        sight.require("organization")
        projects = self._projects(sight)
        names = {text(one.slug or one.id): text(one.name) for one in listed or ()}
        for project in projects:
            if project.organization is not None:
                names.setdefault(project.organization, project.organization)
        organizations = {
            slug: Organization(slug=slug, name=name, plan=self._plan(sight, slug))
            for slug, name in names.items()
        }
        # Without the plan, nothing can be priced.
        sight.require("plan")
        owned = tuple(
            Owned(organizations.get(project.organization or "", _NOBODY), project, item)
            for project in projects
            for item in self._items_of(sight, project, organizations)
        )
        return _Estate(tuple(organizations.values()), owned)

    def _projects(self, sight: Sight) -> tuple[Project, ...]:
        listed = sight.of(
            ("project",),
            lambda: self._api.read("/v1/projects", list[answers.Project]),
            scope="projects_read",
            dependent=("addon", "disk"),
        )
        unique = {one.ref or one.id: one for one in listed or () if one.status != _REMOVED}
        projects = (
            Project(
                ref=text(ref),
                name=text(one.name),
                organization=None
                if (slug := one.organization_slug or one.organization_id) is None
                else text(slug),
                region=None if one.region is None else text(one.region),
                status=None if one.status is None else text(one.status),
                created_at=_moment(one.created_at),
            )
            for ref, one in unique.items()
        )
        # The oldest first: the order decides whose compute the credit pays.
        return tuple(sorted(projects, key=lambda it: (it.created_at or _LAST, it.ref)))

    def _plan(self, sight: Sight, slug: str) -> str | None:
        path = f"/v1/organizations/{quoted(slug)}"
        detail = sight.of(
            ("plan",),
            lambda: self._api.read(path, answers.OrganizationDetail),
            scope="organization_admin_read",
        )
        return None if detail is None else detail.plan

    def _items_of(
        self, sight: Sight, project: Project, organizations: Mapping[str, Organization]
    ) -> tuple[Item, ...]:
        path = f"/v1/projects/{quoted(project.ref)}"
        addons = sight.of(
            ("addon",),
            lambda: self._api.read(f"{path}/billing/addons", answers.Addons),
            scope="infra_add_ons_read",
            dependent=("project",),
        )
        disk = None
        if not project.is_paused:
            disk = sight.of(
                ("disk",),
                lambda: self._api.read(f"{path}/config/disk", answers.Disk),
                scope="infra_disk_config_read",
            )
        payer = organizations.get(project.organization or "")
        plan = None if payer is None else payer.plan
        return tuple(items(project, plan, addons, disk, self._prices))

    def _functions_limit(self, sight: Sight, slug: str) -> Decimal | None:
        path = f"/v1/organizations/{quoted(slug)}/entitlements"
        found = sight.of(
            ("entitlement",),
            lambda: self._api.read(path, answers.Entitlements),
            scope="organization_admin_read",
            absent="the vendor does not say what the plan allows (404)",
        )
        return None if found is None else functions_limit(found)

    def _window(  # noqa: PLR0917 - what one window is made of
        self,
        account: str,
        now: dt.datetime,
        estate: _Estate,
        sight: Sight,
        span: Period,
        first: dt.datetime,
    ) -> ChargeWindow:
        """Return the fees of a month, and what each of its days from `first` on has cost."""
        rows = list(plan_charges(estate.organizations, span.start, self._prices))
        for number in range((span.end - first) // _DAY + 1):
            day = first + number * _DAY
            if day < span.end:
                rows += day_charges(estate.owned, day, now, self._prices)
        return Poll(SLUG, account, now).window(
            span.start,
            span.end,
            rows,
            intake="restate",
            complete_through=min(midnight(now), span.end),
            gaps=sight.gaps,
        )

    def _organization(self, account: str, one: Organization) -> Resource:
        price = None if one.plan is None else self._prices.price("plan", one.plan)
        unpriced = None
        if one.plan is None:
            unpriced = "its plan is not visible with this token (needs organization_admin_read)"
        elif price is None:
            unpriced = f"plan '{text(one.plan)}' has no known price"
        credit = monthly_credit(one, self._prices)
        details = (("compute_credit", str(credit)),) if credit else ()
        return _resource(
            account,
            kind="organization",
            id=one.slug,
            name=one.name,
            size=None if one.plan is None else text(one.plan),
            monthly_cost=None if price is None else price.amount,
            basis="plan" if price is None or price.basis == "list_price" else price.basis,
            unpriced=unpriced,
            details=(*details, ("prices_as_of", SUPABASE.as_of.isoformat())),
        )

    def _items(self, account: str, owned: tuple[Owned, ...]) -> Iterator[Resource]:
        """Return the items as resources; a plan's credit is taken off compute, item by item."""
        credit = Credit(self._prices, lambda monthly: monthly)
        for one in owned:
            item, project = one.item, one.project
            cost, details = item.monthly, item.details
            if cost and (taken := credit.taken(one, cost)):
                cost -= taken
                details = (*details, ("compute_credit", format(-taken.normalize(), "f")))
            yield _resource(
                account,
                kind=item.kind,
                id=item.id,
                name=item.name,
                region=project.region,
                size=item.size,
                status=project.status if item.kind == "project" else None,
                created_at=project.created_at if item.kind == "project" else None,
                monthly_cost=cost,
                basis=item.basis,
                unpriced=item.unpriced,
                details=details,
            )


# Pays for projects whose organization the vendor does not tell.
_NOBODY = Organization(slug="", name="", plan=None)


def _resource(
    account: str,
    *,
    kind: str,
    id: str,
    name: str,
    size: str | None,
    monthly_cost: Decimal | None,
    basis: Basis,
    unpriced: str | None,
    details: tuple[tuple[str, str], ...],
    region: str | None = None,
    status: str | None = None,
    created_at: dt.datetime | None = None,
) -> Resource:
    return Resource(
        account=account,
        provider=SLUG,
        kind=kind,
        id=id,
        name=name,
        region=region,
        size=size,
        status=status,
        created_at=created_at,
        monthly_cost=monthly_cost,
        currency=SUPABASE.currency,
        basis=basis,
        unpriced=unpriced,
        waste=None,
        details=details,
    )


def _unlisted(ref: str) -> Project:
    return Project(ref=ref, name=ref, organization=None, region=None, status=None, created_at=None)


def _moment(value: dt.datetime | None) -> dt.datetime | None:
    """Return a time in UTC; one without a zone is UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
