"""JSON answers that are made for each request."""

import flask

from costmon.api.schemas.encoding import encode
from costmon.intake.answer import Answer


def json_reply(answer: Answer, status: int = 200) -> flask.Response:
    """Return an answer as JSON that nobody may keep."""
    return encoded_reply(encode(answer), status)


def encoded_reply(body: bytes, status: int, *, etag: str | None = None) -> flask.Response:
    """Return JSON that is encoded already.

    Args:
        body: The JSON; empty for 304.
        status: Of the answer.
        etag: Identifies the content for conditional requests; without it nothing is cached.
    """
    kept = [("Cache-Control", "no-store")] if etag is None else _validators(etag)
    return flask.Response(body, status, kept, content_type="application/json")


def _validators(etag: str) -> list[tuple[str, str]]:
    return [("Cache-Control", "no-cache"), ("ETag", etag)]
