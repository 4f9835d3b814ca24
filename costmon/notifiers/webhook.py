"""Webhooks: each alert as JSON to a URL of the user's, signed.

The receiver checks `X-Costmon-Signature`: `sha256=` and the hex HMAC-SHA-256, by the shared secret,
of the header `X-Costmon-Timestamp`, a full stop and the body. `Idempotency-Key` is the alert's id:
a receiver that has seen it answers 2xx and does nothing.
"""

import hashlib
import hmac

from costmon.alerts.alert import Alert
from costmon.clock import Clock
from costmon.errors import NotifyError
from costmon.notifiers.base import seconds_of
from costmon.sender import Sender, SendError

_GOOD = range(200, 300)
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})


class WebhookChannel:
    """Posts each alert as one JSON object.

    Args:
        name: What logs, metrics and `costmon notify test` call it.
        url: Where to; it counts as a secret.
        secret: What the signature is made with; `None`: alerts are not signed.
        sender: The HTTP client.
        clock: Tells the time.
    """

    def __init__(
        self, name: str, url: str, secret: str | None, sender: Sender, clock: Clock
    ) -> None:
        self._name = name
        self._url = url
        self._secret = secret
        self._sender = sender
        self._clock = clock

    @property
    def name(self) -> str:
        """Return what logs, metrics and `costmon notify test` call it."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            NotifyError: The receiver did not answer 2xx.
        """
        body = alert.to_text().encode()
        try:
            answer = self._sender.post(self._url, body, self._headers(alert, body))
        except SendError as error:
            raise NotifyError(self.name, str(error)) from None
        if answer.status not in _GOOD:
            raise NotifyError(
                self.name,
                f"the receiver answered {answer.status}",
                retry_after_s=seconds_of(answer.retry_after),
                is_final=answer.status in _FINAL,
            )

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            # Header values are Latin-1: a scope may hold anything.
            "Idempotency-Key": alert.id.encode("ascii", "backslashreplace").decode(),
        }
        if self._secret is not None:
            timestamp = f"{self._clock.now().timestamp():.0f}"
            signed = timestamp.encode() + b"." + body
            digest = hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
            headers |= {
                "X-Costmon-Timestamp": timestamp,
                "X-Costmon-Signature": f"sha256={digest}",
            }
        return headers
