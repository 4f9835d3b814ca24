"""Read one Vercel team: charges month by month, use of this month, deployments, included credit.

Source: https://vercel.com/docs/rest-api/billing/list-focus-billing-charges
Lag: only days that are over; how long after that is not documented.
Needs: the role Owner, Member, Developer, Security, Billing or Enterprise Viewer in the team.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderAuthError, ProviderError, ProviderPlanError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import Poll
from costmon.providers.reading import Answers
from costmon.providers.vercel.deployments import count_deployments
from costmon.providers.vercel.included_credit import read_included_credit
from costmon.providers.vercel.months import ZONE, Month
from costmon.providers.vercel.quotas import Use, all_gaps
from costmon.providers.vercel.refusals import meaning_of
from costmon.providers.vercel.rows import PATH, SLUG, ChargeMaker, R, Row, UsageRow, decode_lines

TEAMS = "/v2/teams"
MOST_MONTHS = 12
SETTLING = dt.timedelta(days=5)
"""How long after its end a month is still read, for what is corrected when it is invoiced; and how
long after its beginning a month may be without rows."""
NO_ROWS = (
    "plan: not available on this plan: Vercel has no charges of this scope (costs_not_found), as "
    "of every Hobby or personal one; those of a team need VERCEL_TEAM_ID"
)
NO_ROWS_OF_MONTH = (
    "plan: not available on this plan, or not counted yet: Vercel has no rows of this month "
    "(costs_not_found), and never has any of a Hobby or personal scope"
)
NOTHING_FINISHED = "no day of this month is over yet: days end at midnight in Los Angeles"
_WRITING_ROLES = frozenset({"OWNER", "MEMBER", "DEVELOPER", "SECURITY", "CONTRIBUTOR"})
_MONTHS_OF_PROOF = 2
"""So many months without rows, and none with, are a scope that never has any."""


class _Membership(Struct):
    """What the owner of the token is in the team."""

    role: str


class _Team(Struct):
    """GET /v2/teams/{id}."""

    membership: _Membership


class Vercel(Provider):
    """One team, or the personal scope of the token's owner."""

    def __init__(self, outbound: Outbound, options: Mapping[str, object]) -> None:
        self._outbound = outbound
        self._answers = Answers(SLUG, outbound)
        team = str(options.get("team_id") or "")
        self._account_id = team or "personal"
        self._scope: Mapping[str, str] = {}
        if team:
            self._scope = {"teamId" if team.startswith("team_") else "slug": team}
        self._wants_credit = options.get("included_credit") == "true"

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return one window per month: what a row costs depends on the window that is asked for."""
        found = known_through is not None
        without: list[Month] = []
        for month in _months(now, known_through):
            charges, gaps = self._charges_of(month, now)
            if charges is None and not found:
                without.append(month)
                if len(without) < _MONTHS_OF_PROOF:
                    continue
                gap = Gap(kind="charges", reason=NO_ROWS)
                yield _window(account, now, without[0], (), (gap,))
                return
            if not charges and known_through is not None and month.start < known_through:
                if month.end < known_through:
                    continue  # an older month: what is stored of it stays
                raise ProviderPlanError(
                    provider=SLUG,
                    endpoint=f"GET {PATH}",
                    detail="the charges of a month that were there before are gone",
                    hint="check the team's plan and VERCEL_TEAM_ID; what was read before is kept",
                )
            if charges is None and known_through is not None and now - month.start > SETTLING:
                gaps = (Gap(kind="charges", reason=NO_ROWS_OF_MONTH),)
            found = True
            for newer in without:
                yield _window(account, now, newer, (), ())
            without = []
            yield _window(account, now, month, charges or (), gaps)

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what was used of what plans limit, since the month began."""
        month = Month.of(now)
        use = Use(month, now)
        gaps: tuple[Gap, ...] = ()
        if month.finished(now) == month.start:
            gaps = all_gaps(NOTHING_FINISHED)
        else:
            try:
                use.add(self._rows(month, now, UsageRow))
            except ProviderPlanError:
                gaps = all_gaps(NO_ROWS_OF_MONTH)
            else:
                gaps = use.gaps()
        quantities = use.quantities()
        further: list[tuple[str, Callable[[], Quantity]]] = [
            ("deployments", lambda: count_deployments(self._answers, self._scope, month, now))
        ]
        if self._wants_credit:
            further.append(
                ("included_credit", lambda: read_included_credit(self._answers, self._scope, now))
            )
        for kind, read in further:
            quantity, gap = _beside(kind, read)
            quantities += quantity
            gaps += gap
        return Poll(SLUG, account, now).usage(
            quantities, gaps, complete_through=use.complete_through
        )

    def write_access(self) -> tuple[str, ...]:
        """Return what the token's owner may change: a token of Vercel has no rights of its own."""
        team = self._scope.get("teamId") or self._scope.get("slug")
        if team is None:
            warning = (
                "the token can change everything in its owner's personal scope, since Vercel has "
                "no read-only tokens: set an expiry date"
            )
            return (warning,)
        role = self._answers.read(f"{TEAMS}/{team}", _Team).membership.role
        if role not in _WRITING_ROLES:
            return ()
        warning = (
            f"the token's owner has the role {role.capitalize()} in the team, so the token can "
            "change projects: use the token of a member with the role Billing"
        )
        return (warning,)

    def _charges_of(
        self, month: Month, now: dt.datetime
    ) -> tuple[tuple[Charge, ...] | None, tuple[Gap, ...]]:
        """Return all charges of a month, and a gap for rows that are of another one.

        The charges are `None` when Vercel says that there are none (`costs_not_found`).
        """
        maker = ChargeMaker(month, month.finished(now), self._account_id)
        try:
            charges = tuple(maker.make(self._rows(month, now, Row)))
        except ProviderPlanError:
            return None, ()
        reason = f"{maker.outside} rows of other days than were asked for were left out"
        return charges, (Gap(kind="charges", reason=reason),) if maker.outside else ()

    def _rows(self, month: Month, now: dt.datetime, row: type[R]) -> Iterator[R]:
        """Return the rows of the days of a month that are over.

        Raises:
            ProviderPlanError: Vercel says that it has none.
            ProviderError: Anything else; what was returned before is of no use then.
        """
        window = {"from": _text(month.start), "to": _text(month.finished(now))}
        try:
            yield from decode_lines(self._outbound.lines(PATH, {**window, **self._scope}), row)
        except ProviderError as error:
            fault = meaning_of(error)
        else:
            return
        # Raised out here: what an error comes from may hold parts of the answer.
        raise fault


def _months(now: dt.datetime, known_through: dt.datetime | None) -> Iterator[Month]:
    """Return the months to read, the newest first: of the current one the days that are over."""
    month = Month.of(now)
    if month.finished(now) > month.start:
        yield month
    for _ in range(MOST_MONTHS):
        month = month.previous()
        unknown = known_through is None or known_through < month.end
        if not unknown and now - month.end > SETTLING:
            return
        yield month


def _window(
    account: str,
    now: dt.datetime,
    month: Month,
    charges: tuple[Charge, ...],
    gaps: tuple[Gap, ...],
) -> ChargeWindow:
    end = month.finished(now)
    # A seat is charged for the whole month from its first day on: that says nothing about days.
    ends = (row.charge_period_end for row in charges if row.charge_period_end <= end)
    return Poll(SLUG, account, now).window(
        month.start,
        end,
        charges,
        day_zone=ZONE,
        complete_through=max(ends, default=None),
        gaps=gaps,
    )


def _beside(
    kind: str, read: Callable[[], Quantity]
) -> tuple[tuple[Quantity, ...], tuple[Gap, ...]]:
    """Return what an endpoint says that is not needed for the rest, or the gap that it leaves."""
    try:
        return (read(),), ()
    except ProviderAuthError:
        raise
    except ProviderError as error:
        return (), (Gap(kind=kind, reason=f"could not be read ({error.reason}): {error.detail}"),)


def _text(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
