"""The scrape."""

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.export.charges import ChargeCollector, ChargeMetrics
from costmon.export.deliveries import DeliveryCollector
from costmon.export.endpoints import EndpointCollector
from costmon.export.findings import FindingCollector
from costmon.export.forecast import ForecastCollector
from costmon.export.guards import GuardCollector
from costmon.export.limits import LimitCollector
from costmon.export.prometheus import CostCollector, exposition
from costmon.state.meters import services


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route that Prometheus scrapes."""
    blueprint = flask.Blueprint("metrics", __name__)
    charge_metrics = ChargeMetrics(context.published_charges, context.charges, context.rates)
    collectors = (
        CostCollector(
            snapshot=context.snapshot.latest,
            children=context.children.read,
            pending=context.pending,
            lost=context.lost_records,
            clock_steps=context.clock_steps.read,
            now=context.clock.now,
        ),
        GuardCollector(
            guard_state=context.guard_state.read, policy=context.policy.read, now=context.clock.now
        ),
        ChargeCollector(
            snapshot=context.snapshot.latest,
            charges=context.charges,
            by_basis=lambda: charge_metrics.by_basis,
            rates=context.rates,
            now=context.clock.now,
        ),
        ForecastCollector(charges=context.charges, caps=context.caps, rates=context.rates),
        LimitCollector(
            snapshot=context.snapshot.latest,
            charges=context.charges,
            guard_state=context.guard_state.read,
            policy=context.policy.read,
            caps=context.caps,
            quotas=context.quotas,
            subscriptions=context.subscriptions,
            rates=context.rates,
            now=context.clock.now,
        ),
        FindingCollector(opened=context.findings.opened),
        DeliveryCollector(counts=context.channel_counts),
        EndpointCollector(
            services=lambda: services(context.meters.read(), context.clock.monotonic_s())
        ),
    )

    @blueprint.get("/metrics")
    @described(tag="service", answers={200: "text/plain"})
    def metrics() -> flask.typing.ResponseReturnValue:
        """Costs, budgets, quotas, polls, guards and endpoints for Prometheus or as OpenMetrics."""
        body, content_type = exposition(
            collectors, flask.request.headers.get("Accept", ""), prepared=(charge_metrics,)
        )
        return flask.Response(
            body, headers={"Cache-Control": "no-store"}, content_type=content_type
        )

    return blueprint
