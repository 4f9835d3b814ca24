"""The JSON answers about guards, budgets and circuits.

Amounts are exact figures as text, as guards report them; `null` is unknown or unlimited, never 0.
"""

from typing import Annotated, Literal

from msgspec import Meta as Describe

from costmon.api.schemas.answers import Meta
from costmon.domain.circuit import CircuitState, CurrentState
from costmon.intake.answer import WAITING_S, Answer, BudgetAnswer, CircuitAnswer, Moment

_Reason = Annotated[str, Describe(description="Reason, for humans: at most 500 characters.")]
_Author = Annotated[str, Describe(description="Ignored: the author is who was authenticated.")]
_Amount = Annotated[str, Describe(description="An exact amount in major units, such as '0.02'.")]
_Percent = Annotated[str, Describe(description="Percentage of the limit, such as '80'.")]


class BudgetStatus(Answer, frozen=True):
    """How one scope stands in one period, in one store, by the latest report about it.

    `over` says that the window has ended: the figures are those of the window before. A budget that
    no guard has reported about has no `store` and no `reported_at`; `spent` is "0" if nothing was
    ever spent on it, and null if that is not known.
    """

    scope: str
    period: str
    store: str | None
    currency: str
    limit: str | None
    spent: str | None
    held: str | None
    remaining: str | None
    resets_at: Moment | None
    over: bool
    reported_at: Moment | None
    guards: list[str]


class BudgetStatusAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/scopes`."""

    data: list[BudgetStatus]
    meta: Meta


class InFlight(Answer, frozen=True):
    """A call in flight."""

    id: str
    guard: str
    app: str
    host: str
    scopes: list[str]
    activity: str
    estimate: str
    currency: str
    expires_at: Moment


class InFlightAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/leases`."""

    data: list[InFlight]
    meta: Meta


class Refusal(Answer, frozen=True):
    """A call that was not made."""

    at: Moment
    guard: str
    scope: str
    reason: str
    text: str


class RefusalsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/refusals`, newest first."""

    data: list[Refusal]
    meta: Meta


class Unpriced(Answer, frozen=True):
    """Calls to a model without a known price, of one scope.

    `spent` is an estimate, except for calls whose answer gave a price.
    """

    scope: str
    currency: str
    calls: int
    spent: str


class UnpricedAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/unpriced`, most calls first.

    A call counts in each of its scopes: do not add rows.
    """

    data: list[Unpriced]
    meta: Meta


class Guard(Answer, frozen=True):
    """One guard, by its latest report."""

    guard: str
    store: str
    app: str
    host: str
    pid: int
    currency: str
    seen_at: Moment
    age_s: int
    away: bool
    sequence: int
    confirmed: int | None
    leases: int
    refused: int
    authenticated: bool


class GuardsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/guards`, latest first."""

    data: list[Guard]
    meta: Meta


class CircuitNow(CircuitAnswer, frozen=True):
    """A circuit, and what it is at this moment: an open one may have expired since."""

    current: CurrentState


class CircuitsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/circuits`: what was last decided about each scope."""

    data: list[CircuitNow]
    meta: Meta


class ScopeCircuit(Answer, frozen=True):
    """Whether calls of a scope may pass; `circuit` names the open circuit that stops them.

    While none is open it may name one that is half-open, until `expires_at`: calls pass.
    """

    scope: str
    state: CurrentState
    circuit: str | None
    reason: str | None
    author: str | None
    changed_at: Moment | None
    expires_at: Moment | None


class ScopeCircuitAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/circuits/{scope}`."""

    data: ScopeCircuit


class BudgetsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/budgets`."""

    data: list[BudgetAnswer]
    meta: Meta


class CommandAccepted(Answer, frozen=True):
    """The change was accepted; `id` names it in the log."""

    id: str
    status: Literal["accepted"]


class CommandAnswer(Answer, frozen=True):
    """The answer to a change of a circuit or a budget."""

    data: CommandAccepted


class CircuitBody(Answer, frozen=True, forbid_unknown_fields=True):
    """What a circuit shall be; `expires_in_s` lets an open one close by itself."""

    state: CircuitState
    reason: _Reason
    author: _Author = ""
    expires_in_s: int | None = None


class BudgetBody(Answer, frozen=True, forbid_unknown_fields=True):
    """What a budget shall be; without `currency` it is in USD, without levels the guard's hold."""

    scope: str
    limit: _Amount
    period: str
    currency: str | None = None
    warn: _Percent | None = None
    block: _Percent | None = None
    author: _Author = ""


class BudgetName(Answer, frozen=True):
    """Which budget is to be taken back."""

    scope: str
    period: str
    author: _Author = ""


class WaitParameters(Answer, frozen=True):
    """How long to wait for something else than `If-None-Match` names."""

    wait: Annotated[
        int,
        Describe(
            ge=0,
            le=WAITING_S,
            description="Seconds to wait for a change; requires If-None-Match. Default: 0.",
        ),
    ] = 0
