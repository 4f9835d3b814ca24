"""Call a WSGI application in this thread, as a server would."""

import io
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults


def call(
    application: Callable[..., Iterable[bytes]],
    path: str,
    method: str = "GET",
    body: bytes = b"",
    **variables: str,
) -> tuple[int, bytes]:
    """Send one request; return the answer's status and body."""
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "CONTENT_LENGTH": str(len(body)) if body else "",
        **variables,
    }
    setup_testing_defaults(environ)
    statuses: list[str] = []
    written: list[bytes] = []

    def start_response(status: str, headers: object, *_: object) -> Callable[[bytes], None]:
        statuses.append(status)
        return written.append

    answer = application(environ, start_response)
    try:
        written += answer
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return int(statuses[0][:3]), b"".join(written)
