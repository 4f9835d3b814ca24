"""Deliver alerts to channels, each at its own pace, never making the alerter wait.

Deliveries are kept in the database until a channel has taken them, so that an alert is delivered
after a restart too. A channel that knows the alert's id (`Idempotency-Key`) takes it once.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.alerts.alert import Alert, ChannelCounts, Severity
from costmon.errors import NotifyError, StoreError
from costmon.messages import DeliverAlert, MessengerMessage, Tick
from costmon.notifiers.base import Channel

_RETRY_MIN_S, _RETRY_MAX_S = 2.0, 300.0
_WAITING_PER_CHANNEL = 500
_REMEMBERED_PER_CHANNEL = 1000


_STORE = "store"
_STORE_AGAIN_S = 5.0


class Delivery(Protocol):
    """An alert for a channel, as the database has it."""

    @property
    def channel(self) -> str:
        """Return the channel's name."""
        ...

    @property
    def alert(self) -> Alert:
        """Return what to tell."""
        ...


class DeliveryStore(Protocol):
    """Where deliveries outlive the process."""

    def load(self) -> Iterable[Delivery]:
        """Return what channels have not taken yet, oldest first."""
        ...

    def end(self, alert_id: str, channel: str, error: str | None) -> None:
        """Note that a channel has taken an alert, or that it never will."""
        ...


@dataclass(slots=True)
class Outbox:
    """What one channel still has to tell; owned by the name, so it outlives an incarnation.

    Attributes:
        channel: Where to.
        waiting: Alerts not delivered yet, oldest first.
        delivered: Ids of the newest delivered alerts: a repeat is not told again.
        ended: Deliveries that are over and that the database does not know of yet: the alert's id,
            and why the channel refused it for good, if it did.
        loaded: Whether all that waits in the database is in `waiting`.
        retry_s: Seconds to the next try after a failure.
        sent: Alerts that the channel has taken, by severity.
        failures: Tries that failed, by severity.
    """

    channel: Channel
    waiting: deque[Alert] = field(default_factory=lambda: deque(maxlen=_WAITING_PER_CHANNEL))
    delivered: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_PER_CHANNEL))
    ended: dict[str, str | None] = field(default_factory=dict)
    loaded: bool = False
    retry_s: float = _RETRY_MIN_S
    sent: Counter[Severity] = field(default_factory=Counter)
    failures: Counter[Severity] = field(default_factory=Counter)

    @property
    def counts(self) -> ChannelCounts:
        """Return what the channel has been told since the service started."""
        return ChannelCounts(self.channel.name, dict(self.sent), dict(self.failures))


class Messenger(SupervisedActor[MessengerMessage]):
    """Tells every alert to every channel at least once."""

    def __init__(
        self,
        incarnation: Incarnation,
        outboxes: Sequence[Outbox],
        *,
        open_store: Callable[[], DeliveryStore],
        kept: Iterable[str] = (),
    ) -> None:
        """Deliver nothing yet.

        Args:
            incarnation: Of the actor.
            outboxes: One for each channel.
            open_store: Opens the place where deliveries outlive the process.
            kept: Names of the channels whose deliveries are kept there.
        """
        super().__init__(incarnation)
        self._outboxes = {outbox.channel.name: outbox for outbox in outboxes}
        self._store = open_store()
        self._kept = frozenset(kept)
        self._store_is_away = False

    def started(self) -> None:
        """Go on with what earlier incarnations, and earlier processes, could not deliver."""
        self._load()
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
            case Tick(key=key) if key == _STORE:
                self._store_is_away = False
                self._load()
                for outbox in self._outboxes.values():
                    self._note_ended(outbox)
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
            if outbox.channel.name in self._kept:
                outbox.loaded = False  # it waits in the database, and is loaded when there is room
                return
            self.log.error(
                "messenger.alert_dropped",
                channel=outbox.channel.name,
                alert_id=outbox.waiting[0].id,
                hint="the channel has failed for too long; the oldest waiting alert was dropped",
            )
        outbox.waiting.append(alert)

    def _deliver(self, outbox: Outbox) -> None:
        while outbox.waiting or self._has_more(outbox):
            self.beat()
            alert = outbox.waiting[0]
            refused: str | None = None
            try:
                outbox.channel.send(alert)
            except NotifyError as error:
                outbox.failures[alert.severity] += 1
                if not error.is_final:
                    self._try_again(outbox, error)
                    return
                refused = str(error)
                self.log.error(
                    "messenger.alert_refused",
                    channel=outbox.channel.name,
                    alert_id=alert.id,
                    error=refused,
                    hint="it is not tried again; correct the channel's settings and run "
                    f"`costmon notify test {outbox.channel.name}`",
                )
            else:
                outbox.sent[alert.severity] += 1
            outbox.delivered.append(alert.id)
            outbox.waiting.popleft()
            outbox.retry_s = _RETRY_MIN_S
            if outbox.channel.name in self._kept:
                outbox.ended[alert.id] = refused
                self._note_ended(outbox)

    def _try_again(self, outbox: Outbox, error: NotifyError) -> None:
        wait_s = max(outbox.retry_s, min(error.retry_after_s or 0.0, _RETRY_MAX_S))
        self.log.warning(
            "messenger.delivery_failed",
            channel=outbox.channel.name,
            error=str(error),
            retry_s=wait_s,
        )
        self.timer.after(outbox.channel.name, wait_s)
        outbox.retry_s = min(outbox.retry_s * 2, _RETRY_MAX_S)

    def _has_more(self, outbox: Outbox) -> bool:
        """Load what found no room before; tell whether there is something to deliver."""
        if self._is_unread(outbox) and not self._store_is_away:
            self._load()
        return bool(outbox.waiting)

    def _load(self) -> None:
        """Take over what waits in the database, as far as there is room."""
        unread = [one for one in self._outboxes.values() if self._is_unread(one)]
        if not unread:
            return
        try:
            deliveries = tuple(self._store.load())
        except StoreError as error:
            self._lost(error)
            return
        for outbox in unread:
            outbox.loaded = True
            for delivery in deliveries:
                if delivery.channel == outbox.channel.name:
                    self._enqueue(outbox, delivery.alert)

    def _is_unread(self, outbox: Outbox) -> bool:
        return outbox.channel.name in self._kept and not outbox.loaded

    def _note_ended(self, outbox: Outbox) -> None:
        """Tell the database what is over; later when it is away."""
        if self._store_is_away:
            return
        try:
            for alert_id, error in tuple(outbox.ended.items()):
                self._store.end(alert_id, outbox.channel.name, error)
                outbox.ended.pop(alert_id, None)
        except StoreError as error:
            self._lost(error)

    def _lost(self, error: StoreError) -> None:
        self._store_is_away = True
        self.log.warning("messenger.deliveries_not_saved", error=str(error))
        self.timer.after(_STORE, _STORE_AGAIN_S)
