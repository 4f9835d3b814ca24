"""Send reports, and handle the service's responses."""

import re
from collections.abc import Callable

from costmon.clock import Clock
from costmon.domain.spend import GuardReport, Notice, SpendRow
from costmon.guard.link.door import Answer, Door
from costmon.guard.link.pace import Pace
from costmon.guard.link.parcel import MOST_NOTICES, NOTHING, Parcel, Present
from costmon.guard.link.wire import fitted
from costmon.guard.log import log

_ACCEPTED = 202
_BAD = 400
_TOO_LARGE = 413
_SIFTED = 24
"""Requests to find one bad row among 200: two for each bisection, and some spare."""

_BARE_S = 300.0
_DETAIL = 300
_MOST_COMPLAINTS = 20


class NotTakenError(Exception):
    """The service accepts no reports now; the text says why, in a sentence without secrets.

    Attributes:
        retry_after_s: How long it asks to wait.
    """

    def __init__(self, reason: str, retry_after_s: float | None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def trouble(answer: Answer) -> str:
    """Return what an unsuccessful response means, and what to do."""
    match answer.status:
        case 401:
            return "it rejects the token (401): set Guard(token=...) to the service's API token"
        case 403:
            return "it denies access (403): check the token and the service's allowed hosts"
        case 404 | 405:
            return f"it has no API for guards ({answer.status}): check its address and version"
        case 503:
            return "it is not ready (503)"
        case status if 300 <= status < 400:  # noqa: PLR2004 - the redirects
            return f"it redirects ({status}), which is not followed: use its final address"
        case status:
            return f"it answered {status}{_detail(answer)}"


def _detail(answer: Answer) -> str:
    document = answer.document
    if not isinstance(document, dict):
        return ""
    detail = document.get("detail") or document.get("message") or document.get("title")
    if not isinstance(detail, str):
        return ""
    return ": " + re.sub(r"[^ -~]+", " ", detail)[:_DETAIL]


class Delivery:
    """Sends reports by one transport and counts them; for one thread."""

    def __init__(self, door: Door, clock: Clock, steady: Clock, pace: Pace) -> None:
        """Use `clock` for the times in reports, and `steady` to measure."""
        self._door = door
        self._clock = clock
        self._steady = steady
        self._pace = pace
        self._size = pace.rows
        self._bare_until_s = 0.0
        self._refusal = ""
        self._complained: set[str] = set()
        self.on_policy: Callable[[str], None] = lambda _: None
        self.reports = 0
        self.rows = 0
        self.set_aside = 0

    def hand_in(self, parcel: Parcel, present: Present, most: int, until_s: float) -> None:
        """Send what is due of a parcel, at least one report and at most `most`.

        Args:
            parcel: The rows and notices to send.
            present: The current state, included in each report.
            most: Number of reports.
            until_s: By the steady clock: no request is started after it.

        Raises:
            NotTakenError: The service accepts none; what was not accepted stays pending.
            DoorError: It does not answer.
        """
        for place in range(most):
            now_s = self._steady.monotonic_s()
            rows = [row for _, row in parcel.rows.due(self._size, now_s, self._pace.resend_s)]
            notices = [
                notice for _, notice in parcel.notices.due(MOST_NOTICES, now_s, self._pace.resend_s)
            ]
            if (place and not rows and not notices) or (place and now_s >= until_s):
                return
            shown = NOTHING if now_s < self._bare_until_s else present
            self._one(parcel, rows, notices, shown, until_s)

    def _one(
        self,
        parcel: Parcel,
        rows: list[SpendRow],
        notices: list[Notice],
        present: Present,
        until_s: float,
    ) -> None:
        report, status = self._sent(parcel, rows, notices, present, until_s)
        if status == _TOO_LARGE and len(report.rows) > 1:
            self._size = len(report.rows) // 2  # what did not fit is still due
        elif status != _ACCEPTED:
            self._sift(parcel, report, until_s)

    def _sift(self, parcel: Parcel, report: GuardReport, until_s: float) -> None:
        """Find the rows that the service rejects, so that the others can be sent."""
        self._complain()
        parcel.notices.drop(notice.id for notice in report.notices)
        self.set_aside += len(report.notices)
        groups = [list(report.rows)] if report.rows else []
        asked = 0
        found_bad_rows = False
        while groups and asked < _SIFTED:
            group = groups.pop()
            asked += 1
            part, status = self._sent(parcel, group, [], NOTHING, until_s)
            if status == _ACCEPTED:
                # What did not fit in is due in the next report.
                continue
            found_bad_rows = True
            if len(group) == 1:
                parcel.refused(part)
                self.set_aside += 1
                continue
            groups += [group[len(group) // 2 :], group[: len(group) // 2]]
        for group in groups:
            self.set_aside += len(group)
            parcel.refused(report._replace(rows=tuple(group), notices=()))
        if not found_bad_rows:
            # The current state was rejected. A later version of the service may accept it.
            self._bare_until_s = self._steady.monotonic_s() + _BARE_S

    def _sent(
        self,
        parcel: Parcel,
        rows: list[SpendRow],
        notices: list[Notice],
        present: Present,
        until_s: float,
    ) -> tuple[GuardReport, int]:
        """Send one report; return what was sent, and 202, 400 or 413."""
        report, body = fitted(parcel.report(rows, notices, present, self._clock.now()))
        left_s = until_s - self._steady.monotonic_s()
        timeout_s = max(0.05, min(self._pace.answer_s, left_s))
        # Counted before it is sent: a report whose response was lost may have been accepted.
        parcel.sequence = report.sequence
        answer = self._door.report(body, timeout_s)
        if answer.status in {_BAD, _TOO_LARGE}:
            self._refusal = trouble(answer)
            return report, answer.status
        if answer.status != _ACCEPTED:
            raise NotTakenError(trouble(answer), answer.retry_after_s)
        confirmed, revision = _said(answer.document)
        parcel.accepted(report, confirmed, self._steady.monotonic_s())
        self.reports += 1
        self.rows += len(report.rows)
        if revision is not None:
            self.on_policy(revision)
        return report, answer.status

    def _complain(self) -> None:
        reason = self._refusal
        if reason not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(reason)
            log().error("the costmon service rejected a report, which is set aside: %s", reason)


def _said(document: object) -> tuple[int | None, str | None]:
    """Return what is confirmed, and the policy's revision, if the response has them."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        return None, None
    confirmed, revision = data.get("confirmed"), data.get("policy")
    number = isinstance(confirmed, int) and not isinstance(confirmed, bool)
    return confirmed if number else None, revision if isinstance(revision, str) else None
