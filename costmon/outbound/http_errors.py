"""Turn an HTTP status into the error it means."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderFrozenError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderRateLimitError,
    ProviderSchemaError,
    ProviderServerError,
    ProviderTimeoutError,
)
from costmon.outbound.quota import parse_quota, parse_retry_after

_SHOWN_HOST = 100
_REDIRECTS = range(300, 400)
_SERVER_FAULTS = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The context of every error of one request: vendor and endpoint.

    Attributes:
        provider: The vendor's slug.
        endpoint: Method and path.
    """

    provider: str
    endpoint: str

    def error(
        self,
        kind: type[ProviderError],
        detail: str,
        hint: str,
        *,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> ProviderError:
        """Make an error of this request."""
        return kind(
            provider=self.provider,
            endpoint=self.endpoint,
            detail=detail,
            hint=hint,
            retry_after_s=retry_after_s,
            status=status,
        )

    def of_status(
        self, status: int, headers: Mapping[str, str], now: dt.datetime
    ) -> ProviderError | None:
        """Return what the status means; `None` when it is 200, or 201 as some answer a POST."""
        if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return None
        if status in _REDIRECTS:
            return self.error(
                ProviderSchemaError,
                f"redirected to {_target(headers.get('location'))}, which was not followed",
                "check the configured API URL",
                status=status,
            )
        retry_after_s = parse_retry_after(headers.get("retry-after"), now)
        if status == HTTPStatus.TOO_MANY_REQUESTS and retry_after_s is None:
            retry_after_s = parse_quota(headers, now).wait_s(now)
        kind, detail, hint = _MEANINGS.get(status, _OTHER)
        if status in _SERVER_FAULTS:
            kind, detail, hint = _SERVER
        return self.error(
            kind, f"{detail} ({status})", hint, retry_after_s=retry_after_s, status=status
        )


def _target(location: str | None) -> str:
    """Name where a redirect points, without credentials, path and query."""
    try:
        host = urlsplit(location or "").hostname
    except ValueError:
        host = None
    if host is None:
        return "another path"
    return f"another host ({host[:_SHOWN_HOST]})"


_MEANINGS: dict[int, tuple[type[ProviderError], str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        ProviderAuthError,
        "the token was rejected",
        "check that it is complete, not expired and not revoked",
    ),
    HTTPStatus.FORBIDDEN: (
        ProviderPermissionError,
        "the token is not allowed to read this",
        "give it the read scope for this kind of resource",
    ),
    HTTPStatus.NOT_FOUND: (
        ProviderNotFoundError,
        "not found",
        "check the configured API URL",
    ),
    HTTPStatus.GONE: (
        ProviderFrozenError,
        "the vendor has removed this endpoint",
        "update costmon",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        ProviderTimeoutError,
        "the vendor timed out",
        "retried at the next poll",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        ProviderRateLimitError,
        "too many requests",
        "poll less often, or check what else uses this token",
    ),
}
_SERVER = (
    ProviderServerError,
    "the vendor had an internal error",
    "retried at the next poll; see the vendor's status page",
)
_OTHER = (
    ProviderSchemaError,
    "unexpected status",
    "check the configured API URL; the vendor may have changed its API",
)
