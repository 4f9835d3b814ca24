"""Pass messages from outside to the actors, and limit their number."""

import dataclasses
import threading
from collections.abc import Mapping

import structlog

from costmon.actors.address import Address
from costmon.bootstrap.tree import (
    ALERTER,
    METERS,
    METERS_REPORTS,
    POLICY,
    POLICY_REPORTS,
    poller_name,
)
from costmon.clock import Clock
from costmon.domain.poll import ReadingKind
from costmon.errors import MailboxFullError
from costmon.messages import (
    AlertDecision,
    GuardCommand,
    GuardReported,
    MeterReported,
    RefreshRequested,
    SetRecording,
)

_BILLING: tuple[ReadingKind, ...] = ("charges", "usage")
_BILLING_REFRESH_S = 60.0
_TELL_AGAIN_S = 60.0


class Dispatcher:
    """Passes messages from the API, the sockets and the console to the actors.

    Args:
        addresses: Every actor by its full name.
        readings: What is read of each account that is polled, by the account's name.
        clock: Tells the time.
    """

    def __init__(
        self,
        addresses: Mapping[str, Address],
        readings: Mapping[str, frozenset[ReadingKind]],
        *,
        clock: Clock,
    ) -> None:
        self._log = structlog.get_logger()
        self._addresses = addresses
        self._readings = readings
        self._clock = clock
        self._refreshing = threading.Lock()
        self._billing_refreshed_s: float | None = None
        self._drop_told_s: float | None = None

    def refresh(self, message: RefreshRequested) -> tuple[ReadingKind, ...]:
        """Ask every poller for a poll now; billing APIs are asked at most once a minute.

        Returns:
            The readings that were not asked for, because they were less than a minute ago.
        """
        held_back = self._held_back()
        wanted = tuple(reading for reading in message.readings if reading not in held_back)
        for account in self._readings:
            self._addresses[poller_name(account)].tell(
                dataclasses.replace(message, readings=wanted)
            )
        return tuple(reading for reading in message.readings if reading in held_back)

    def _held_back(self) -> tuple[ReadingKind, ...]:
        with self._refreshing:
            now_s = self._clock.monotonic_s()
            last_s = self._billing_refreshed_s
            if last_s is not None and now_s - last_s < _BILLING_REFRESH_S:
                offered = frozenset[ReadingKind]().union(*self._readings.values())
                return tuple(reading for reading in _BILLING if reading in offered)
            self._billing_refreshed_s = now_s
            return ()

    def tell_policy(self, message: GuardReported | GuardCommand) -> None:
        """Hand over what a guard reports, or what somebody decides about guards.

        A report that finds too many waiting is dropped: its guard sends the rows again.
        """
        policy = self._addresses[POLICY]
        if isinstance(message, GuardReported) and policy.waiting >= POLICY_REPORTS:
            now_s = self._clock.monotonic_s()
            if self._drop_told_s is None or now_s - self._drop_told_s >= _TELL_AGAIN_S:
                self._drop_told_s = now_s
                self._log.warning(
                    "bootstrap.report_dropped",
                    guard=message.report.guard,
                    hint="too many wait; their guards send them again. Others are not logged for a "
                    "minute",
                )
            return
        policy.tell(message)

    def tell_alerter(self, message: AlertDecision) -> None:
        """Hand over what somebody decides about an alert.

        Raises:
            MailboxFullError: Too many messages wait.
        """
        self._addresses[ALERTER].tell(message)

    def tell_meters(self, message: MeterReported | SetRecording) -> None:
        """Hand over what a metered worker reports, or what somebody wants of a recording.

        Raises:
            MailboxFullError: Too many reports wait; the worker is to send it again.
        """
        meters = self._addresses[METERS]
        if isinstance(message, MeterReported) and meters.waiting >= METERS_REPORTS:
            raise MailboxFullError(METERS)
        meters.tell(message)
