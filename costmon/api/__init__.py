"""The HTTP face: reads the published values, tells pollers to refresh, never asks an actor."""

from costmon.api.app import create_app, create_metrics_app
from costmon.api.face import ApiSettings, Face
from costmon.api.server import HttpServer

__all__ = ["ApiSettings", "Face", "HttpServer", "create_app", "create_metrics_app"]
