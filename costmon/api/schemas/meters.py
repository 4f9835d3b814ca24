"""The JSON about metered applications; `/openapi.json` describes it from these types."""

from typing import Annotated, Any

from msgspec import Meta as Describe

from costmon.intake.answer import Answer
from costmon.meter.dashboard.actions import Action
from costmon.meter.dashboard.query import LEAST_RPS, MOST_RPS, MOST_USERS


class MeterMeta(Answer, frozen=True):
    """The applications that report."""

    services: list[str]


class MeterAnswer(Answer, frozen=True):
    """What one application's endpoints cost; `data` is null while none reports.

    Amounts are exact figures as text, times whole nanoseconds, null is "unknown".
    """

    data: dict[str, Any] | None
    meta: MeterMeta


class MeterParameters(Answer, frozen=True):
    """What to project with, in place of what the application was set to."""

    service: Annotated[str, Describe(description="Default: the first by name.")] = ""
    users: Annotated[int, Describe(ge=1, le=MOST_USERS, description="Users.")] = 1000
    rps: Annotated[
        float,
        Describe(
            ge=float(LEAST_RPS),
            le=float(MOST_RPS),
            description="Requests per second of each user.",
        ),
    ] = 1.0
    route: Annotated[
        str,
        Describe(description="Adds `route_curve` of this endpoint, such as `GET /items`."),
    ] = ""


class RecordingBody(Answer, frozen=True, forbid_unknown_fields=True):
    """What to do with the recording of a service; without a name, of the first."""

    action: Action
    service: str | None = None


class Wanted(Answer, frozen=True):
    """What the service's workers are told when they report next."""

    recording: str
    is_recording: bool


class RecordingAnswer(Answer, frozen=True):
    """The answer of `POST /api/v1/meter/recording`."""

    data: Wanted
