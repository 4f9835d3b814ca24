"""Render managed services, the account and its bill as the vendor's JSON does."""

from decimal import Decimal
from typing import Any

from costmon.demo.draw import draw_id
from costmon.demo.droplet_json import render_time
from costmon.demo.holdings import App, Balance, Cluster, Database, Registry
from costmon.demo.invoices_json import render_team_id
from costmon.demo.size import AppSize

Json = dict[str, Any]

_GIB = 1 << 30
_MIB = 1 << 20
_BILLED_S = 672 * 3600


def render_account(account_id: str) -> Json:
    """Return the account and its team."""
    return {
        "droplet_limit": 50,
        "floating_ip_limit": 5,
        "email": "shop@demo.example",
        "name": "Demo Shop",
        "uuid": account_id,
        "email_verified": True,
        "status": "active",
        "status_message": "",
        "team": {"uuid": render_team_id(account_id), "name": "Demo Team"},
    }


def render_balance(balance: Balance) -> Json:
    """Return the bill so far; all amounts are text."""
    usage = f"{balance.month_to_date_usage:.2f}"
    return {
        "month_to_date_balance": usage,
        "account_balance": "0.00",
        "month_to_date_usage": usage,
        "generated_at": render_time(balance.generated_at),
    }


def render_database(database: Database) -> Json:
    """Return one database cluster, without the connections that need a further scope."""
    return {
        "id": database.id,
        "name": database.name,
        "engine": database.engine,
        "version": database.version,
        "semantic_version": f"{database.version}.2",
        "num_nodes": database.nodes,
        "size": database.size,
        "region": database.region,
        "status": "online",
        "created_at": render_time(database.created_at),
        "maintenance_window": {
            "day": "sunday",
            "hour": "03:00:00",
            "pending": False,
            "description": [],
        },
        "project_id": draw_id(0, "project"),
        "private_network_uuid": draw_id(0, "vpc", database.region),
        "tags": ["shop"],
        "db_names": ["defaultdb", "shop"],
        "storage_size_mib": database.storage_mib,
    }


def render_cluster(cluster: Cluster) -> Json:
    """Return one Kubernetes cluster with one node pool."""
    created_at = render_time(cluster.created_at)
    tags = ["k8s", f"k8s:{cluster.id}"]
    pool = {
        "id": draw_id(0, cluster.id, "pool"),
        "name": "pool",
        "size": cluster.workers[0].size.slug,
        "count": len(cluster.workers),
        "tags": [*tags, "k8s:worker"],
        "labels": {},
        "taints": [],
        "auto_scale": False,
        "min_nodes": 0,
        "max_nodes": 0,
        "nodes": [
            {
                "id": draw_id(0, cluster.id, worker.id),
                "name": worker.name,
                "status": {"state": "running"},
                "droplet_id": str(worker.id),
                "created_at": render_time(worker.created_at),
                "updated_at": render_time(worker.created_at),
            }
            for worker in cluster.workers
        ],
    }
    return {
        "id": cluster.id,
        "name": cluster.name,
        "region": cluster.region,
        "version": cluster.version,
        "cluster_subnet": "10.244.0.0/16",
        "service_subnet": "10.245.0.0/16",
        "vpc_uuid": draw_id(0, "vpc", cluster.region),
        "ipv4": "203.0.113.30",
        "endpoint": "https://preview.demo.example",
        "tags": tags,
        "node_pools": [pool],
        "maintenance_policy": {"start_time": "03:00", "duration": "4h0m0s", "day": "any"},
        "auto_upgrade": False,
        "status": {"state": "running"},
        "created_at": created_at,
        "updated_at": created_at,
        "surge_upgrade": True,
        "ha": cluster.highly_available,
        "registry_enabled": True,
    }


def render_registry(registry: Registry) -> Json:
    """Return the registry, its subscription embedded."""
    return {
        "name": registry.name,
        "created_at": render_time(registry.created_at),
        "region": registry.region,
        "storage_usage_bytes": registry.stored_bytes,
        "storage_usage_bytes_updated_at": render_time(registry.created_at),
        "subscription": render_subscription(registry),
    }


def render_subscription(registry: Registry) -> Json:
    """Return the registry's plan; its price is a whole number of cents."""
    return {
        "tier": {
            "name": registry.tier.title(),
            "slug": registry.tier,
            "included_repositories": 5,
            "included_storage_bytes": 5 * _GIB,
            "allow_storage_overage": True,
            "included_bandwidth_bytes": 5 * _GIB,
            "monthly_price_in_cents": int(registry.monthly * 100),
            "storage_overage_price_in_cents": 2,
        },
        "created_at": render_time(registry.created_at),
        "updated_at": render_time(registry.created_at),
    }


def render_app(app: App) -> Json:
    """Return one app with one service."""
    created_at = render_time(app.created_at)
    return {
        "id": app.id,
        "owner_uuid": draw_id(0, "owner"),
        "spec": {
            "name": app.name,
            "region": app.region,
            "services": [
                {
                    "name": "web",
                    "image": {"registry_type": "DOCR", "repository": app.name, "tag": "latest"},
                    "instance_count": app.instances,
                    "instance_size_slug": app.instance_size,
                    "http_port": 8080,
                }
            ],
        },
        "default_ingress": f"https://{app.name}.demo.example",
        "created_at": created_at,
        "updated_at": created_at,
        "last_deployment_created_at": created_at,
        "live_url": f"https://{app.name}.demo.example",
        "live_domain": f"{app.name}.demo.example",
        "tier_slug": "basic",
        "region": {"slug": app.region, "label": "Frankfurt", "data_centers": ["fra1"]},
        "project_id": draw_id(0, "project"),
    }


def render_app_size(size: AppSize) -> Json:
    """Return an instance size; its numbers are text, and a month is 672 hours of seconds."""
    per_second = (size.monthly / Decimal(_BILLED_S)).quantize(Decimal("1e-12"))
    return {
        "name": size.slug.removeprefix("apps-"),
        "slug": size.slug,
        "cpu_type": "SHARED",
        "cpus": str(size.cpus),
        "memory_bytes": str(size.memory_mib * _MIB),
        "usd_per_month": f"{size.monthly:.2f}",
        "usd_per_second": f"{per_second:f}",
        "tier_slug": "basic",
        "single_instance_only": False,
        "scalable": False,
        "bandwidth_allowance_gib": "50",
    }
