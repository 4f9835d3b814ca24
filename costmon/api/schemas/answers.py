"""The JSON answers besides current costs; `/openapi.json` describes them from these types."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta as Describe

from costmon.api.schemas.costs import GapNote
from costmon.domain.child import ChildState
from costmon.domain.history import GroupBy, Step
from costmon.domain.poll import BreakerState, ReadingKind
from costmon.errors import FailureReason
from costmon.intake.answer import Answer, Moment
from costmon.intake.answer import Problem as Problem  # noqa: PLC0414 - the socket says it, too
from costmon.state.freshness import ProviderState

Shown = Literal["show", "omit"]


class HistoryBucket(Answer, frozen=True):
    """One bucket of one group, from the daily roll-ups."""

    start: Moment
    end: Moment
    group: str
    currency: str
    accrued: Decimal
    average_monthly: Decimal | None
    last_monthly: Decimal
    observed_s: int
    resource_count: int
    unpriced_count: int
    not_observed: Decimal | None
    not_observed_s: int | None


class HistoryMeta(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """What was asked, as it was understood: whole UTC days, `to` is not included."""

    source: Literal["history"]
    start: Moment
    end: Moment
    step: Step
    group_by: GroupBy
    not_observed: Shown


class HistoryAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/costs/history`."""

    data: list[HistoryBucket]
    meta: HistoryMeta


class ReadingHealth(Answer, frozen=True):
    """How one reading of an account goes: its inventory, its charges or its usage."""

    reading: ReadingKind
    state: ProviderState
    reason: str | None
    failure: FailureReason | None
    last_success: Moment | None
    data_complete_through: Moment | None
    next_poll: Moment | None
    age_s: int | None
    breaker: BreakerState
    gaps: list[GapNote]


class StaleKindNote(Answer, frozen=True):
    """A kind of resource that could not be read recently; its last good figures are shown."""

    kind: str
    reason: str
    failure: FailureReason
    since: Moment | None
    last_success: Moment | None
    age_s: int | None


class ProviderHealth(Answer, frozen=True):
    """How reading one account goes."""

    name: str
    provider: str
    state: ProviderState
    reason: str | None
    failure: FailureReason | None
    last_success: Moment | None
    data_complete_through: Moment | None
    next_poll: Moment | None
    age_s: int | None
    breaker: BreakerState
    gaps: list[GapNote]
    readings: list[ReadingHealth]
    stale_kinds: list[StaleKindNote]
    missing: list[str]


class Meta(Answer, frozen=True, omit_defaults=True):
    """How many there are."""

    count: int
    demo: bool = False


class ProvidersAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/providers`."""

    data: list[ProviderHealth]
    meta: Meta


class Actor(Answer, frozen=True):
    """One supervised child."""

    name: str
    role: str
    state: ChildState
    generation: int
    restarts: int
    mailbox: int
    dead_letters: int
    dropped: int
    busy_s: float | None
    last_error: str | None
    started_at: Moment | None


class ActorsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/actors`."""

    data: list[Actor]
    meta: Meta


class RefreshAccepted(Answer, frozen=True):
    """A poll was asked for; `id` names the request in the log.

    `held_back` are the readings that were not asked for, because they were less than a minute ago.
    """

    id: str
    status: Literal["accepted"]
    held_back: list[ReadingKind]


class RefreshAnswer(Answer, frozen=True):
    """The answer of `POST /api/v1/refresh`."""

    data: RefreshAccepted
    meta: dict[str, str]


class LoginParameters(Answer, frozen=True):
    """What a login link carries."""

    code: Annotated[str, Describe(description="Of `POST /api/v1/login-links`; works once.")] = ""


class LoginLink(Answer, frozen=True):
    """A path that signs one browser in, once."""

    path: str
    expires_in_s: int


class LoginLinkAnswer(Answer, frozen=True):
    """The answer of `POST /api/v1/login-links`."""

    data: LoginLink


class Health(Answer, frozen=True):
    """The process answers."""

    status: Literal["ok"]
    version: str


class Check(Answer, frozen=True):
    """One condition of being ready."""

    name: str
    ok: bool
    reason: str | None


class Readiness(Answer, frozen=True):
    """Whether the service does its work, and what keeps it from doing so."""

    ready: bool
    checks: list[Check]


class HistoryParameters(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """What may be asked of history."""

    start: Annotated[
        str, Describe(description="First day: a date or a time, UTC. Default: 30 days before `to`.")
    ] = ""
    end: Annotated[
        str, Describe(description="The day after the last day (exclusive). Default: tomorrow.")
    ] = ""
    step: Step = "day"
    group_by: GroupBy = "total"
    not_observed: Annotated[
        Shown,
        Describe(
            description="`omit` leaves out what is assumed for the time that was not observed."
        ),
    ] = "show"
