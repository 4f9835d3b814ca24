"""JSON answers that are made for each request."""

import flask

from costmon.snapshot.wire import Answer, encode


def json_reply(answer: Answer, status: int = 200) -> flask.Response:
    """Return an answer as JSON that nobody may keep."""
    return flask.Response(
        encode(answer),
        status,
        [("Cache-Control", "no-store")],
        content_type="application/json",
    )
