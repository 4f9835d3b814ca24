"""The project's own Prometheus metrics, read with a secret key of the project.

The endpoint is a beta and its names may change; a figure that is not there is a named gap.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from costmon.errors import ProviderAuthError, ProviderError
from costmon.outbound import Outbound
from costmon.providers.reading import schema_fault
from costmon.providers.supabase.api import SLUG, Sight

_PATH = "/customer/v1/privileged/metrics"
_KIND = "metrics"
_MIB_IN_GB = Decimal(1024 * 1024) / 1_000_000_000


class _Figure(NamedTuple):
    """A metric that is read: its samples are added up."""

    name: str
    quota: str
    unit: str
    factor: Decimal


_FIGURES = (
    _Figure("auth_users_user_count", "auth_users", "Users", Decimal(1)),
    _Figure("storage_storage_size_mb", "storage_size", "GB", _MIB_IN_GB),
    _Figure("pg_stat_database_num_backends", "database_connections", "Connections", Decimal(1)),
)


class Metrics:
    """The metrics endpoint of the one project that the key is for.

    Attributes:
        has_key: Whether the key is known.
    """

    def __init__(self, outbound: Outbound | None, *, has_key: bool) -> None:
        """Read through `outbound`; it is `None` when the key or the project is not known."""
        self._outbound = outbound
        self.has_key = has_key

    def read(self, sight: Sight, project: str) -> Iterator[tuple[str, str, Decimal]]:
        """Return quota, unit and figure of what is there; what is not is noted in `sight`."""
        if self._outbound is None:
            missing = "SUPABASE_PROJECT_REF" if self.has_key else "SUPABASE_METRICS_KEY"
            sight.gap(_KIND, f"{project}: SUPABASE_METRICS is on and {missing} is not set")
            return
        try:
            sums = _sums(self._outbound.get(_PATH, {}, accept="text"))
        except ProviderAuthError:
            # Another credential than the one that reads everything else.
            sight.gap(_KIND, f"{project}: the key in SUPABASE_METRICS_KEY is not accepted (401)")
            return
        except ProviderError as error:
            sight.gap(_KIND, f"{project}: could not be read: {error}")
            return
        for figure in _FIGURES:
            if figure.name in sums:
                yield figure.quota, figure.unit, sums[figure.name] * figure.factor
            else:
                sight.gap(figure.quota, f"{project}: {figure.name} is not among the metrics")


def _sums(body: bytes) -> dict[str, Decimal]:
    """Add up the samples of each metric that is read.

    Raises:
        ProviderSchemaError: It is not the text format of Prometheus.
    """
    wanted = {figure.name for figure in _FIGURES}
    sums: dict[str, Decimal] = {}
    try:
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                if sample.name in wanted:
                    value = Decimal(repr(sample.value))
                    if not value.is_finite() or value < 0:
                        raise ValueError  # noqa: TRY301 - one handler for what is no figure
                    sums[sample.name] = sums.get(sample.name, Decimal(0)) + value
    except (ValueError, KeyError, IndexError):
        fault = schema_fault(SLUG, _PATH, "not the text format of Prometheus", "$")
    else:
        return sums
    raise fault
