"""Read everything but droplets: kind by kind, each once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from costmon.domain.resource import Resource
from costmon.errors import ProviderNotFoundError
from costmon.providers.digitalocean.answers import (
    App,
    AppPage,
    ClusterPage,
    DatabasePage,
    InstanceSizes,
    LoadBalancerPage,
    RegistryAnswer,
    ReservedIpPage,
    SnapshotPage,
    VolumePage,
)
from costmon.providers.digitalocean.apps import APPS, INSTANCE_SIZES, apps, instance_prices
from costmon.providers.digitalocean.factory import ResourceFactory
from costmon.providers.digitalocean.managed import (
    CLUSTERS,
    DATABASES,
    REGISTRY,
    clusters,
    databases,
    registry,
)
from costmon.providers.digitalocean.network import (
    LOAD_BALANCERS,
    RESERVED_IPS,
    load_balancers,
    reserved_ips,
)
from costmon.providers.digitalocean.reader import PAGE_SIZE, Listing, Reader
from costmon.providers.digitalocean.storage import SNAPSHOTS, VOLUMES, snapshots, volumes
from costmon.providers.permissions import Permissions

# An app or a cluster is far larger than a droplet: 200 of them may not fit into one answer.
_LARGE_ITEMS_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind that is listed page by page and needs nothing else.

    Attributes:
        name: The vendor's noun.
        scope: What the token needs.
        path: Where it is listed.
        listing: How a page is decoded.
        convert: Turns a page's items into resources.
        page_size: Items asked for at once.
    """

    name: str
    scope: str
    path: str
    listing: type[Listing]
    convert: Callable[[ResourceFactory, Any], list[Resource]]
    page_size: int = PAGE_SIZE


_KINDS = (
    Kind(
        name="volume",
        scope="block_storage:read",
        path=VOLUMES,
        listing=VolumePage,
        convert=volumes,
    ),
    Kind(
        name="snapshot",
        scope="snapshot:read",
        path=SNAPSHOTS,
        listing=SnapshotPage,
        convert=snapshots,
    ),
    Kind(
        name="load_balancer",
        scope="load_balancer:read",
        path=LOAD_BALANCERS,
        listing=LoadBalancerPage,
        convert=load_balancers,
    ),
    Kind(
        name="reserved_ip",
        scope="reserved_ip:read",
        path=RESERVED_IPS,
        listing=ReservedIpPage,
        convert=reserved_ips,
    ),
    Kind(
        name="database",
        scope="database:read",
        path=DATABASES,
        listing=DatabasePage,
        convert=databases,
    ),
)


class Others:
    """The kinds besides droplets, of one account in one poll."""

    def __init__(self, reader: Reader, sight: Permissions, make: ResourceFactory) -> None:
        self._reader = reader
        self._sight = sight
        self._make = make

    def read(self, droplets: Collection[str] | None) -> list[Resource]:
        """Return all that can be read.

        Args:
            droplets: The ids of those that were seen; `None`: they could not be read.

        Raises:
            ProviderError: The token is refused, or the vendor wants no further request.
        """
        found: list[Resource] = []
        for kind in (*_KINDS, _clusters(droplets)):
            found += self._read(kind.name, kind.scope, partial(self._listed, kind))
        found += self._read("registry", "registry:read", self._registry)
        found += self._read("app", "app:read", self._apps)
        return found

    def _read(self, kind: str, scope: str, read: Callable[[], list[Resource]]) -> list[Resource]:
        return self._sight.kind(kind, scope, read, [])

    def _listed(self, kind: Kind) -> list[Resource]:
        unique: dict[str, Resource] = {}
        for page in self._reader.pages(kind.path, kind.listing, page_size=kind.page_size):
            for resource in kind.convert(self._make, page.items):
                unique.setdefault(resource.id, resource)
        return list(unique.values())

    def _registry(self) -> list[Resource]:
        try:
            answer = self._reader.read(REGISTRY, RegistryAnswer)
        except ProviderNotFoundError:
            # An account without a registry has no subscription to be found.
            return []
        return registry(self._make, answer.subscription)

    def _apps(self) -> list[Resource]:
        unique: dict[str, App] = {}
        for page in self._reader.pages(APPS, AppPage, page_size=_LARGE_ITEMS_PAGE_SIZE):
            for app in page.items:
                unique.setdefault(app.id, app)
        prices: Mapping[str, Decimal] = {}
        if unique:
            sizes = self._reader.read(INSTANCE_SIZES, InstanceSizes)
            prices = instance_prices(sizes.instance_sizes)
        return apps(self._make, unique.values(), prices)


def _clusters(droplets: Collection[str] | None) -> Kind:
    return Kind(
        name="kubernetes_cluster",
        scope="kubernetes:read",
        path=CLUSTERS,
        listing=ClusterPage,
        convert=lambda make, page: clusters(make, page, droplets),
        page_size=_LARGE_ITEMS_PAGE_SIZE,
    )
