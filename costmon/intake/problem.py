"""Say over the intake's socket why something was not done, as the HTTP API does."""

import json
from http import HTTPStatus


def problem(status: int, message: str) -> bytes:
    """Return the content of a frame that says so.

    Args:
        status: As HTTP would have it.
        message: What was wrong and what to do, without a secret.
    """
    body = {"error": HTTPStatus(status).phrase.capitalize(), "message": message}
    return json.dumps({"status": status, "body": body}).encode()
