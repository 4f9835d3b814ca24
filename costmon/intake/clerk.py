"""Answer what guards and metered workers say over the Unix socket.

Told: `{"op": "report", "report": {...}}`, or `{"op": "policy", "revision": "r"|null, "wait": 30}`,
which is answered as soon as the policy is another one, at the latest after `wait` seconds; or
`{"op": "meter", "part": 7, "final": false, "report": {...}}`, a part of what a worker has measured.
Answered: `{"status": 202|200|304|400|503, "body": {...}}` with the bodies that HTTP has.
"""

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, assert_never

import msgspec
import structlog

from costmon.clock import Clock
from costmon.domain.policy import Policy
from costmon.errors import InputError, MailboxFullError
from costmon.intake.answer import WAITING_S, encode_metered, encode_policy, encode_taken
from costmon.intake.meter import decode_part
from costmon.intake.reply import refusal, reply
from costmon.intake.report import decode_report
from costmon.messages import GuardReported, MeterReported
from costmon.state.meters import Meters, has_room, known
from costmon.state.published import Published, Watched

_MOST_WAITING = 48
_LOOK_S = 1.0
_log = structlog.get_logger()


class _Told(msgspec.Struct, frozen=True, tag_field="op", tag="report"):
    report: msgspec.Raw


class _Asked(msgspec.Struct, frozen=True, tag_field="op", tag="policy"):
    revision: str | None = None
    wait: Annotated[float, msgspec.Meta(ge=0, le=WAITING_S)] = 0.0


class _Metered(msgspec.Struct, frozen=True, tag_field="op", tag="meter"):
    part: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    final: bool
    report: msgspec.Raw


_decoder = msgspec.json.Decoder(_Told | _Asked | _Metered)


class Clerk:
    """Answers the frames of all connections, each in its connection's thread."""

    def __init__(
        self,
        *,
        tell_policy: Callable[[GuardReported], None],
        policy: Watched[Policy | None],
        confirmed: Published[Mapping[str, int]],
        tell_meters: Callable[[MeterReported], None],
        meters: Published[Meters],
        is_draining: Callable[[], bool],
        clock: Clock,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """Prepare.

        Args:
            tell_policy: Takes a report; does not wait for the result.
            policy: What guards enforce; `None` while that is not known yet.
            confirmed: By a guard's name, the sequence up to which its rows are in the database.
            tell_meters: Takes a part of what a worker has measured, or raises `MailboxFullError`.
            meters: What workers have reported.
            is_draining: Whether the service is stopping, so that nothing may be accepted.
            clock: Measures waits.
            most_waiting: Connections that may wait for another policy at once; fewer than there
                are connections, so that reports always come through.
        """
        self._tell_policy = tell_policy
        self._policy = policy
        self._confirmed = confirmed
        self._tell_meters = tell_meters
        self._meters = meters
        self._is_draining = is_draining
        self._clock = clock
        self._waiting = threading.BoundedSemaphore(most_waiting)

    def __call__(self, content: bytes, gone: Callable[[], bool]) -> bytes:
        """Return the content of the answer to a frame's content.

        Args:
            content: What came.
            gone: Tells whether the waiting client has disconnected.
        """
        try:
            said = _decoder.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refusal(
                HTTPStatus.BAD_REQUEST,
                f"the frame is neither a valid report nor a valid query: {error}",
            )
        if self._is_draining():
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the service is stopping; try again")
        match said:
            case _Told(report=report):
                return self._take(report)
            case _Metered():
                return self._survey(said)
            case _Asked():
                return self._tell(said, gone)
            case _:
                assert_never(said)

    def _take(self, sent: msgspec.Raw) -> bytes:
        try:
            report = decode_report(sent)
        except InputError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        try:
            self._tell_policy(GuardReported(report=report, authenticated=True))
        except MailboxFullError as error:
            _log.warning("intake.report_refused", guard=report.guard, error=str(error))
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again later")
        confirmed = self._confirmed.read().get(report.guard)
        return reply(HTTPStatus.ACCEPTED, encode_taken(confirmed, self._policy.read()))

    def _survey(self, metered: _Metered) -> bytes:
        try:
            report = decode_part(metered.report)
        except InputError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        meters = self._meters.read()
        before = known(meters, report)
        if not before.is_gone:
            if not has_room(meters, report, self._clock.monotonic_s()):
                text = "too many metered processes; try again later"
                return refusal(HTTPStatus.SERVICE_UNAVAILABLE, text)
            message = MeterReported(part=metered.part, is_final=metered.final, report=report)
            try:
                self._tell_meters(message)
            except MailboxFullError as error:
                # Said, since what is answered with 202 is not sent again.
                return refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again later")
        return reply(HTTPStatus.ACCEPTED, encode_metered(meters.epoch, before))

    def _tell(self, asked: _Asked, gone: Callable[[], bool]) -> bytes:
        policy = self._policy.read()
        if policy is None:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the circuits have not been loaded yet")
        if policy.revision == asked.revision and asked.wait > 0:
            if not self._waiting.acquire(blocking=False):
                return refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "too many clients are waiting already; try again",
                )
            try:
                policy = self._changed(policy, asked.wait, gone)
            finally:
                self._waiting.release()
        if policy.revision == asked.revision:
            return reply(HTTPStatus.NOT_MODIFIED, b"{}")
        return reply(HTTPStatus.OK, encode_policy(policy))

    def _changed(self, known: Policy, wait_s: float, gone: Callable[[], bool]) -> Policy:
        """Return another policy when there is one; the same when time is up or nobody waits."""
        until_s = self._clock.monotonic_s() + wait_s
        while True:
            now_s = self._clock.monotonic_s()
            look_s = min(until_s - now_s, _LOOK_S)
            if look_s <= 0 or self._is_draining() or gone():
                return known
            found = self._policy.wait(
                lambda policy: policy is None or policy.revision == known.revision, look_s
            )
            if found is not None and found.revision != known.revision:
                return found
            if self._clock.monotonic_s() - now_s < look_s:
                return known  # nobody waits at a closed cell
