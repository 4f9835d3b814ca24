"""An empty context of the API: for lists of routes, and as a starting point for tests."""

from costmon.api.context import ApiContext, ApiSettings
from costmon.api.representation import Representations
from costmon.api.sessions import LoginLinks
from costmon.clock import Clock
from costmon.domain.finding import BUCKET_S
from costmon.domain.fx import Rates
from costmon.state import meters
from costmon.state.charges import nothing_known
from costmon.state.clock_steps import NO_STEPS
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, PublishedSnapshot, Watched
from costmon.web.finding_view import FindingReader


def blank_context(settings: ApiSettings, clock: Clock, rates: Rates) -> ApiContext:
    """Return what the API serves when nothing is known; what it is told goes nowhere."""
    cell = PublishedSnapshot()
    now = clock.now()
    return ApiContext(
        snapshot=cell,
        representations=Representations(cell, clock),
        children=Published(()),
        history=lambda _query: (),
        findings=FindingReader(
            newest=lambda _limit: (),
            opened=lambda: None,
            buckets=lambda _series, _after, _until: {},
            hours=lambda _series, _start, _end: {},
            bucket_s=BUCKET_S,
        ),
        charge_query=lambda _query: (),
        database_fault=lambda: None,
        pending=lambda: 0,
        lost_records=tuple,
        clock_steps=Published(NO_STEPS),
        refresh=lambda _message: (),
        guard_state=Published(EMPTY),
        policy=Watched(None),
        confirmed=Published({}),
        tell_policy=lambda _message: None,
        announced=Watched(None),
        tell_alerter=lambda _message: None,
        meters=Published(meters.first("")),
        tell_meters=lambda _message: None,
        charges=lambda: nothing_known(now, now.date()),
        published_charges=Published(nothing_known(now, now.date())),
        rules=(),
        rule_standings=tuple,
        caps=(),
        quotas=(),
        subscriptions=(),
        channel_counts=lambda: (),
        rates=rates,
        currency=rates.base,
        login_links=LoginLinks(clock),
        settings=settings,
        clock=clock,
    )
