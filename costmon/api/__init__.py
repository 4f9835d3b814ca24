"""The HTTP API: reads published values, tells pollers and the policy actor, asks no actor."""

from costmon.api.app import create_app, create_metrics_app
from costmon.api.context import ApiContext, ApiSettings
from costmon.api.server import HttpServer
from costmon.api.waiters import MOST_WAITING

__all__ = [
    "MOST_WAITING",
    "ApiContext",
    "ApiSettings",
    "HttpServer",
    "create_app",
    "create_metrics_app",
]
