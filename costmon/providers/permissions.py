"""Remember what one poll could see: which kinds a token may not read, and which failed."""

from collections.abc import Callable
from typing import TypeVar

from costmon.domain.resource import Gap, KindFailure
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderPermissionError,
    ProviderRateLimitError,
)

V = TypeVar("V")

_WHOLE_ACCOUNT = (ProviderAuthError, ProviderRateLimitError)
"""What is about the token and not about a kind: asking for the next kind would not help."""
_UNREACHABLE = frozenset({"timeout", "network"})
_MOST_UNREACHABLE = 2
"""So many kinds in a row without an answer, each tried several times: the vendor is away."""


class Permissions:
    """What one poll could see: a kind that is refused is a gap, one that fails is named."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []
        self._failed: list[KindFailure] = []
        self._error: ProviderError | None = None
        self._unreachable = 0
        self._seen = 0
        self._kinds_read = 0
        self._refusal: ProviderPermissionError | None = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return the kinds that were refused, in the order asked."""
        return tuple(self._gaps)

    @property
    def failed(self) -> tuple[KindFailure, ...]:
        """Return the kinds that could not be read, in the order asked."""
        return tuple(self._failed)

    def of(self, kind: str, scope: str, read: Callable[[], V], unseen: V) -> V:
        """Return what `read` returns, or `unseen` and a gap when the token lacks `scope`.

        Raises:
            ProviderError: Anything but a refusal of this kind.
        """
        try:
            found = read()
        except ProviderPermissionError as refusal:
            self._refusal = refusal
            self._gaps.append(Gap(kind=kind, reason=f"not visible with this token (needs {scope})"))
            return unseen
        self._seen += 1
        return found

    def attempt(self, kind: str, read: Callable[[], V], unread: V, *, is_kind: bool = True) -> V:
        """Return what `read` returns, or `unread` and a failed kind when it cannot be read.

        Args:
            kind: The vendor's noun.
            read: Reads all of the kind, by `of`.
            unread: What to return when it fails.
            is_kind: Whether it is one of the kinds of which one must be readable.

        Raises:
            ProviderAuthError: The token is refused: nothing else can be read either.
            ProviderRateLimitError: The vendor wants no further request.
        """
        before = self._seen
        if self._error is not None and self._unreachable >= _MOST_UNREACHABLE:
            self._fail(kind, self._error)
            return unread
        try:
            found = read()
        except _WHOLE_ACCOUNT:
            raise
        except ProviderError as error:
            self._error = self._error or error
            self._unreachable = self._unreachable + 1 if error.reason in _UNREACHABLE else 0
            self._fail(kind, error)
            return unread
        self._unreachable = 0
        self._kinds_read += is_kind and self._seen > before
        return found

    def kind(self, kind: str, scope: str, read: Callable[[], V], unseen: V) -> V:
        """Return what `read` returns; `unseen` when the kind is refused or cannot be read.

        Raises:
            ProviderAuthError: As `attempt`.
            ProviderRateLimitError: As `attempt`.
        """
        return self.attempt(kind, lambda: self.of(kind, scope, read, unseen), unseen)

    def check(self) -> None:
        """Make sure that something could be seen.

        Raises:
            ProviderError: No kind could be read: the first error.
            ProviderPermissionError: Every kind was refused.
        """
        if self._error is not None and not self._kinds_read:
            raise self._error
        if self._refusal is not None and not self._seen:
            raise self._refusal

    def _fail(self, kind: str, error: ProviderError) -> None:
        self._failed.append(KindFailure(kind=kind, reason=error.reason, message=str(error)))
