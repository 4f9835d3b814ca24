"""A process's meter that a test moves by hand, and a service that hears it."""

import json
from pathlib import Path

from costmon.clock import SystemClock
from costmon.intake.clerk import Clerk
from costmon.intake.server import IntakeServer
from costmon.messages import MeterReported
from costmon.state import meters
from costmon.state.published import Published, Watched
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot


class Meter:
    """A source: requests are counted by `serve`."""

    def __init__(self, *, pid=1, boot="b1", started_at=BEGAN_AT):
        self.pid = pid
        self.boot = boot
        self.seq = 0
        self.rows: dict[str, int] = {}
        self.recording = ""
        self.is_recording = True
        self.started_at = started_at
        self.told = []
        self.error: Exception | None = None

    def serve(self, route="/", requests=1):
        self.rows[route] = self.rows.get(route, 0) + requests

    def snapshot(self):
        if self.error is not None:
            raise self.error
        self.seq += 1
        return snapshot(
            *(row(route, requests=requests) for route, requests in self.rows.items()),
            pid=self.pid,
            boot=self.boot,
            seq=self.seq,
            recording=self.recording,
            is_recording=self.is_recording,
            started_at=self.started_at,
        )

    def apply(self, control):
        self.told.append(control)
        if control.recording != self.recording:
            if self.recording or self.started_at < control.issued_at:
                self.rows.clear()
                self.started_at = control.issued_at
            self.recording = control.recording
        self.is_recording = control.is_recording


class Service:
    """What hears reports, in this process: the real socket, clerk and fold, and no actor."""

    def __init__(self, path: Path):
        self.path = path
        self.cell = Published(meters.first("run1"))
        self.heard: list[MeterReported] = []
        self.answers: list[bytes] = []
        self.now_s = 100.0
        self.is_draining = False
        self._clerk = Clerk(
            tell_policy=lambda _message: None,
            policy=Watched(None),
            confirmed=Published({}),
            tell_meters=self._survey,
            meters=self.cell,
            is_draining=lambda: self.is_draining,
            clock=SystemClock(),
        )
        self.server: IntakeServer | None = None

    def _survey(self, message):
        self.heard.append(message)
        self.cell.publish(
            meters.reported(
                self.cell.read(),
                message.part,
                message.report,
                self.now_s,
                final=message.is_final,
            )
        )

    def _answer(self, content, gone):
        answer = self._clerk(content, gone)
        self.answers.append(answer)
        return answer

    def start(self):
        self.server = IntakeServer(self.path, self._answer, SystemClock())
        self.server.start()

    def stop(self):
        if self.server is not None:
            assert self.server.close(5.0)
            self.server = None

    def again(self, epoch, known=None):
        """Be another run, which knows what an earlier one had kept."""
        self.stop()
        kept = meters.first(epoch) if known is None else known._replace(epoch=epoch)
        self.cell.publish(kept)
        self.start()

    def counted(self):
        """Return requests by route of the only service; nothing when there is none."""
        found = meters.services(self.cell.read(), self.now_s)
        return counted(found[0]) if found else {}

    def statuses(self):
        return [json.loads(answer)["status"] for answer in self.answers]
