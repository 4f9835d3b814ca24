"""What is put around an application: each as it is documented, none with a dashboard.

Each opener imports what it needs; `MODULES` says what that is.
"""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from flask import Flask

NONE = "nothing"
OURS = "costmon.meter"
SAMPLED = "costmon.meter, sample=10"
CLOUDMETER = "cloudmeter"
PROMETHEUS_FLASK = "prometheus-flask-exporter"
PROMETHEUS_FASTAPI = "prometheus-fastapi-instrumentator"
OTEL = "OpenTelemetry, metrics only"

MODULES = {
    CLOUDMETER: "cloudmeter",
    PROMETHEUS_FLASK: "prometheus_flask_exporter",
    PROMETHEUS_FASTAPI: "prometheus_fastapi_instrumentator",
    OTEL: "opentelemetry.sdk.metrics",
}
"""The module of each that may not be installed."""

Asgi = Callable[..., Awaitable[None]]


def flask_app() -> Flask:
    """Return an application whose handler does next to nothing."""
    app = Flask("overhead")

    @app.get("/users/<int:user_id>")
    def user(user_id: int) -> str:
        return f"user {user_id}"

    return app


def fastapi_app() -> FastAPI:
    """Return the same as a coroutine, `/async/...`, and in the thread pool, `/def/...`."""
    app = FastAPI(openapi_url=None)

    @app.get("/async/{user_id}")
    async def user(user_id: int) -> dict[str, int]:
        return {"user": user_id}

    @app.get("/def/{user_id}")
    def user_in_a_thread(user_id: int) -> dict[str, int]:
        return {"user": user_id}

    return app


def metered_flask(contender: str) -> Callable[..., Any]:
    """Return the WSGI application with `contender` on it."""
    app = flask_app()
    if contender in (OURS, SAMPLED):
        adapter = import_module("costmon.meter.flask")
        adapter.CostMeter(app, port=None, sample=10 if contender == SAMPLED else 1)
    elif contender == CLOUDMETER:
        _without_dashboard()
        import_module("cloudmeter.flask").CloudMeterFlask(app)
    elif contender == PROMETHEUS_FLASK:
        import_module("prometheus_flask_exporter").PrometheusMetrics(
            app, group_by="url_rule", path=None
        )
    elif contender == OTEL:
        import_module("opentelemetry.instrumentation.flask").FlaskInstrumentor().instrument_app(
            app, meter_provider=_otel_metrics()
        )
    return app


def metered_fastapi(contender: str) -> Asgi:
    """Return the ASGI application with `contender` on it."""
    app = fastapi_app()
    if contender in (OURS, SAMPLED):
        adapter = import_module("costmon.meter.asgi")
        app.add_middleware(
            adapter.CostMeterMiddleware, port=None, sample=10 if contender == SAMPLED else 1
        )
    elif contender == CLOUDMETER:
        _without_dashboard()
        app.add_middleware(import_module("cloudmeter.fastapi").CloudMeterMiddleware)
    elif contender == PROMETHEUS_FASTAPI:
        import_module("prometheus_fastapi_instrumentator").Instrumentator().instrument(app)
    elif contender == OTEL:
        import_module("opentelemetry.instrumentation.fastapi").FastAPIInstrumentor.instrument_app(
            app, meter_provider=_otel_metrics()
        )
    return app


def _without_dashboard() -> None:
    """Leave out cloudmeter's dashboard, as its own tests do."""
    import_module("cloudmeter._dashboard_server").__dict__["start"] = lambda _options: None


def _otel_metrics() -> object:
    metrics = import_module("opentelemetry.sdk.metrics")
    export = import_module("opentelemetry.sdk.metrics.export")
    return metrics.MeterProvider(metric_readers=[export.InMemoryMetricReader()])
