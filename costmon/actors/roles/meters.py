"""Keep what metered workers report, by service, and what is wanted of their recordings.

The published value is all the state there is: a new incarnation resumes from it. It is written to a
file every now and then and at the end, for the next run of the service.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.messages import MeterReported, MetersMessage, SetRecording, Tick
from costmon.state import meters
from costmon.state.meters import Meters
from costmon.state.published import Published

_SAVE, _SWEEP = "save", "sweep"
_SAVE_EVERY_S = 10.0
_SWEEP_EVERY_S = 10.0
_SHARE = 50
"""Saving may take up to one fiftieth of the time."""


class MeterKeeper(Protocol):
    """Where it is kept over a restart."""

    def save(self, meters: Meters) -> None:
        """Replace what was kept; raises `OSError` when that cannot be written."""
        ...

    def load(self, meters: Meters, now_s: float) -> Meters:
        """Return what was kept, as of this run; never raises for what is wrong with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MetersPlan:
    """Settings of the meters actor.

    Attributes:
        keeper: Where it is kept over a restart.
        meters: Where it is published.
    """

    keeper: MeterKeeper
    meters: Published[Meters]


class MetersActor(SupervisedActor[MetersMessage]):
    """Keeps what each endpoint of metered applications has used."""

    def __init__(self, incarnation: Incarnation, plan: MetersPlan) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._saved: Meters | None = None
        self._save_after_s = 0.0
        self._said_unsaved = False

    def started(self) -> None:
        """Read what was kept before the process started, unless an incarnation has done so."""
        now_s = self.clock.monotonic_s()
        published = self._plan.meters.read()
        if not published.is_loaded:
            loaded = self._plan.keeper.load(published, now_s)
            self._publish(lambda _: loaded)
            self._saved = loaded
            if loaded.services:
                self.log.info("meters.loaded", services=len(loaded.services))
        self.timer.every(_SAVE, _SAVE_EVERY_S, first_s=_SAVE_EVERY_S)
        self.timer.every(_SWEEP, _SWEEP_EVERY_S, first_s=_SWEEP_EVERY_S)

    def handle(self, message: MetersMessage) -> None:
        """Fold in a report of a worker, carry out a command, or check what is due."""
        now_s = self.clock.monotonic_s()
        match message:
            case MeterReported():
                self._fold(message, now_s)
            case SetRecording(service=service, control=control):
                self._publish(lambda it: meters.ordered(it, service, control))
                self.log.info(
                    "meters.recording_set",
                    id=message.id,
                    service=service,
                    recording=control.recording,
                    is_recording=control.is_recording,
                )
            case Tick(key=key) if key == _SAVE:
                self._save(now_s)
            case Tick():
                self._publish(lambda it: meters.swept(it, now_s))
            case _:
                assert_never(message)

    def release(self) -> None:
        """Write what is not written yet."""
        if self._plan.meters.read().is_loaded:
            self._save_after_s = 0.0
            self._save(self.clock.monotonic_s())

    def _fold(self, message: MeterReported, now_s: float) -> None:
        before = self._plan.meters.read()
        self._publish(
            lambda it: meters.reported(
                it, message.part, message.report, now_s, final=message.is_final
            )
        )
        after = self._plan.meters.read()
        if after.refused != before.refused:
            self.log.warning(
                "meters.report_refused", service=message.report.service, refused=after.refused
            )
        elif message.report.service not in before.services:
            self.log.info("meters.service_appeared", service=message.report.service)

    def _publish(self, fold: Callable[[Meters], Meters]) -> None:
        after = fold(self._plan.meters.read())
        self.fenced(lambda: self._plan.meters.publish(after))

    def _save(self, now_s: float) -> None:
        published = self._plan.meters.read()
        if published is self._saved or now_s < self._save_after_s:
            return
        try:
            self._plan.keeper.save(published)
        except OSError as error:
            if not self._said_unsaved:
                self._said_unsaved = True
                self.log.error("meters.not_saved", error=str(error))
        else:
            self._saved = published
            self._said_unsaved = False
        ended_s = self.clock.monotonic_s()
        self._save_after_s = ended_s + _SHARE * (ended_s - now_s)
