"""Managed databases, Kubernetes clusters and the container registry."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from costmon.domain.resource import Resource
from costmon.providers.digitalocean.answers import Cluster, Database, Subscription
from costmon.providers.digitalocean.factory import Cost, ResourceFactory
from costmon.providers.digitalocean.values import price_of

DATABASES = "/v2/databases"
CLUSTERS = "/v2/kubernetes/clusters"
REGISTRY = "/v2/registry/subscription"
_MIB_PER_GIB = 1024


def databases(make: ResourceFactory, page: Iterable[Database]) -> list[Resource]:
    """Return the database clusters of a page: nodes times the list price of their size."""
    return [
        make.resource(
            kind="database",
            id=database.id,
            name=database.name,
            region=database.region,
            size=database.size,
            status=database.status,
            created_at=database.created_at,
            cost=_database_cost(make, database),
            details=(("engine", database.engine), ("nodes", str(database.num_nodes))),
        )
        for database in page
    ]


def clusters(
    make: ResourceFactory, page: Iterable[Cluster], droplets: Collection[str] | None
) -> list[Resource]:
    """Return the control planes of a page.

    Worker nodes are droplets and are counted there, once. A worker that is not among `droplets`
    (their ids) is said to be missing, unless these could not be read.
    """
    return [_cluster(make, cluster, droplets) for cluster in page]


def registry(make: ResourceFactory, subscription: Subscription | None) -> list[Resource]:
    """Return the registry's plan, priced by the vendor itself; nothing without a registry."""
    if subscription is None:
        return []
    tier = subscription.tier
    cents = price_of(tier.monthly_price_in_cents) if tier else None
    return [
        make.resource(
            kind="registry",
            id="subscription",
            name=(tier.name if tier else None) or "Container registry",
            region=None,
            size=tier.slug if tier else None,
            status=None,
            created_at=subscription.created_at,
            cost=Cost(
                monthly=None if cents is None else cents.scaleb(-2),
                basis="plan",
                unpriced="its plan has no visible price" if cents is None else None,
            ),
        )
    ]


def _database_cost(make: ResourceFactory, database: Database) -> Cost:
    cost = make.cost("database", database.size, database.num_nodes)
    if cost.monthly is None or not database.storage_size_mib:
        return cost
    gibibytes = database.storage_size_mib // _MIB_PER_GIB
    words = f"storage beyond what its plan includes, of {gibibytes} GiB"
    return replace(cost, unpriced=words)


def _cluster(make: ResourceFactory, cluster: Cluster, droplets: Collection[str] | None) -> Resource:
    nodes = [node.droplet_id for pool in cluster.node_pools for node in pool.nodes or ()]
    # A node that is being made has no droplet yet.
    unseen = sum(
        1 for droplet in nodes if droplet and droplets is not None and droplet not in droplets
    )
    cost = make.cost("kubernetes_cluster", "ha" if cluster.ha else "standard")
    if unseen:
        cost = replace(cost, unpriced=f"{unseen} worker nodes are not among the droplets seen")
    return make.resource(
        kind="kubernetes_cluster",
        id=cluster.id,
        name=cluster.name,
        region=cluster.region,
        size="ha" if cluster.ha else None,
        status=cluster.status.state if cluster.status else None,
        created_at=cluster.created_at,
        cost=cost,
        details=(("worker_nodes", str(len(nodes))),),
    )
