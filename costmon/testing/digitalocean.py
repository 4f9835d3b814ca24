"""Answers as DigitalOcean documents them: small, and made up."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

DROPLETS = "/v2/droplets"
GPU_DROPLETS = "/v2/droplets?type=gpus"
POLICIES = "/v2/droplets/backups/policies"
BALANCE = "/v2/customers/my/balance"
VOLUMES = "/v2/volumes"
SNAPSHOTS = "/v2/snapshots"
LOAD_BALANCERS = "/v2/load_balancers"
RESERVED_IPS = "/v2/reserved_ips"
DATABASES = "/v2/databases"
CLUSTERS = "/v2/kubernetes/clusters"
REGISTRY = "/v2/registry/subscription"
APPS = "/v2/apps"
INSTANCE_SIZES = "/v2/apps/tiers/instance_sizes"
SIZES = "/v2/sizes"
ACCOUNT = "/v2/account"
INVOICES = "/v2/customers/my/invoices"
PREVIEW = f"{INVOICES}/preview-uuid"
OCTOBER = f"{INVOICES}/october-uuid"
TEAM = "12345678-1234-1234-1234-123456789012"
INSIGHTS = f"/v2/billing/do:team:{TEAM}/insights/2026-11-18/2026-11-20"

_CREATED = "2026-10-02T10:00:00Z"
_REGION = {"slug": "fra1", "name": "Frankfurt 1", "available": True, "sizes": ["s-1vcpu-2gb"]}
_KEYS = {
    DROPLETS: "droplets",
    GPU_DROPLETS: "droplets",
    VOLUMES: "volumes",
    SNAPSHOTS: "snapshots",
    LOAD_BALANCERS: "load_balancers",
    RESERVED_IPS: "reserved_ips",
    DATABASES: "databases",
    CLUSTERS: "kubernetes_clusters",
    APPS: "apps",
}


def droplet(droplet_id: int = 101, **changes: object) -> Json:
    """Return a droplet at 12 USD a month."""
    return {
        "id": droplet_id,
        "name": f"web-{droplet_id}",
        "status": "active",
        "created_at": _CREATED,
        "features": ["ipv6"],
        "size_slug": "s-1vcpu-2gb",
        "size": {"slug": "s-1vcpu-2gb", "price_monthly": 12.0, "price_hourly": 0.01786},
        "region": _REGION,
        "tags": ["prod"],
    } | changes


def volume(volume_id: str = "vol-1", **changes: object) -> Json:
    """Return an attached volume of 100 GiB."""
    return {
        "id": volume_id,
        "name": "data",
        "size_gigabytes": 100,
        "created_at": _CREATED,
        "region": _REGION,
        "droplet_ids": [101],
    } | changes


def snapshot(snapshot_id: str = "snap-1", **changes: object) -> Json:
    """Return a snapshot of 2.5 GiB."""
    return {
        "id": snapshot_id,
        "name": "before-upgrade",
        "created_at": _CREATED,
        "regions": ["fra1"],
        "min_disk_size": 25,
        "size_gigabytes": 2.5,
        "resource_id": "101",
        "resource_type": "droplet",
    } | changes


def load_balancer(balancer_id: str = "lb-1", **changes: object) -> Json:
    """Return a regional load balancer of two nodes."""
    return {
        "id": balancer_id,
        "name": "front",
        "status": "active",
        "created_at": _CREATED,
        "region": _REGION,
        "type": "REGIONAL",
        "size_unit": 2,
    } | changes


def reserved_ip(ip: str = "192.0.2.7", **changes: object) -> Json:
    """Return a reserved address that is assigned to nothing."""
    return {"ip": ip, "region": _REGION, "droplet": None} | changes


def database(database_id: str = "db-1", **changes: object) -> Json:
    """Return a database cluster of two nodes, with the credentials that must go nowhere."""
    return {
        "id": database_id,
        "name": "orders",
        "engine": "pg",
        "num_nodes": 2,
        "size": "db-s-1vcpu-2gb",
        "region": "fra1",
        "status": "online",
        "created_at": _CREATED,
        "storage_size_mib": None,
        "connection": {"user": "doadmin", "password": "not-for-anyone"},
    } | changes


def cluster(cluster_id: str = "k8s-1", **changes: object) -> Json:
    """Return a highly available cluster whose one worker is droplet 101."""
    return {
        "id": cluster_id,
        "name": "prod",
        "region": "fra1",
        "version": "1.34.1-do.0",
        "ha": True,
        "status": {"state": "running"},
        "created_at": _CREATED,
        "node_pools": [{"size": "s-1vcpu-2gb", "count": 1, "nodes": [{"droplet_id": "101"}]}],
    } | changes


def app(app_id: str = "app-1", **changes: object) -> Json:
    """Return an app whose one service runs two instances."""
    service = {
        "name": "web",
        "instance_size_slug": "apps-s-1vcpu-0.5gb",
        "instance_count": 2,
    }
    return {
        "id": app_id,
        "created_at": _CREATED,
        "spec": {"name": "shop", "region": "fra", "services": [service]},
    } | changes


def invoice(uuid: str, period: str, amount: str, **changes: object) -> Json:
    """Return an invoice as the listing has it."""
    return {
        "invoice_uuid": uuid,
        "invoice_id": "12345678",
        "amount": amount,
        "invoice_period": period,
    } | changes


def invoices(closed: Sequence[Json], preview: Json | None = None, **changes: object) -> Json:
    """Return the listing of invoices; its preview is of November 2026 and was made that day."""
    of_month = invoice("preview-uuid", "2026-11", "0.00", updated_at="2026-11-21T06:31:50Z")
    return {**listing("invoices", closed), "invoice_preview": preview or of_month | changes}


def item(amount: str = "8.03", **changes: object) -> Json:
    """Return a line of an invoice: a droplet since the 1st of November."""
    return {
        "product": "Droplets",
        "resource_id": "101",
        "resource_uuid": "droplet-101",
        "group_description": "",
        "description": "web-101 (s-1vcpu-2gb)",
        "amount": amount,
        "duration": "480",
        "duration_unit": "Hours",
        "start_time": "2026-11-01T00:00:00Z",
        "end_time": "2026-11-21T00:00:00Z",
        "project_name": "shop",
        "category": "iaas",
    } | changes


def items(lines: Sequence[Json]) -> Json:
    """Return the lines of an invoice, all on one page."""
    return listing("invoice_items", lines)


def account(**changes: object) -> Json:
    """Return the account, whose name and mail must go nowhere."""
    return {
        "account": {
            "droplet_limit": 25,
            "floating_ip_limit": 3,
            "email": "someone@example.com",
            "name": "Someone",
            "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
            "status": "active",
            "team": {"uuid": TEAM, "name": "My Team"},
        }
        | changes
    }


def insights(points: Sequence[Json], **changes: object) -> Json:
    """Return daily costs, all on one page."""
    return {
        "data_points": list(points),
        "total_items": len(points),
        "total_pages": 1 if points else 0,
        "current_page": 1,
    } | changes


def data_point(day: str, amount: str, sku: str = "1-DO-DROP-0109") -> Json:
    """Return what a droplet cost on a day."""
    return {
        "usage_team_urn": f"do:team:{TEAM}",
        "start_date": day,
        "total_amount": amount,
        "region": "fra1",
        "sku": sku,
        "description": "web-101 (s-1vcpu-2gb)",
        "group_description": "",
    }


def listing(key: str, items: Sequence[Json], *, total: int | None = None) -> Json:
    """Return a page that is the last one."""
    return {
        key: list(items),
        "links": {},
        "meta": {"total": len(items) if total is None else total},
    }


def pages(path: str, items: Sequence[Json], size: int) -> dict[str, Json]:
    """Return the pages of a listing, by path and page number, `size` items each."""
    key = _KEYS[path]
    last = -(-len(items) // size)
    joint = "&" if "?" in path else "?"
    found = {}
    for number in range(1, last + 1):
        page = listing(key, items[(number - 1) * size : number * size], total=len(items))
        if number < last:
            following = f"https://api.digitalocean.com{path}{joint}page={number + 1}"
            page["links"] = {"pages": {"next": following}}
        found[f"{path}{joint}page={number}"] = page
    return found


def empty_account() -> dict[str, Json]:
    """Return all answers of an account in which there is nothing."""
    return {
        **{path: listing(key, []) for path, key in _KEYS.items()},
        POLICIES: {"policies": {}, "links": {}, "meta": {"total": 0}},
        BALANCE: {
            "month_to_date_balance": "0.00",
            "account_balance": "0.00",
            "month_to_date_usage": "0.00",
            "generated_at": "2026-11-21T09:00:00Z",
        },
        REGISTRY: {"subscription": None},
        INSTANCE_SIZES: {
            "instance_sizes": [{"slug": "apps-s-1vcpu-0.5gb", "usd_per_month": "5.00"}]
        },
        SIZES: listing("sizes", [{"slug": "s-1vcpu-2gb", "price_monthly": 12.0}]),
        ACCOUNT: account(),
        INVOICES: invoices([]),
        PREVIEW: items([]),
        INSIGHTS: insights([]),
    }


def full_account() -> dict[str, Json]:
    """Return all answers of an account with one thing of every kind: eleven resources."""
    one_of_each: dict[str, list[Json]] = {
        DROPLETS: [droplet(101), droplet(102, features=["backups"])],
        GPU_DROPLETS: [
            droplet(
                201,
                size_slug="gpu-h100x1-80gb",
                size={"slug": "gpu-h100x1-80gb", "price_monthly": 2522.88},
            )
        ],
        VOLUMES: [volume()],
        SNAPSHOTS: [snapshot()],
        LOAD_BALANCERS: [load_balancer()],
        RESERVED_IPS: [reserved_ip()],
        DATABASES: [database()],
        CLUSTERS: [cluster()],
        APPS: [app()],
    }
    policy = {"droplet_id": 102, "backup_enabled": True, "backup_policy": {"plan": "weekly"}}
    return {
        **empty_account(),
        **{path: listing(_KEYS[path], items) for path, items in one_of_each.items()},
        POLICIES: {"policies": {"102": policy}, "links": {}, "meta": {"total": 1}},
        BALANCE: {
            "month_to_date_balance": "23.44",
            "account_balance": "12.23",
            "month_to_date_usage": "11.21",
            "generated_at": "2026-11-21T09:00:00Z",
        },
        REGISTRY: {
            "subscription": {
                "tier": {"name": "Basic", "slug": "basic", "monthly_price_in_cents": 500},
                "created_at": _CREATED,
            }
        },
    }
