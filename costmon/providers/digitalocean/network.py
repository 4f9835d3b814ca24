"""Load balancers and reserved IPv4 addresses. Reserved IPv6 addresses are free and not read."""

from collections.abc import Iterable

from msgspec import UNSET

from costmon.domain.resource import Resource
from costmon.providers.digitalocean.answers import LoadBalancer, ReservedIp
from costmon.providers.digitalocean.factory import Cost, ResourceFactory

LOAD_BALANCERS = "/v2/load_balancers"
RESERVED_IPS = "/v2/reserved_ips"
_KIND = "load_balancer"
# The older size names of regional load balancers, by their number of nodes.
_NODES = {"lb-small": 1, "lb-medium": 3, "lb-large": 6}
_UNASSIGNED = "not assigned to a droplet, and therefore charged"
_NO_NODES = Cost(monthly=None, basis="list_price", unpriced="its number of nodes is not visible")
_NO_ASSIGNMENT = Cost(
    monthly=None, basis="list_price", unpriced="whether it is assigned is not visible"
)


def load_balancers(make: ResourceFactory, page: Iterable[LoadBalancer]) -> list[Resource]:
    """Return the load balancers of a page."""
    return [
        make.resource(
            kind=_KIND,
            id=balancer.id,
            name=balancer.name,
            region=balancer.region.slug if balancer.region else None,
            size=balancer.type or "REGIONAL",
            status=balancer.status,
            created_at=balancer.created_at,
            cost=_load_balancer_cost(make, balancer),
        )
        for balancer in page
    ]


def reserved_ips(make: ResourceFactory, page: Iterable[ReservedIp]) -> list[Resource]:
    """Return the reserved addresses of a page; one that is assigned to nothing is waste."""
    return [
        make.resource(
            kind="reserved_ip",
            id=address.ip,
            name=address.ip,
            region=address.region.slug if address.region else None,
            size=None,
            status="unassigned" if address.droplet is None else None,
            created_at=None,
            cost=_reserved_ip_cost(make, address),
            waste=_UNASSIGNED if address.droplet is None else None,
        )
        for address in page
    ]


def _load_balancer_cost(make: ResourceFactory, balancer: LoadBalancer) -> Cost:
    # The type is younger than the API: what has none is regional.
    scope = (balancer.type or "REGIONAL").lower()
    if scope != "regional":
        return make.cost(_KIND, scope)
    nodes = balancer.size_unit or _NODES.get(balancer.size or "")
    return _NO_NODES if nodes is None else make.cost(_KIND, "regional_node", nodes)


def _reserved_ip_cost(make: ResourceFactory, address: ReservedIp) -> Cost:
    if address.droplet is UNSET:
        return _NO_ASSIGNMENT
    return make.cost("reserved_ip", "unassigned" if address.droplet is None else "assigned")
