"""What a channel is."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from costmon.alerts.alert import Alert


class Channel(Protocol):
    """One place where alerts are sent.

    `send` must return within its own timeout, must not retry by itself and must be safe to call
    again with the same alert: delivery is at least once, `alert.id` names repeats.
    """

    @property
    def name(self) -> str:
        """Return the name that logs and metrics use."""
        ...

    def send(self, alert: Alert) -> None:
        """Tell the alert.

        Raises:
            NotifyError: The channel did not take it; the messenger tries again later.
        """
        ...


@runtime_checkable
class RepeatingChannel(Protocol):
    """A channel that forgets what is open unless it is told again and again."""

    def repeat(self, alerts: Iterable[Alert]) -> None:
        """Tell all that is open.

        Raises:
            NotifyError: The channel did not take it; it is told again the next time anyway.
        """
        ...


def seconds_of(retry_after: str | None) -> float | None:
    """Return how long `Retry-After` asks to wait; `None` without it, or when it is a date."""
    wait = retry_after or ""
    return float(wait) if wait.isascii() and wait.isdecimal() else None
