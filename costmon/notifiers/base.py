"""What a channel is."""

from typing import Protocol

from costmon.alerts.alert import Alert


class Channel(Protocol):
    """One place where people hear of alerts.

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
