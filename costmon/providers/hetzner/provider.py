"""Hetzner Cloud, read with a token of one project.

Source: https://docs.hetzner.cloud/reference/cloud
Units: prices as texts before VAT, in the project's currency; traffic in bytes.
Lag: none. Hetzner has no API for bills: costs are what exists at the prices of today.
Needs: a token with the permission Read.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypeVar

from costmon.domain.resource import Gap, Inventory, NotPriced, Resource
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll, Span
from costmon.providers.hetzner import answers as api
from costmon.providers.permissions import Permissions
from costmon.providers.reading import EXACT, Answers

SLUG = "hetzner"
PRICING = "/pricing"
PAGE_SIZE = 50

_MOST_PAGES = 2_000
_GB = Decimal(-9)
_SCOPE = "the permission Read"
_NOT_PRICED = (
    NotPriced(kind="traffic", reason="what is sent beyond the included traffic is not in costs"),
    NotPriced(kind="VAT", reason="prices are before VAT"),
)

T = TypeVar("T", bound=api.Thing)


class Kind(NamedTuple):
    """One kind of thing, and where it is listed."""

    name: str
    path: str
    page: type[api.Page[Any]]
    params: Mapping[str, str | int] = {}


KINDS = (
    Kind("server", "/servers", api.Servers),
    Kind("volume", "/volumes", api.Volumes),
    Kind("floating_ip", "/floating_ips", api.FloatingIps),
    Kind("primary_ip", "/primary_ips", api.PrimaryIps),
    Kind("load_balancer", "/load_balancers", api.LoadBalancers),
    Kind("snapshot", "/images", api.Snapshots, {"type": "snapshot"}),
)


class Hetzner(Provider):
    """One project."""

    def __init__(self, outbound: Outbound) -> None:
        """Read through `outbound`."""
        self._answers = Answers(SLUG, outbound)

    def inventory(self, account: str, now: dt.datetime) -> Inventory:
        """Return all that costs money; kinds that could not be read are in `failed`.

        Raises:
            ProviderError: The token or the prices could not be read, or no kind; see
                `costmon.errors`.
        """
        prices = self._answers.read(PRICING, api.Pricing).pricing
        sight = Permissions()
        resources: list[Resource] = []
        for kind in KINDS:
            read = partial(self._all, kind.path, kind.page, kind.params)
            nothing: Sequence[api.Thing] = ()
            things = sight.kind(kind.name, _SCOPE, read, nothing)
            resources += [_resource(account, kind.name, one, prices) for one in things]
        sight.check()
        return Poll(SLUG, account, now).inventory(
            resources, gaps=sight.gaps, not_priced=_NOT_PRICED, failed=sight.failed
        )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what each server and load balancer has sent this month, and what is included."""
        senders: list[api.Server | api.LoadBalancer] = [
            *self._all("/servers", api.Servers, {}),
            *self._all("/load_balancers", api.LoadBalancers, {}),
        ]
        quantities, gaps = [], []
        for one in senders:
            quota = "server_egress" if isinstance(one, api.Server) else "load_balancer_egress"
            if one.outgoing_traffic is not None and one.outgoing_traffic >= 0:
                quantities.append(_sent(quota, one, one.outgoing_traffic, Span.month(now)))
            else:
                gaps.append(Gap(kind=f"{quota} of {one.name}", reason="Hetzner names no count"))
        return Poll(SLUG, account, now).usage(quantities, gaps)

    def _all(
        self, path: str, page: type[api.Page[T]], params: Mapping[str, str | int]
    ) -> Sequence[T]:
        """Return a whole listing; what moved to another page meanwhile is there once."""
        found: dict[int, T] = {}
        for number in range(1, _MOST_PAGES):
            answer = self._page(path, page, {**params, "per_page": PAGE_SIZE, "page": number})
            found.update((one.id, one) for one in answer.items)
            following = answer.meta.pagination.next_page
            if following is None:
                return list(found.values())
            if following != number + 1 or not answer.items:
                detail = f"incomplete: page {number} is not followed by {number + 1}"
                raise self._answers.fault(path, detail, "$.meta.pagination.next_page")
        raise self._answers.fault(path, f"incomplete: more than {_MOST_PAGES} pages")

    def _page(
        self, path: str, page: type[api.Page[T]], params: Mapping[str, str | int]
    ) -> api.Page[T]:
        try:
            return self._answers.read(path, page, params)
        except ProviderPermissionError:
            if params["page"] == 1:
                raise
        detail = f"incomplete: page {params['page']} is refused, though the first was not"
        raise self._answers.fault(path, detail)


def _sent(quota: str, one: api.Server | api.LoadBalancer, sent: int, span: Span) -> Quantity:
    included = one.included_traffic
    return span.quantity(
        quota,
        "GB",
        EXACT.scaleb(Decimal(sent), _GB),
        limit=None if included is None else EXACT.scaleb(Decimal(max(0, included)), _GB),
        project=one.name or str(one.id),
    )


def _resource(account: str, kind: str, one: api.Thing, prices: api.Prices) -> Resource:
    cost = one.cost(prices)
    return Resource(
        account=account,
        provider=SLUG,
        kind=kind,
        id=str(one.id),
        name=one.description if isinstance(one, api.Snapshot) else one.name or str(one.id),
        region=one.region,
        size=one.size_name,
        status=one.status,
        created_at=one.created.astimezone(dt.UTC) if one.created else None,
        monthly_cost=cost.monthly,
        currency=prices.currency,
        basis="list_price",
        unpriced=cost.unpriced,
        waste=one.waste,
        details=cost.details,
    )
