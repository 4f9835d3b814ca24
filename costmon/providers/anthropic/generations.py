"""Choose between the two generations of the API, and say what a key lacks that may read neither."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderPlanError,
)

SLUG = "anthropic"

_NOT_AVAILABLE = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
}
"""What a key that may not read analytics is answered, or an organization without them."""
REFUSED = {*_NOT_AVAILABLE, HTTPStatus.UNAUTHORIZED}
_HINT = (
    "use a key with the scope read:analytics, or an admin key (sk-ant-admin...); an individual "
    "account has no such keys, only an organization"
)
_ENVELOPE = b'"not_found_error"'

T = TypeVar("T")


class Generations:
    """Reads analytics, or the older report when this key may not; for one reading."""

    def __init__(self) -> None:
        """Try analytics first."""
        self.refusal: ProviderError | None = None

    def read(self, analytics: Callable[[], T] | None, report: Callable[[], T]) -> T:
        """Return what one of them says.

        Args:
            analytics: Reads analytics; `None` for a time that they do not have.
            report: Reads the report.

        Raises:
            ProviderError: Neither can be read; or a fault that is not a refusal.
        """
        if analytics is not None and self.refusal is None:
            try:
                return analytics()
            except ProviderError as error:
                refused = error
            if refused.status not in _NOT_AVAILABLE:
                raise _explained(refused)
            self.refusal = refused
        try:
            return report()
        except ProviderError as error:
            failed = error
        raise _of_both(self.refusal, failed)


def _of_both(refusal: ProviderError | None, failed: ProviderError) -> ProviderError:
    """Return one error for an account of which neither generation can be read."""
    if refusal is None or failed.status not in REFUSED:
        return _explained(failed)
    told_more = refusal.status in {HTTPStatus.FORBIDDEN, HTTPStatus.GONE}
    first, second = (refusal, failed) if told_more else (failed, refusal)
    nothing = isinstance(refusal, ProviderNotFoundError) and isinstance(
        failed, ProviderNotFoundError
    )
    plan = nothing and _ENVELOPE in refusal.answer and _ENVELOPE in failed.answer
    return _explained(
        first,
        kind=ProviderPlanError if plan else type(first),
        detail=f"{first.detail}; {SLUG}: {second.endpoint}: {second.detail}",
    )


def _explained(
    error: ProviderError, *, kind: type[ProviderError] | None = None, detail: str | None = None
) -> ProviderError:
    """Return an error that says which key is needed, when that is the fault."""
    kind = kind or type(error)
    ours = issubclass(kind, ProviderAuthError | ProviderPermissionError | ProviderPlanError)
    return error.explained(kind, detail=detail, hint=_HINT if ours else None)
