"""Deliver alerts to channels, each at its own pace, never making the alerter wait."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.alerts.alert import Alert
from costmon.errors import NotifyError
from costmon.messages import DeliverAlert, MessengerMessage, Tick
from costmon.notifiers.base import Channel

_RETRY_MIN_S, _RETRY_MAX_S = 2.0, 300.0
_WAITING_PER_CHANNEL = 500
_REMEMBERED_PER_CHANNEL = 1000


@dataclass(slots=True)
class Outbox:
    """What one channel still has to tell; owned by the name, so it outlives an incarnation.

    Attributes:
        channel: Where to.
        waiting: Alerts not delivered yet, oldest first.
        delivered: Ids of the newest delivered alerts: a repeat is not told again.
        retry_s: Seconds to the next try after a failure.
    """

    channel: Channel
    waiting: deque[Alert] = field(default_factory=lambda: deque(maxlen=_WAITING_PER_CHANNEL))
    delivered: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_PER_CHANNEL))
    retry_s: float = _RETRY_MIN_S


class Messenger(SupervisedActor[MessengerMessage]):
    """Tells every alert to every channel at least once."""

    def __init__(self, incarnation: Incarnation, outboxes: Sequence[Outbox]) -> None:
        super().__init__(incarnation)
        self._outboxes = {outbox.channel.name: outbox for outbox in outboxes}

    def started(self) -> None:
        """Go on with what an earlier incarnation could not deliver."""
        for name, outbox in self._outboxes.items():
            if outbox.waiting:
                self.timer.after(name, 0.0)

    def handle(self, message: MessengerMessage) -> None:
        """Deliver a new alert, or try again."""
        match message:
            case DeliverAlert(alert=alert):
                for outbox in self._outboxes.values():
                    self._enqueue(outbox, alert)
                    self._deliver(outbox)
            case Tick(key=name):
                self._deliver(self._outboxes[name])
            case _:
                assert_never(message)

    def _enqueue(self, outbox: Outbox, alert: Alert) -> None:
        known = alert.id in outbox.delivered or any(alert.id == a.id for a in outbox.waiting)
        if known:
            return
        if len(outbox.waiting) == outbox.waiting.maxlen:
            self.log.error(
                "messenger.alert_dropped",
                channel=outbox.channel.name,
                alert_id=outbox.waiting[0].id,
                hint="the channel has failed for too long; the oldest waiting alert was dropped",
            )
        outbox.waiting.append(alert)

    def _deliver(self, outbox: Outbox) -> None:
        while outbox.waiting:
            self.beat()
            alert = outbox.waiting[0]
            try:
                outbox.channel.send(alert)
            except NotifyError as error:
                self.log.warning(
                    "messenger.delivery_failed",
                    channel=outbox.channel.name,
                    error=str(error),
                    retry_s=outbox.retry_s,
                )
                self.timer.after(outbox.channel.name, outbox.retry_s)
                outbox.retry_s = min(outbox.retry_s * 2, _RETRY_MAX_S)
                return
            outbox.delivered.append(alert.id)
            outbox.waiting.popleft()
            outbox.retry_s = _RETRY_MIN_S
