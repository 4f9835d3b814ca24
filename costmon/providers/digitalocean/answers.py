"""The answers of the DigitalOcean API, as far as they are read.

Unknown fields are skipped. A field is required when the API documents it for every token; what
needs a scope of its own is optional. The structs hold no cycles, so the collector need not follow
them (`gc=False`): 200 droplets of a page are decoded in half the time.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

NOTHING = Raw(b"null")
"""A price that is not there. Prices are decoded one by one, so that an odd one spoils no page."""

Moment = Annotated[dt.datetime, Meta(tz=True)]
Id = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Gibibytes = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Pages(Struct, gc=False):
    """Where the neighbours of this page are; only `next` is looked at, and never followed."""

    next: str | None = None


class Links(Struct, gc=False):
    """The `links` member of a listing."""

    pages: Pages | None = None


class Totals(Struct, gc=False):
    """The `meta` member of a listing."""

    total: Annotated[int, Meta(ge=0)] | None = None


class Page(Struct, gc=False):
    """What every listing has in common."""

    links: Links | None = None
    meta: Totals | None = None


class Region(Struct, gc=False):
    """A data centre."""

    slug: str | None = None


class DropletSize(Struct, gc=False):
    """The size embedded in a droplet."""

    price_monthly: Raw = NOTHING


class Droplet(Struct, gc=False):
    """A virtual machine."""

    id: Id
    name: str
    size_slug: str
    status: str
    created_at: Moment
    size: DropletSize | None = None
    region: Region | None = None
    features: list[str] | None = None


class DropletPage(Page, gc=False, kw_only=True):
    """GET /v2/droplets."""

    items: list[Droplet] = field(name="droplets")


class OneDroplet(Struct, gc=False):
    """GET /v2/droplets/{id}."""

    droplet: Droplet


class Size(Struct, gc=False):
    """A droplet size on offer."""

    slug: str
    price_monthly: Raw = NOTHING


class SizePage(Page, gc=False, kw_only=True):
    """GET /v2/sizes."""

    items: list[Size] = field(name="sizes")


class BackupPolicy(Struct, gc=False):
    """How often a droplet is backed up."""

    plan: str | None = None


class DropletPolicy(Struct, gc=False):
    """The backups of one droplet."""

    backup_enabled: bool = True
    backup_policy: BackupPolicy | None = None


class PolicyPage(Page, gc=False, kw_only=True):
    """GET /v2/droplets/backups/policies."""

    items: dict[str, DropletPolicy] = field(name="policies")


class AccountBalance(Struct, gc=False):
    """GET /v2/customers/my/balance; amounts are strings."""

    month_to_date_usage: Decimal
    generated_at: Moment


class TokenInfo(Struct):
    """GET https://cloud.digitalocean.com/v1/oauth/token/info, as the vendor's own client reads it.

    A token that was made without scopes of its own has `read`, or `read` and `write`.
    """

    scopes: list[str]


class Volume(Struct, gc=False):
    """A block storage volume."""

    id: str
    name: str | None = None
    size_gigabytes: Gibibytes | None = None
    created_at: Moment | None = None
    region: Region | None = None
    droplet_ids: list[int] | UnsetType | None = UNSET


class VolumePage(Page, gc=False, kw_only=True):
    """GET /v2/volumes."""

    items: list[Volume] = field(name="volumes")


class Snapshot(Struct, gc=False):
    """A snapshot of a droplet or a volume."""

    id: str
    name: str
    created_at: Moment
    size_gigabytes: Raw = NOTHING
    regions: list[str] | None = None
    resource_type: str | None = None


class SnapshotPage(Page, gc=False, kw_only=True):
    """GET /v2/snapshots."""

    items: list[Snapshot] = field(name="snapshots")


class LoadBalancer(Struct, gc=False):
    """A load balancer; `size` is the older way to say how many nodes it has."""

    id: str
    name: str | None = None
    status: str | None = None
    created_at: Moment | None = None
    region: Region | None = None
    type: str | None = None
    size_unit: Count | None = None
    size: str | None = None


class LoadBalancerPage(Page, gc=False, kw_only=True):
    """GET /v2/load_balancers."""

    items: list[LoadBalancer] = field(name="load_balancers")


class Assignee(Struct, gc=False):
    """The droplet a reserved IP points to."""

    id: Id | None = None


class ReservedIp(Struct, gc=False):
    """A reserved IPv4 address; `droplet` is null while it is assigned to none."""

    ip: str
    region: Region | None = None
    droplet: Assignee | UnsetType | None = UNSET


class ReservedIpPage(Page, gc=False, kw_only=True):
    """GET /v2/reserved_ips."""

    items: list[ReservedIp] = field(name="reserved_ips")


class Database(Struct, gc=False):
    """A managed database cluster. Its credentials are in the answer and never decoded."""

    id: str
    name: str
    engine: str
    num_nodes: Count
    size: str
    region: str
    status: str | None = None
    created_at: Moment | None = None
    storage_size_mib: Annotated[int, Meta(ge=0)] | None = None


class DatabasePage(Page, gc=False, kw_only=True):
    """GET /v2/databases."""

    items: list[Database] = field(name="databases")


class Node(Struct, gc=False):
    """A worker node, which is a droplet as well."""

    droplet_id: str | None = None


class NodePool(Struct, gc=False):
    """Worker nodes of one size."""

    nodes: list[Node] | None = None


class ClusterStatus(Struct, gc=False):
    """The state of a cluster."""

    state: str | None = None


class Cluster(Struct, gc=False):
    """A Kubernetes cluster."""

    id: str
    name: str
    region: str
    node_pools: list[NodePool]
    ha: bool = False
    status: ClusterStatus | None = None
    created_at: Moment | None = None


class ClusterPage(Page, gc=False, kw_only=True):
    """GET /v2/kubernetes/clusters."""

    items: list[Cluster] = field(name="kubernetes_clusters")


class RegistryTier(Struct, gc=False):
    """A plan of the container registry."""

    name: str | None = None
    slug: str | None = None
    monthly_price_in_cents: Raw = NOTHING


class Subscription(Struct, gc=False):
    """What an account pays for its container registry."""

    tier: RegistryTier | None = None
    created_at: Moment | None = None


class RegistryAnswer(Struct, gc=False):
    """GET /v2/registry/subscription."""

    subscription: Subscription | None


class Autoscaling(Struct, gc=False):
    """Between how many instances a component scales."""

    min_instance_count: Count | None = None
    max_instance_count: Count | None = None


class AppComponent(Struct, gc=False):
    """A part of an app; static sites and functions have no instances."""

    name: str | None = None
    instance_size_slug: str | None = None
    instance_count: Count | None = None
    autoscaling: Autoscaling | None = None


class AppDatabase(Struct, gc=False):
    """A database of an app; a production one is a managed database of its own."""

    production: bool = False


class AppSpec(Struct, gc=False):
    """What an app is made of."""

    name: str
    region: str | None = None
    services: list[AppComponent] | None = None
    workers: list[AppComponent] | None = None
    jobs: list[AppComponent] | None = None
    static_sites: list[AppComponent] | None = None
    functions: list[AppComponent] | None = None
    databases: list[AppDatabase] | None = None


class App(Struct, gc=False):
    """An App Platform app."""

    id: str
    spec: AppSpec
    created_at: Moment | None = None


class AppPage(Page, gc=False, kw_only=True):
    """GET /v2/apps; the member is left out when there are none."""

    items: list[App] = field(name="apps", default_factory=list)


class InstanceSize(Struct, gc=False):
    """A size of an app's instances."""

    slug: str
    usd_per_month: Raw = NOTHING


class InstanceSizes(Struct, gc=False):
    """GET /v2/apps/tiers/instance_sizes."""

    instance_sizes: list[InstanceSize]
