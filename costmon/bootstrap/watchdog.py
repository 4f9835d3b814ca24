"""Tell systemd that the service is ready, alive, or stopping, when systemd asked to be told."""

import socket

import structlog

_ABSTRACT = "@"


class Watchdog:
    """Sends the notifications of sd_notify(3); does nothing outside systemd.

    Args:
        address: `NOTIFY_SOCKET` as systemd set it; `None` or empty outside systemd.
    """

    def __init__(self, address: str | None) -> None:
        self._log = structlog.get_logger()
        self._address = None
        if address:
            # A leading @ stands for the abstract namespace, whose names begin with a zero byte.
            self._address = "\0" + address[1:] if address.startswith(_ABSTRACT) else address

    def ready(self) -> None:
        """Report that the service is ready."""
        self._notify("READY=1")

    def alive(self) -> None:
        """Report that the supervisor is alive; called from its scan, so a hang stops it."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._notify("STOPPING=1")

    def _notify(self, state: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
                notifier.sendto(state.encode(), self._address)
        except OSError as error:
            self._log.warning("bootstrap.notify_failed", state=state, error=str(error))
