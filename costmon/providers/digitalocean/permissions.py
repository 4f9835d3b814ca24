"""Remember which kinds a token may see."""

from collections.abc import Callable
from typing import TypeVar

from costmon.domain.resource import Gap
from costmon.errors import ProviderPermissionError

V = TypeVar("V")


class Permissions:
    """What one poll could see: a kind that is refused is a gap, unless all are."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []
        self._seen = 0
        self._refusal: ProviderPermissionError | None = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return the kinds that were refused, in the order asked."""
        return tuple(self._gaps)

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

    def check(self) -> None:
        """Make sure that something could be seen.

        Raises:
            ProviderPermissionError: Every kind was refused.
        """
        if self._refusal is not None and not self._seen:
            raise self._refusal
