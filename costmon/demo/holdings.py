"""What the simulated account holds at one moment."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costmon.demo.size import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Droplet:
    """A virtual machine.

    Attributes:
        id: The vendor's number.
        name: Host name.
        size: Its plan, price included.
        region: Region slug.
        status: `off` costs as much as `active`.
        created_at: Aware UTC.
        tags: Labels; worker nodes carry `k8s:<cluster id>`.
        backups: The backup plan; `None` without backups.
    """

    id: int
    name: str
    size: Size
    region: str
    status: Literal["active", "off"]
    created_at: dt.datetime
    tags: tuple[str, ...] = ()
    backups: Literal["daily", "weekly"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Block storage; costs the same whether a droplet uses it or not."""

    id: str
    name: str
    gib: int
    region: str
    created_at: dt.datetime
    droplet_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A copy of a droplet or a volume, charged by its size."""

    id: str
    name: str
    gib: Decimal
    region: str
    created_at: dt.datetime
    source_id: str
    source: Literal["droplet", "volume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """A load balancer of one or more nodes."""

    id: str
    name: str
    nodes: int
    region: str
    created_at: dt.datetime
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedIp:
    """An address kept for this account; v4 costs money while no droplet has it."""

    ip: str
    region: str
    droplet: Droplet | None
    reserved_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A managed database cluster."""

    id: str
    name: str
    engine: str
    version: str
    nodes: int
    size: str
    region: str
    storage_mib: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Kubernetes cluster; its worker nodes are droplets as well."""

    id: str
    name: str
    region: str
    version: str
    highly_available: bool
    created_at: dt.datetime
    workers: tuple[Droplet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The container registry with its subscription."""

    name: str
    region: str
    tier: str
    monthly: Decimal
    stored_bytes: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application of one service on the app platform."""

    id: str
    name: str
    region: str
    instance_size: str
    instances: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the vendor says was used this month, as of some hours ago."""

    month_to_date_usage: Decimal
    generated_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """A line of a bill, in USD and whole cents; `resource_id` is `None` for several at once."""

    product: str
    resource_id: str | None
    description: str
    amount: Decimal
    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a month costs; `updated_at` is `None` when the month is over."""

    id: str
    period: str
    lines: tuple[BillLine, ...]
    updated_at: dt.datetime | None

    @property
    def amount(self) -> Decimal:
        """Return what the lines add up to."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Everything in the account at one moment.

    Attributes:
        account_id: The vendor's id of the account.
        droplets: Ordinary droplets, worker nodes included, in the order of their ids.
        gpu_droplets: Those that the vendor lists only under `type=gpus`.
        registry: `None` when the account has none.
        bills: This month's, then those of the months before it.
    """

    account_id: str
    droplets: tuple[Droplet, ...]
    gpu_droplets: tuple[Droplet, ...]
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]
    load_balancers: tuple[LoadBalancer, ...]
    reserved_ips: tuple[ReservedIp, ...]
    reserved_ipv6: tuple[ReservedIp, ...]
    databases: tuple[Database, ...]
    clusters: tuple[Cluster, ...]
    registry: Registry | None
    apps: tuple[App, ...]
    balance: Balance
    bills: tuple[Bill, ...]
