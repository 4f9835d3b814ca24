"""Liveness and readiness: whether the process responds, and whether it does its work."""

from collections.abc import Iterator

import flask

from costmon import __version__
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Check, Health, Readiness
from costmon.errors import SnapshotClosedError
from costmon.state.clock_steps import recent_step
from costmon.state.freshness import staleness
from costmon.state.value import Snapshot


def create_liveness(_context: ApiContext) -> flask.Blueprint:
    """Return the liveness route, for whatever restarts dead processes."""
    blueprint = flask.Blueprint("liveness", __name__)

    @blueprint.get("/healthz")
    @described(tag="service", answers={200: Health})
    def healthz() -> flask.typing.ResponseReturnValue:
        """Confirm that the process responds; nothing else is checked."""
        return json_reply(Health(status="ok", version=__version__))

    return blueprint


def create_readiness(context: ApiContext) -> flask.Blueprint:
    """Return the routes for load balancers and orchestrators."""
    blueprint = flask.Blueprint("readiness", __name__)

    @blueprint.get("/readyz")
    @described(tag="service", answers={200: Readiness, 503: Readiness})
    def readyz() -> flask.typing.ResponseReturnValue:
        """Return each readiness condition, with the reason if it does not hold."""
        checks = list(_checks(context))
        ready = all(check.ok for check in checks)
        return json_reply(Readiness(ready=ready, checks=checks), 200 if ready else 503)

    return blueprint


def _checks(context: ApiContext) -> Iterator[Check]:
    yield _check("children_up", _children_down(context))
    try:
        snapshot = context.snapshot.read()
    except SnapshotClosedError:
        yield _check("snapshot_open", "the service is stopping, or one of its core actors failed")
        snapshot = context.snapshot.latest()
    else:
        yield _check("snapshot_open", None)
    yield _check("first_poll_done", _unpolled(snapshot))
    yield _check("data_fresh", _stale(context, snapshot))
    yield _check("database_reachable", context.database_fault())
    yield _check(
        "circuits_known",
        "budgets and circuits have not been read from the database yet"
        if context.policy.read() is None
        else None,
    )
    yield _check(
        "clock_steady", recent_step(context.clock_steps.read(), context.clock.monotonic_s())
    )
    waiting = context.pending()
    yield _check(
        "observations_written",
        f"{waiting} observations are waiting to be written to the database; none is lost"
        if waiting
        else None,
    )


def _check(name: str, fault: str | None) -> Check:
    return Check(name=name, ok=fault is None, reason=fault)


def _children_down(context: ApiContext) -> str | None:
    children = context.children.read()
    if not children:
        return "no actor has been started yet"
    down = [f"{child.name} is {child.state}" for child in children if child.state != "running"]
    return ", ".join(down) or None


def _unpolled(snapshot: Snapshot | None) -> str | None:
    if snapshot is None:
        return "nothing has been published yet"
    names = [
        account.name
        for account in snapshot.accounts
        if account.off_because is None and not account.has_a_verdict
    ]
    return f"no poll has finished for: {', '.join(names)}" if names else None


def _stale(context: ApiContext, snapshot: Snapshot | None) -> str | None:
    if snapshot is None:
        return "no costs have been published yet"
    stale = staleness(snapshot, context.clock.now())
    return stale.reason if stale else None
