"""What else is done when a circuit opens: a signed webhook, or a command without a shell.

Actions are channels that look at one event only, so that the outbox keeps what is to be done
across restarts. An action may be repeated after a crash: what it starts must bear that.
"""

import datetime as dt
import os
from collections.abc import Sequence

import structlog

from costmon import program
from costmon.alerts.alert import Alert
from costmon.clock import Clock
from costmon.config.actions import ActionSettings
from costmon.domain.scope import GLOBAL, covers
from costmon.errors import NotifyError
from costmon.notifiers.base import Channel
from costmon.notifiers.webhook import WebhookChannel
from costmon.sender import Sender

OPENED = "alerter.circuit_opened"
_FACTS = ("scope", "reason", "author", "expires_at")


def actions(settings: Sequence[ActionSettings], sender: Sender, clock: Clock) -> list[Channel]:
    """Return the actions as channels, in the order of the settings."""
    return [ActionChannel(one, sender, clock) for one in settings]


class ActionChannel:
    """Does one thing for each circuit that opens; a dry run only logs what it would do.

    Args:
        settings: What to do.
        sender: The HTTP client.
        clock: Tells the time.
    """

    def __init__(self, settings: ActionSettings, sender: Sender, clock: Clock) -> None:
        self._entry = settings.entry
        self._clock = clock
        self._webhook: WebhookChannel | None = None
        if settings.url is not None and settings.secret is not None:
            self._webhook = WebhookChannel(
                self.name, settings.url.reveal(), settings.secret.reveal(), sender, clock
            )
        self._log = structlog.get_logger("costmon.notifiers")

    @property
    def name(self) -> str:
        """Return what logs and metrics call it."""
        return f"action-{self._entry.name}"

    def send(self, alert: Alert) -> None:
        """Do it if the alert is of a circuit in its scope that has opened.

        Raises:
            NotifyError: The receiver did not answer 2xx, or the command failed.
        """
        scope = str(alert.facts.get("scope", ""))
        # A circuit that is still open is told again, and is nothing new.
        has_opened = (alert.event, alert.state) == (OPENED, "opened")
        if not has_opened or not (self._entry.scope == GLOBAL or self._covers(scope)):
            return
        facts = {"action": self._entry.name, "scope": scope, "alert_id": alert.id}
        if self._has_expired(alert):
            self._log.warning("action.skipped", reason="the circuit has expired", **facts)
        elif self._entry.is_dry_run:
            what = "webhook" if self._webhook else self._entry.argv[0]
            self._log.info("action.dry_run", would_run=what, **facts)
        elif self._webhook is not None:
            self._webhook.send(alert)
            self._log.info("action.done", **facts)
        else:
            self._run(alert)
            self._log.info("action.done", **facts)

    def _covers(self, scope: str) -> bool:
        return covers(self._entry.scope, scope) > 0

    def _has_expired(self, alert: Alert) -> bool:
        expires_at = alert.facts.get("expires_at")
        if not isinstance(expires_at, str):
            return False
        return dt.datetime.fromisoformat(expires_at) <= self._clock.now()

    def _run(self, alert: Alert) -> None:
        # Nothing of this process's environment, which has tokens.
        environ = {"PATH": os.defpath, "COSTMON_ALERT_ID": alert.id} | {
            f"COSTMON_CIRCUIT_{key.upper()}": str(alert.facts.get(key) or "").replace("\0", "")
            for key in _FACTS
        }
        try:
            finished = program.run(
                self._entry.argv, timeout_s=self._entry.timeout_s, environ=environ
            )
        except program.ProgramError as error:
            raise NotifyError(self.name, f"the command {error}") from None
        if finished.code:
            raise NotifyError(self.name, f"the command ended with exit code {finished.code}")
