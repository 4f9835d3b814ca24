"""Ask the management API, decode its answers, and remember what could not be seen."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

from costmon.domain.resource import Gap, KindFailure
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderServerError,
)
from costmon.outbound import Outbound
from costmon.providers.reading import Answers, schema_fault
from costmon.providers.supabase.answers import QueryAnswer, Rows, Scalar, Statistics

SLUG = "supabase"
_MOST = 1_000_000_000
_MOST_TEXT = 1_000

T = TypeVar("T")


class Api(Answers):
    """The management API, through one client."""

    def __init__(self, outbound: Outbound) -> None:
        super().__init__(SLUG, outbound)

    def statistics(self, ref: str, name: str, **params: str) -> list[dict[str, object]]:
        """Return the rows of an endpoint of analytics.

        Raises:
            ProviderServerError: It answered 200 with an error.
            ProviderError: It could not be fetched, or is not what the API documents.
        """
        path = f"/v1/projects/{quoted(ref)}/analytics/endpoints/{name}"
        answer = self.read(path, Statistics, params)
        if answer.error is not None:
            raise ProviderServerError(
                provider=SLUG,
                endpoint=f"GET {path}",
                detail="the vendor answered 200 with an error",
                hint="it is tried again at the next poll; see the vendor's status page",
                status=200,
            )
        if answer.result is None:
            raise self.fault(path, "neither a result nor an error", "$.result")
        return answer.result

    def query(self, ref: str, sql: str) -> list[dict[str, Scalar]]:
        """Return the rows of a query by the database's read-only role.

        Raises:
            ProviderError: As `statistics`.
        """
        answer = self.post(query_path(ref), json.dumps({"query": sql}).encode(), QueryAnswer)
        return answer.result if isinstance(answer, Rows) else answer


class Sight:
    """What one read could see, and why it could not see the rest."""

    def __init__(self) -> None:
        self._gaps: dict[Gap, None] = {}
        self._failures: dict[str, KindFailure] = {}
        self._errors: dict[str, ProviderError] = {}
        self._first: ProviderError | None = None
        self._seen = 0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what may not be seen, each once, in the order asked."""
        return tuple(self._gaps)

    @property
    def failures(self) -> tuple[KindFailure, ...]:
        """Return the kinds that could not be read this time."""
        return tuple(self._failures.values())

    def gap(self, kind: str, reason: str) -> None:
        """Note that `kind` is not seen."""
        self._gaps[Gap(kind=kind, reason=reason)] = None

    def of(
        self,
        kinds: tuple[str, ...],
        read: Callable[[], T],
        *,
        scope: str,
        dependent: tuple[str, ...] = (),
        absent: str | None = None,
        project: str | None = None,
    ) -> T | None:
        """Return what `read` returns; `None` when it cannot be read, and the reason is kept.

        A kind that has failed is not asked for again: the vendor is slow or broken just now.

        Args:
            kinds: What it is about.
            read: Asks the vendor.
            scope: What the token needs.
            dependent: Kinds that are not known either when it fails, and are no gap when it may not
                be seen.
            absent: What a 404 means; `None`: it is a failure.
            project: The project's name, when it is about one.

        Raises:
            ProviderAuthError: The token is not accepted.
        """
        if any(kind in self._failures for kind in kinds):
            return None
        subject = "" if project is None else f"{project}: "
        try:
            found = read()
        except ProviderAuthError:
            raise
        except ProviderPermissionError as error:
            reason = f"{subject}not visible with this token (needs {scope})"
            self._not_seen(kinds, reason, error)
            return None
        except ProviderNotFoundError as error:
            if absent is None:
                self._failed((*kinds, *dependent), error)
            else:
                self._not_seen(kinds, f"{subject}{absent}", error)
            return None
        except ProviderError as error:
            self._failed((*kinds, *dependent), error)
            return None
        self._seen += 1
        return found

    def require(self, *kinds: str) -> None:
        """Raise what kept one of the kinds from being read, unless that is a gap.

        Raises:
            ProviderError: The first such error.
        """
        for kind in kinds:
            if kind in self._errors:
                raise self._errors[kind]

    def check(self) -> None:
        """Make sure that something could be seen.

        Raises:
            ProviderError: Nothing could; the first error.
        """
        if self._first is not None and not self._seen:
            raise self._first

    def _not_seen(self, kinds: tuple[str, ...], reason: str, error: ProviderError) -> None:
        self._first = self._first or error
        for kind in kinds:
            self.gap(kind, reason)

    def _failed(self, kinds: tuple[str, ...], error: ProviderError) -> None:
        self._first = self._first or error
        for kind in kinds:
            self._errors[kind] = error
            self._failures[kind] = KindFailure(kind=kind, reason=error.reason, message=str(error))


def quoted(part: str) -> str:
    """Return one part of a path."""
    return quote(part, safe="")


def query_path(ref: str) -> str:
    """Return where a project's database is asked."""
    return f"/v1/projects/{quoted(ref)}/database/query/read-only"


def text(value: str) -> str:
    """Return a name as it is, shortened when it is absurdly long, without NUL."""
    if len(value) > _MOST_TEXT:
        value = value[:_MOST_TEXT] + "…"
    return value.replace("\x00", "\ufffd")


def checked(
    amount: Decimal, path: str, where: str, *, most: int = _MOST, method: str = "GET"
) -> Decimal:
    """Return a number that can be calculated with.

    Raises:
        ProviderSchemaError: It is negative, not finite, or larger than `most`.
    """
    if amount.is_finite() and 0 <= amount <= most:
        return amount
    raise schema_fault(SLUG, path, f"expected a number from 0 to {most}", where, method=method)
