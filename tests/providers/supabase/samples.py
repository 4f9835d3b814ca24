"""What the management API answers, with values of our own."""

import json
from typing import Any

from costmon.testing import Reply
from costmon.testing.stub import Asked

REF, OTHER = "refofshop0000000000a", "refofwiki0000000000b"
ORGANIZATIONS, PROJECTS = "/v1/organizations", "/v1/projects"
ORGANIZATION = "/v1/organizations/acme"
ENTITLEMENTS = "/v1/organizations/acme/entitlements"
QUERY = f"/v1/projects/{REF}/database/query/read-only"
COUNTS = f"/v1/projects/{REF}/analytics/endpoints/usage.api-counts"
STATS = f"/v1/projects/{REF}/analytics/endpoints/functions.combined-stats"


def organization(plan: str = "pro") -> dict[str, Any]:
    return {"id": "acme", "slug": "acme", "name": "Acme", "plan": plan}


def project(ref: str = REF, name: str = "shop", **more: object) -> dict[str, Any]:
    return {
        "id": ref,
        "ref": ref,
        "organization_id": "acme",
        "organization_slug": "acme",
        "name": name,
        "region": "eu-central-1",
        "status": "ACTIVE_HEALTHY",
        "created_at": "2026-03-05T08:00:00.123456Z",
        **more,
    }


def addon(kind: str, variant: str, amount: float, interval: str, name: str) -> dict[str, Any]:
    price = {"amount": amount, "interval": interval, "type": "fixed", "description": "$"}
    return {"type": kind, "variant": {"id": variant, "name": name, "price": price}}


def compute(size: str = "ci_small", amount: float = 0.0206) -> dict[str, Any]:
    return addon("compute_instance", size, amount, "hourly", "Small")


def addons(*selected: dict[str, Any]) -> dict[str, Any]:
    micro = addon("compute_instance", "ci_micro", 0.01344, "hourly", "Micro")["variant"]
    available = [{"type": "compute_instance", "name": "Compute", "variants": [micro]}]
    return {"selected_addons": list(selected), "available_addons": available}


def disk(size_gb: float = 20, kind: str = "gp3", iops: int = 3000) -> dict[str, Any]:
    attributes = {"size_gb": size_gb, "type": kind, "iops": iops, "throughput_mibps": 125}
    return {"attributes": attributes, "last_modified_at": "2026-10-01T00:00:00Z"}


def disk_use(used: int = 3_000_000_000, size: int = 20_000_000_000) -> dict[str, Any]:
    metrics = {"fs_used_bytes": used, "fs_size_bytes": size, "fs_avail_bytes": size - used}
    return {"timestamp": "2026-11-21T09:59:00Z", "metrics": metrics}


def entitlements(value: int = 500, *, unlimited: bool = False) -> dict[str, Any]:
    def one(key: str, **config: object) -> dict[str, Any]:
        return {
            "feature": {"key": key, "type": "numeric"},
            "type": "numeric",
            "hasAccess": True,
            "config": {"enabled": True, **config},
        }

    sizes = {"feature": {"key": "sizes", "type": "set"}, "type": "set", "hasAccess": True}
    return {
        "entitlements": [
            {**sizes, "config": {"enabled": True, "set": ["ci_micro"]}},
            one("log.retention_days", value=7, unlimited=False, unit="days"),
            one("function.max_count", value=value, unlimited=unlimited, unit="functions"),
        ]
    }


def counts(*rows: tuple[str, int]) -> dict[str, Any]:
    return {
        "result": [
            {
                "timestamp": moment,
                "total_auth_requests": count,
                "total_realtime_requests": 2 * count,
                "total_rest_requests": 3 * count,
                "total_storage_requests": 0,
            }
            for moment, count in rows
        ],
        "error": None,
    }


HOURS = counts(
    ("2026-11-20T23:00:00", 1000), ("2026-11-21T00:00:00", 5), ("2026-11-21T09:00:00", 7)
)
CALLS = {
    "result": [
        # Microseconds; 20 November 23:00, 21 November 01:00 and 09:00, all UTC.
        {"timestamp": 1795215600000000, "requests_count": 90, "success_count": 90},
        {"timestamp": 1795222800000000, "requests_count": 30, "success_count": 28},
        {"timestamp": 1795251600000000, "success_count": 4, "client_err_count": 1},
    ],
    "error": None,
}


def rows_of(sizes: object = 8_123_456_789, rows: object = "1200") -> Any:
    """Answer the read-only queries, as the vendor does: 201 and a bare array."""

    def answer(asked: Asked) -> Reply:
        sql = json.loads(asked.body)["query"]
        if "pg_database_size" in sql:
            return Reply.json([{"pg_database_size": sizes}], status=201)
        return Reply.json({"result": [{"n_live_tup": rows}]}, status=201)

    return answer


def of_project(ref: str, made: dict[str, Any], selected: dict[str, Any]) -> dict[str, Any]:
    return {
        f"/v1/projects/{ref}/billing/addons": selected,
        f"/v1/projects/{ref}/config/disk": made,
        f"/v1/projects/{ref}/config/disk/util": disk_use(),
        f"/v1/projects/{ref}/functions": [{"id": "f-1", "slug": "mail"}],
        f"/v1/projects/{ref}/analytics/endpoints/usage.api-counts": HOURS,
        f"/v1/projects/{ref}/analytics/endpoints/functions.combined-stats": CALLS,
        f"/v1/projects/{ref}/database/query/read-only": rows_of(),
    }


def account(plan: str = "pro") -> dict[str, Any]:
    """Return a Pro organization with two projects, one of them with a custom domain."""
    domain = addon("custom_domain", "cd_default", 10, "monthly", "Custom Domain")
    return {
        ORGANIZATIONS: [{"id": "acme", "slug": "acme", "name": "Acme"}],
        ORGANIZATION: organization(plan),
        ENTITLEMENTS: entitlements(),
        PROJECTS: [project(), project(OTHER, "wiki", created_at="2025-03-05T08:00:00Z")],
        **of_project(REF, disk(), addons(compute(), domain)),
        **of_project(OTHER, disk(8), addons(compute("ci_medium", 0.0822))),
    }


EMPTY: dict[str, Any] = {ORGANIZATIONS: [], PROJECTS: []}
PATHS = frozenset(account())
