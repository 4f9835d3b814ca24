"""Deliver alerts to channels, each independently, without making the alerter wait.

Deliveries are kept in the database until a channel has taken them, so that an alert is delivered
after a restart too. A channel that knows the alert's id (`Idempotency-Key`) takes it once.

When many alerts come within a short time, a channel gets the first ones, and then one message for
all others. It takes their place in the database, too, before it is sent.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.alerts import storm
from costmon.alerts.alert import Alert, ChannelCounts, Severity
from costmon.errors import NotifyError, StoreError
from costmon.messages import DeliverAlert, MessengerMessage, Tick
from costmon.notifiers.base import Channel, RepeatingChannel

_RETRY_MIN_S, _RETRY_MAX_S = 2.0, 300.0
_WAITING_PER_CHANNEL = 500
_REMEMBERED_PER_CHANNEL = 1000


_STORE, _REPEAT = ":store", ":repeat"
"""Keys of timers that no channel's name can be."""
_REPEAT_EVERY_S = 60.0
_HEAD_AND_GROUP = 2
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

    def group(self, alert_ids: Sequence[str], channel: str, alert: Alert) -> None:
        """Let one alert take the place of several, in one step."""
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
        groups: Whether many alerts within a short time become one message.
        sent_at_s: When the newest messages were taken, monotonic.
        sent: Alerts that the channel has taken, by severity.
        failures: Tries that failed, by severity.
    """

    channel: Channel
    waiting: deque[Alert] = field(default_factory=lambda: deque(maxlen=_WAITING_PER_CHANNEL))
    delivered: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_PER_CHANNEL))
    ended: dict[str, str | None] = field(default_factory=dict)
    loaded: bool = False
    retry_s: float = _RETRY_MIN_S
    groups: bool = False
    sent_at_s: deque[float] = field(default_factory=lambda: deque(maxlen=storm.FREE))
    sent: Counter[Severity] = field(default_factory=Counter)
    failures: Counter[Severity] = field(default_factory=Counter)

    @property
    def counts(self) -> ChannelCounts:
        """Return what the channel has been told since the service started."""
        return ChannelCounts(self.channel.name, dict(self.sent), dict(self.failures))


class Messenger(SupervisedActor[MessengerMessage]):
    """Delivers every alert to every channel at least once."""

    def __init__(
        self,
        incarnation: Incarnation,
        outboxes: Sequence[Outbox],
        *,
        open_store: Callable[[], DeliveryStore],
        kept: Iterable[str] = (),
        open_alerts: Callable[[], Iterable[Alert]] = tuple,
    ) -> None:
        """Deliver nothing yet.

        Args:
            incarnation: Of the actor.
            outboxes: One for each channel.
            open_store: Opens the place where deliveries outlive the process.
            kept: Names of the channels whose deliveries are kept there.
            open_alerts: Returns what was told and is not over, for channels that forget.
        """
        super().__init__(incarnation)
        self._outboxes = {outbox.channel.name: outbox for outbox in outboxes}
        self._store = open_store()
        self._kept = frozenset(kept)
        self._open_alerts = open_alerts
        self._store_is_away = False

    def started(self) -> None:
        """Go on with what earlier incarnations, and earlier processes, could not deliver."""
        self._load()
        for name, outbox in self._outboxes.items():
            if outbox.waiting:
                self.timer.after(name, 0.0)
        if any(isinstance(it.channel, RepeatingChannel) for it in self._outboxes.values()):
            self.timer.every(_REPEAT, _REPEAT_EVERY_S, first_s=_REPEAT_EVERY_S)

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
            case Tick(key=key) if key == _REPEAT:
                self._repeat()
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
            if outbox.groups and not self._has_room(outbox):
                return
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
                outbox.sent_at_s.append(self.clock.monotonic_s())
            outbox.delivered.append(alert.id)
            outbox.waiting.popleft()
            outbox.retry_s = _RETRY_MIN_S
            if outbox.channel.name in self._kept:
                outbox.ended[alert.id] = refused
                self._note_ended(outbox)

    def _has_room(self, outbox: Outbox) -> bool:
        """Tell whether a message may be sent now; if many wait, make them one."""
        now_s = self.clock.monotonic_s()
        while outbox.sent_at_s and now_s - outbox.sent_at_s[0] >= storm.WINDOW_S:
            outbox.sent_at_s.popleft()
        room = storm.FREE - len(outbox.sent_at_s)
        if room == 0:
            self.timer.after(outbox.channel.name, storm.WINDOW_S - (now_s - outbox.sent_at_s[0]))
            return False
        if len(outbox.waiting) > max(room, _HEAD_AND_GROUP):
            self._group(outbox)
        return True

    def _group(self, outbox: Outbox) -> None:
        """Put one alert in the place of all that wait but the first.

        The channel may have taken the first, and its answer was lost with a process: under another
        id it would be told twice.
        """
        name, (first, *alerts) = outbox.channel.name, outbox.waiting
        alert_ids = [alert.id for alert in alerts]
        group = storm.grouped(alerts)
        if name in self._kept and not self._store_is_away:
            try:
                self._store.group(alert_ids, name, group)
            except StoreError as error:
                self._lost(error)
        if name in self._kept and self._store_is_away:
            outbox.ended |= dict.fromkeys(alert_ids)
        outbox.delivered.extend(alert_ids)
        outbox.waiting.clear()
        outbox.waiting.extend((first, group))
        self.log.info("messenger.alerts_grouped", channel=name, alerts=len(alerts))

    def _repeat(self) -> None:
        """Tell channels that forget what is still open."""
        alerts = tuple(self._open_alerts())
        for outbox in self._outboxes.values():
            if not isinstance(outbox.channel, RepeatingChannel):
                continue
            self.beat()
            try:
                outbox.channel.repeat(alerts)
            except NotifyError as error:
                self.log.warning(
                    "messenger.repeat_failed", channel=outbox.channel.name, error=str(error)
                )

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
        """Record in the database what is over; later if it is unavailable."""
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
