"""Report to a costmon service: send changed rows, and receive its control messages."""

from pathlib import Path

from costmon.clock import EpochClock
from costmon.meter.figures import Snapshot
from costmon.meter.log import log
from costmon.meter.recording_control import Control
from costmon.meter.reporting.changed_rows import ChangedRows
from costmon.meter.reporting.service_line import LineError, ServiceLine
from costmon.meter.reporting.wire import RowTexts, encode, parts

_FIRST_PAUSE_S = 1.0
_LAST_PAUSE_S = 30.0
_QUIET_S = 5.0
"""The longest time without a message, so that the service knows that the process is alive."""

_ROUNDS = 3


class Delivery:
    """Reports of one process to one service; for one thread, except `forget`."""

    def __init__(self, path: Path, clock: EpochClock, texts: RowTexts) -> None:
        self._texts = texts
        self._clock = clock
        self._line = ServiceLine(path, clock)
        self._changed_rows = ChangedRows()
        self._closed_until_s = self._quiet_until_s = float("-inf")
        self._pause_s = _FIRST_PAUSE_S
        self._is_lost = False
        self._sent_state: tuple[str, bool] | None = None
        self._gone_from: tuple[str, float] | None = None
        self.is_known = False

    def hand_in(self, snapshot: Snapshot, *, is_final: bool) -> Control | None:
        """Send changed rows, if the service is reachable; return its control message, if any.

        Args:
            snapshot: The snapshot of this process.
            is_final: Whether it is the last one.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._closed_until_s and not is_final:
            return None
        if self._gone_from == (snapshot.recording, snapshot.started_at):
            return None
        if not self._line.is_there():
            self._line.forget()
            self._closed_until_s = now_s + _FIRST_PAUSE_S
            return None
        try:
            control = self._sent(snapshot, now_s, is_final=is_final)
        except LineError as error:
            self._missed(error, now_s)
            return None
        self._worked()
        return control

    def forget(self) -> None:
        """Close our copy of the parent's connection, in a forked child."""
        self._line.forget()

    def _sent(self, snapshot: Snapshot, now_s: float, *, is_final: bool) -> Control | None:
        """Send changed rows; again if the service turns out to have restarted."""
        wanted: Control | None = None
        for _ in range(_ROUNDS):
            due = self._changed_rows.due(snapshot)
            # Confirm a stop at once: the user who requested it is waiting.
            recording = snapshot.recording, snapshot.is_recording
            is_quiet = now_s < self._quiet_until_s and recording == self._sent_state
            if not due and is_quiet and not is_final:
                return wanted
            has_restarted = False
            # The final message has no rows; it is sent when the service has all of them.
            bare = parts(snapshot, ()) if is_final and not due else ()
            for part in bare or parts(snapshot, due, texts=self._texts):
                number = self._changed_rows.next_part()
                response = self._line.send(number, encode(part, self._texts), is_final=bool(bare))
                wanted = response.control or wanted
                if response.is_gone:
                    self._gone(snapshot)
                    return wanted
                has_restarted = self._changed_rows.note_epoch(response.epoch) or has_restarted
                self._changed_rows.accepted(part)
            self._quiet_until_s, self._sent_state = now_s + _QUIET_S, recording
            if not has_restarted and (bare or not is_final):
                break
        return wanted

    def _gone(self, snapshot: Snapshot) -> None:
        self._gone_from = snapshot.recording, snapshot.started_at
        log().warning(
            "the costmon service considers process %d ended, since it had no report for too long:"
            " its figures are only in files until a new recording begins",
            snapshot.pid,
        )

    def _worked(self) -> None:
        if self._is_lost:
            self._is_lost = False
            log().info("the costmon service at %s is reachable again", self._line.path)
        self.is_known = True
        self._pause_s = _FIRST_PAUSE_S
        self._closed_until_s = float("-inf")

    def _missed(self, error: LineError, now_s: float) -> None:
        if not self._is_lost:
            self._is_lost = True
            log().warning("cannot report to the costmon service: %s", error)
        self._closed_until_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
