"""Forecasts of the month and the day."""

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.forecast import ForecastAnswer, forecast_meta, forecasts
from costmon.state.forecast import budget_forecasts


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about forecasts."""
    blueprint = flask.Blueprint("forecast", __name__)

    @blueprint.get("/api/v1/costs/forecast")
    @described(tag="costs", answers={200: ForecastAnswer, 404: Problem, 503: Problem})
    def forecast() -> flask.typing.ResponseReturnValue:
        """Return what the month and the day will have cost, by vendor and in total."""
        found = context.charges().forecast
        if found is None:
            return problem(404, "Not found", "No forecast yet: charges have not been read.")
        return json_reply(
            ForecastAnswer(
                data=forecasts(found, budget_forecasts(context.caps, found, context.rates)),
                meta=forecast_meta(found, demo=context.settings.demo),
            )
        )

    return blueprint
