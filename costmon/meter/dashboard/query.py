"""Parse the dashboard's query parameters: a service, and options to project with."""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from urllib.parse import parse_qsl

from costmon.errors import InputError
from costmon.meter.figures import Snapshot

MOST_USERS = 1_000_000_000
LEAST_RPS = Decimal("0.000001")
MOST_RPS = Decimal(100_000)
_LONGEST = 2_000
_SHOWN = 40


class DashboardQuery(NamedTuple):
    """The parameters; `None`: the application's own option.

    Attributes:
        service: The service; `None`: the first one.
        users: Number of users to project for.
        rps: Requests per second of each user.
        route: Method and route whose curve is added; `None`: none.
    """

    service: str | None = None
    users: int | None = None
    rps: Decimal | None = None
    route: str | None = None

    def applied(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with these parameters in its options."""
        options = snapshot.options
        if self.users is not None:
            options = options._replace(target_users=self.users)
        if self.rps is not None:
            options = options._replace(requests_per_user_per_second=self.rps)
        return snapshot._replace(options=options)


def parse_query(query: str) -> DashboardQuery:
    """Parse a URL's query string.

    Raises:
        InputError: A parameter is not valid; the text says what is accepted.
    """
    if len(query) > _LONGEST:
        raise InputError(f"The query has {len(query)} characters; accepted: at most {_LONGEST}.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=8)
    except ValueError:
        raise InputError("The query has too many parameters; accepted: at most 8.") from None
    return query_from(pairs)


def query_from(pairs: list[tuple[str, str]]) -> DashboardQuery:
    """Return what parameters ask for.

    Raises:
        InputError: See `parse_query`.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in DashboardQuery._fields:
            raise InputError(
                f"Unknown parameter {name[:_SHOWN]!r}; "
                f"accepted: {', '.join(DashboardQuery._fields)}."
            )
        if name in given:
            raise InputError(f"{name} is given twice; accepted: once.")
        given[name] = value
    users, rps = given.get("users"), given.get("rps")
    return DashboardQuery(
        service=given.get("service"),
        users=None if users is None else _users(users),
        rps=None if rps is None else _rps(rps),
        route=given.get("route"),
    )


def _users(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_USERS)):
        users = int(text)
        if 1 <= users <= MOST_USERS:
            return users
    raise InputError(
        f"users={text[:_SHOWN]!r} is not valid; accepted: a whole number from 1 to {MOST_USERS:,}."
    )


def _rps(text: str) -> Decimal:
    refusal = InputError(
        f"rps={text[:_SHOWN]!r} is not valid; accepted: a number from {LEAST_RPS} to {MOST_RPS:,}, "
        "such as 0.25."
    )
    if len(text) > _SHOWN or not text.isascii():
        raise refusal
    try:
        rps = Decimal(text)
    except InvalidOperation:
        raise refusal from None
    if not rps.is_finite() or not LEAST_RPS <= rps <= MOST_RPS:
        raise refusal
    return rps
