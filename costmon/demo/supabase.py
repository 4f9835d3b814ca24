"""A simulated Supabase organization on the plan Pro, with one project."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from costmon.demo.answer import JSON, Answer, Request
from costmon.demo.draw import draw

_REF, _ORGANIZATION = "demoshop000000000000", "acme-demo"
_PROJECT = f"/v1/projects/{_REF}"
QUERY = f"{_PROJECT}/database/query/read-only"
_DISK_BYTES, _USED_BYTES, _GROWTH_BYTES = 8_000_000_000, 2_100_000_000, 40_000_000
_HOUR = dt.timedelta(hours=1)


class SupabaseOrganization:
    """The organization behind the management API; the same seed gives the same figures."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._answers: Mapping[str, Callable[[dt.datetime], object]] = {
            "/v1/organizations": lambda _: [_organization()],
            f"/v1/organizations/{_ORGANIZATION}": lambda _: _organization(),
            f"/v1/organizations/{_ORGANIZATION}/entitlements": lambda _: _entitlements(),
            "/v1/projects": lambda _: [_project()],
            f"{_PROJECT}/billing/addons": lambda _: _addons(),
            f"{_PROJECT}/config/disk": lambda _: _disk(),
            f"{_PROJECT}/config/disk/util": self._disk_use,
            f"{_PROJECT}/functions": lambda _: [{"id": "fn-checkout", "slug": "checkout"}],
            f"{_PROJECT}/analytics/endpoints/usage.api-counts": self._requests,
            f"{_PROJECT}/analytics/endpoints/functions.combined-stats": self._calls,
            QUERY: self._rows,
        }

    def answer(self, path: str, request: Request, now: dt.datetime) -> Answer | None:
        """Return what the vendor would say; `None` for a path that does not exist."""
        value = self._answers.get(path)
        if value is None:
            return None
        status = 201 if request.method == "POST" else 200
        return Answer(status=status, body=msgspec.json.encode(value(now)), content_type=JSON)

    def _used_bytes(self, now: dt.datetime) -> int:
        """Return the size of the database, which grows by the day and is cleaned each month."""
        return _USED_BYTES + now.day * _GROWTH_BYTES

    def _disk_use(self, now: dt.datetime) -> dict[str, Any]:
        used = self._used_bytes(now)
        metrics = {"fs_size_bytes": _DISK_BYTES, "fs_used_bytes": used}
        return {"timestamp": now.isoformat(), "metrics": metrics}

    def _rows(self, now: dt.datetime) -> list[dict[str, Any]]:
        """Return a row that has the columns of both queries: sizes and rows of tables."""
        size = self._used_bytes(now) - 300_000_000
        return [{"pg_database_size": size, "n_live_tup": size // 2_000}]

    def _requests(self, now: dt.datetime) -> dict[str, Any]:
        def bucket(hour: dt.datetime) -> dict[str, Any]:
            count = draw(self._seed, "requests", hour.isoformat(), below=900)
            return {
                "timestamp": hour.isoformat(),
                "total_auth_requests": count,
                "total_realtime_requests": 0,
                "total_rest_requests": 4 * count,
                "total_storage_requests": count // 3,
            }

        return {"result": [bucket(hour) for hour in _hours_of_today(now)], "error": None}

    def _calls(self, now: dt.datetime) -> dict[str, Any]:
        rows = [
            {
                "timestamp": hour.isoformat(),
                "requests_count": draw(self._seed, "calls", hour.isoformat(), below=300),
            }
            for hour in _hours_of_today(now)
        ]
        return {"result": rows, "error": None}


def _organization() -> dict[str, Any]:
    return {"id": _ORGANIZATION, "slug": _ORGANIZATION, "name": "Acme", "plan": "pro"}


def _project() -> dict[str, Any]:
    return {
        "id": _REF,
        "ref": _REF,
        "organization_id": _ORGANIZATION,
        "organization_slug": _ORGANIZATION,
        "name": "shop",
        "region": "eu-central-1",
        "status": "ACTIVE_HEALTHY",
        "created_at": "2024-03-05T08:00:00.123456Z",
    }


def _addons() -> dict[str, Any]:
    price = {"amount": 0.0206, "interval": "hourly", "type": "usage", "description": "$0.0206/hour"}
    small = {"id": "ci_small", "name": "Small", "price": price}
    return {
        "selected_addons": [{"type": "compute_instance", "variant": small}],
        "available_addons": [],
    }


def _disk() -> dict[str, Any]:
    size_gb = _DISK_BYTES // 1_000_000_000
    return {
        "attributes": {"size_gb": size_gb, "type": "gp3", "iops": 3000, "throughput_mibps": 125}
    }


def _entitlements() -> dict[str, Any]:
    return {
        "entitlements": [
            {
                "feature": {"key": "function.max_count", "type": "numeric"},
                "type": "numeric",
                "hasAccess": True,
                "config": {"enabled": True, "value": 500, "unlimited": False},
            }
        ]
    }


def _hours_of_today(now: dt.datetime) -> list[dt.datetime]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight + number * _HOUR for number in range(now.hour + 1)]
