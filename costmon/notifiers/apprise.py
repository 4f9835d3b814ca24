"""Apprise: each alert by one of the services that Apprise knows, named by a URL.

Source: https://appriseit.com/services/
Needs: the package `apprise` (`costmon[apprise]`), and what the service needs in its URL.
"""

from typing import Any

from costmon.alerts.alert import Alert, Severity
from costmon.errors import MissingPackageError, NotifyError

_TYPES: dict[Severity, str] = {"info": "info", "warning": "warning", "critical": "failure"}


class AppriseChannel:
    """Sends each alert by Apprise.

    Apprise tells whether a message was taken and not why it was refused: every refusal is tried
    again. The reason is in the log, written by Apprise.

    Args:
        name: What logs, metrics and `costmon notify test` call it.
        url: Names the service and holds its credentials; it is a secret.

    Raises:
        MissingPackageError: The package is not installed.
    """

    def __init__(self, name: str, url: str) -> None:
        try:
            import apprise
        except ImportError:
            raise MissingPackageError(
                f"channel {name} needs the package apprise: pip install 'costmon[apprise]', or "
                "`make setup WITH=apprise` in a checkout"
            ) from None
        self._name = name
        self._service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)

    @property
    def name(self) -> str:
        """Return what logs, metrics and `costmon notify test` call it."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            NotifyError: The service did not take it, or the URL names none that Apprise knows.
        """
        if self._service is None:
            raise NotifyError(
                self.name, "its URL is not one that Apprise understands", is_final=True
            )
        title = f"{_TITLES[alert.state]}{alert.title}"
        kind = "success" if alert.state == "resolved" else _TYPES[alert.severity]
        if not self._service.notify(body=alert.text, title=title, notify_type=kind):
            raise NotifyError(self.name, "Apprise could not deliver it")


_TITLES = {"opened": "", "escalated": "", "repeated": "", "resolved": "Resolved: "}
