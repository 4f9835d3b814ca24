"""What metered workers have reported to this service, as a dashboard reads it."""

import uuid

import structlog
from werkzeug.exceptions import ServiceUnavailable

from costmon.api.context import ApiContext
from costmon.errors import MailboxFullError
from costmon.intake.answer import RETRY_AFTER_S
from costmon.messages import SetRecording
from costmon.meter.figures import Snapshot
from costmon.meter.recording_control import Control
from costmon.state import meters

_log = structlog.get_logger("costmon.api")


class BoardSource:
    """Reads the published value; tells who keeps it, and waits for nothing."""

    def __init__(self, context: ApiContext) -> None:
        """Read from and tell through `context`."""
        self._context = context

    def services(self) -> tuple[Snapshot, ...]:
        """Return how each service stands, all its workers together."""
        return meters.services(self._context.meters.read(), self._context.clock.monotonic_s())

    def order(self, service: str, control: Control) -> None:
        """Let all workers of a service do this when they report next.

        Raises:
            SnapshotClosedError: The service is stopping: accepting would be a lie.
            ServiceUnavailable: Too much waits already.
        """
        self._context.snapshot.read()
        command = SetRecording(id=uuid.uuid4().hex, service=service, control=control)
        try:
            self._context.tell_meters(command)
        except MailboxFullError as error:
            _log.warning("api.command_refused", error=str(error))
            raise ServiceUnavailable(
                f"{error}; try again later.", retry_after=RETRY_AFTER_S
            ) from None
        _log.info("api.command_accepted", command=type(command).__name__, id=command.id)
