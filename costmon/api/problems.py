"""Render every error as JSON."""

import flask
import structlog
from werkzeug.exceptions import HTTPException

from costmon.api.middleware import problem
from costmon.errors import SnapshotClosedError
from costmon.intake.answer import RETRY_AFTER_S


def answer_in_json(app: flask.Flask) -> None:
    """Make every error of `app` an `{"error": ..., "message": ...}` with the right status."""
    log = structlog.get_logger("costmon.api")

    def refused(error: HTTPException) -> flask.typing.ResponseReturnValue:
        made = error.get_response()
        if error.code is None or error.code < 400:  # noqa: PLR2004 - a redirect is not an error
            return made
        response = problem(error.code, error.name, error.description or error.name)
        for name in ("Allow", "Retry-After", "Location"):
            if name in made.headers:
                response.headers[name] = made.headers[name]
        return response

    def closed(_error: SnapshotClosedError) -> flask.typing.ResponseReturnValue:
        response = problem(503, "Service unavailable", "Failed to connect to state store")
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    def unexpected(error: Exception) -> flask.typing.ResponseReturnValue:
        log.error(
            "api.request_failed",
            method=flask.request.method,
            path=flask.request.path,
            exc_info=error,
        )
        return problem(500, "Internal server error", "The request failed; see the service's log.")

    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(SnapshotClosedError, closed)
    app.register_error_handler(Exception, unexpected)
