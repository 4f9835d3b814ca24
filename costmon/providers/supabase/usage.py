"""What one project uses: requests, functions, disk, database."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial

from costmon.domain.usage import Quantity
from costmon.providers.figures import Span
from costmon.providers.reading import midnight, schema_fault
from costmon.providers.supabase import answers
from costmon.providers.supabase.api import SLUG, Api, Sight, checked, query_path, quoted
from costmon.providers.supabase.costs import Project
from costmon.providers.supabase.metrics import Metrics

_GB = Decimal(1_000_000_000)
_MOST = 10**24
_DAY = dt.timedelta(days=1)
_REQUESTS = {
    "rest_requests": "total_rest_requests",
    "auth_requests": "total_auth_requests",
    "realtime_requests": "total_realtime_requests",
    "storage_requests": "total_storage_requests",
}
_INVOCATIONS = "function_invocations"
# Of one bucket of functions.combined-stats; the vendor does not type it.
_CALLS = ("requests_count", "request_count")
_CALLS_BY_STATUS = ("success_count", "redirect_count", "client_err_count", "server_err_count")
_DATABASE_SIZE = "select pg_database_size(current_database()) as pg_database_size"
_TABLE_ROWS = "select coalesce(sum(n_live_tup), 0) as n_live_tup from pg_stat_user_tables"
_NO_QUERY = (
    "the vendor answers 404 to read-only queries of this project, as was reported for free ones"
)
_MICROSECONDS, _MILLISECONDS = 10**14, 10**11


class ProjectUsage:
    """Reads one project once."""

    def __init__(self, api: Api, sight: Sight, project: Project, now: dt.datetime) -> None:
        self._api = api
        self._sight = sight
        self._project = project
        self._path = f"/v1/projects/{quoted(project.ref)}"
        self._today = midnight(now)
        self._count_of_today = partial(Span.day(now).quantity, project=project.ref)
        self._level = partial(Span.level(now).quantity, project=project.ref)

    def read(self, functions: Decimal | None, metrics: Metrics | None) -> Iterator[Quantity]:
        """Return what can be seen; the rest is noted.

        Args:
            functions: How many functions the plan allows; `None`: not known.
            metrics: The project's Prometheus metrics, when they are asked for.
        """
        yield from self._of(tuple(_REQUESTS), self._requests, "analytics_usage_read")
        listed = self._sight.of(
            ("functions", _INVOCATIONS),
            lambda: self._api.read(f"{self._path}/functions", list[answers.Function]),
            scope="edge_functions_read",
            project=self._project.name,
        )
        if listed is not None:
            yield self._level("functions", "Functions", Decimal(len(listed)), limit=functions)
            yield from self._of(
                (_INVOCATIONS,), lambda: self._invocations(listed), "analytics_usage_read"
            )
        yield from self._of(("disk_size",), self._disk_size, "infra_disk_config_read")
        yield from self._of(("disk_used",), self._disk_used, "infra_disk_config_read")
        yield from self._of(
            ("database_size",), self._database_size, "database_read", absent=_NO_QUERY
        )
        yield from self._of(("table_rows",), self._table_rows, "database_read", absent=_NO_QUERY)
        if metrics is not None:
            for quota, unit, used in metrics.read(self._sight, self._project.name):
                yield self._level(quota, unit, used, estimated=True)

    def _of(
        self,
        quotas: tuple[str, ...],
        read: Callable[[], Sequence[Quantity]],
        scope: str,
        absent: str | None = None,
    ) -> Sequence[Quantity]:
        found = self._sight.of(quotas, read, scope=scope, absent=absent, project=self._project.name)
        return found or ()

    def _requests(self) -> Sequence[Quantity]:
        name = "usage.api-counts"
        rows = self._api.statistics(self._project.ref, name, interval="1day")
        sums = {
            quota: self._sum_of_today(rows, partial(_count, fields=(field,)))
            for quota, field in _REQUESTS.items()
        }
        return self._counted(sums)

    def _invocations(self, functions: Sequence[answers.Function]) -> Sequence[Quantity]:
        """Return how often all functions were called today."""
        if not functions:
            return [self._count_of_today(_INVOCATIONS, "Requests", Decimal(0))]
        total: Decimal | str = (
            "the vendor has no figures of the last day: nothing was called, or they are late"
        )
        for function in functions:
            rows = self._api.statistics(
                self._project.ref,
                "functions.combined-stats",
                interval="1day",
                function_id=function.id,
            )
            if not rows:
                continue  # not called in the last day; all of them so: nothing is known
            found = self._sum_of_today(rows, _calls)
            if isinstance(found, str):
                return self._counted({_INVOCATIONS: found})
            total = found if isinstance(total, str) else total + found
        return self._counted({_INVOCATIONS: total})

    def _disk_size(self) -> Sequence[Quantity]:
        path = f"{self._path}/config/disk"
        made = self._api.read(path, answers.Disk).attributes
        return [self._level("disk_size", "GB", checked(made.size_gb, path, "$.attributes.size_gb"))]

    def _disk_used(self) -> Sequence[Quantity]:
        path = f"{self._path}/config/disk/util"
        metrics = self._api.read(path, answers.DiskUse).metrics
        used, size = (
            checked(value, path, f"$.metrics.{name}", most=_MOST)
            for name, value in (
                ("fs_used_bytes", metrics.fs_used_bytes),
                ("fs_size_bytes", metrics.fs_size_bytes),
            )
        )
        return [self._level("disk_used", "GB", used / _GB, limit=size / _GB)]

    def _database_size(self) -> Sequence[Quantity]:
        used = self._queried(_DATABASE_SIZE, "pg_database_size")
        return [self._level("database_size", "GB", used / _GB, estimated=True)]

    def _table_rows(self) -> Sequence[Quantity]:
        used = self._queried(_TABLE_ROWS, "n_live_tup")
        return [self._level("table_rows", "Rows", used, estimated=True)]

    def _queried(self, sql: str, column: str) -> Decimal:
        """Return the sum of a column of the rows that a query answers."""
        path = query_path(self._project.ref)
        values = []
        for position, row in enumerate(self._api.query(self._project.ref, sql)):
            value, where = _number(row.get(column)), f"$[{position}].{column}"
            if value is None:
                raise schema_fault(SLUG, path, "expected a number", where, method="POST")
            values.append(checked(value, path, where, most=_MOST, method="POST"))
        if not values:
            raise schema_fault(SLUG, path, "expected a row", "$", method="POST")
        return sum(values, Decimal(0))

    def _sum_of_today(
        self,
        rows: Sequence[Mapping[str, object]],
        count_of: Callable[[Mapping[str, object]], Decimal | None],
    ) -> Decimal | str:
        """Add up the buckets since midnight UTC; return why not, in words, when it cannot be."""
        if not rows:
            return "the vendor has no figures of the last day"
        total, of_today = Decimal(0), 0
        for row in rows:
            moment, count = _moment(row.get("timestamp")), count_of(row)
            if moment is None or count is None:
                return "a figure of the vendor has no time or no count that is known here"
            if moment >= self._today:
                total += count
                of_today += 1
        return total if of_today else "the vendor has no figures yet since midnight UTC"

    def _counted(self, sums: Mapping[str, Decimal | str]) -> list[Quantity]:
        found = []
        for quota, count in sums.items():
            if isinstance(count, str):
                self._sight.gap(quota, f"{self._project.name}: {count}")
            else:
                found.append(self._count_of_today(quota, "Requests", count))
        return found


def functions_limit(found: answers.Entitlements) -> Decimal | None:
    """Return how many functions a project of the plan may have; `None`: not said, or no limit."""
    for entitlement in found.entitlements:
        config = entitlement.config
        if entitlement.feature.key == "function.max_count" and config is not None:
            is_limited = entitlement.has_access and not config.unlimited
            return config.value if is_limited else None
    return None


def _calls(row: Mapping[str, object]) -> Decimal | None:
    count = _count(row, _CALLS)
    if count is not None:
        return count
    parts = [_count(row, (field,)) for field in _CALLS_BY_STATUS]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if known else None


def _count(row: Mapping[str, object], fields: Sequence[str]) -> Decimal | None:
    """Return the first of the fields that is a count."""
    for field in fields:
        number = _number(row.get(field))
        if number is not None and number >= 0:
            return number
    return None


def _number(value: object) -> Decimal | None:
    """Return a finite number, which may be written as a text; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(value: object) -> dt.datetime | None:
    """Return when a bucket began: ISO 8601, or Unix time in seconds, milli- or microseconds."""
    try:
        if isinstance(value, str) and not value.isdigit():
            moment = dt.datetime.fromisoformat(value)
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        number = _number(value)
        if number is None:
            return None
        per_second = (
            1_000_000 if number >= _MICROSECONDS else 1_000 if number >= _MILLISECONDS else 1
        )
        return dt.datetime.fromtimestamp(float(number / per_second), dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
