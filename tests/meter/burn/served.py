"""The burning applications behind real servers: `gunicorn tests.meter.burn.served:flask_app`.

A door around the metered application, which the meter does not see, begins a measurement and
tells its result; it works because these servers run one worker process here.
"""

import json
import os
from typing import Any

from tests.meter.burn.program import Burn

_UNIT_MS = 3.0
_RIVAL = bool(os.environ.get("BURN_RIVAL"))


def flask_app() -> Any:
    """Return the WSGI application with its door."""
    burn = Burn("wsgi", _UNIT_MS, rival=_RIVAL, base=False)

    def door(environ, start_response):
        if not environ["PATH_INFO"].startswith("/burn/"):
            return burn.app(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [_told(burn, environ["PATH_INFO"])]

    return door


def fastapi_app() -> Any:
    """Return the ASGI application with its door."""
    burn = Burn("asgi", _UNIT_MS, rival=_RIVAL, base=False)

    async def door(scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith("/burn/"):
            await burn.app(scope, receive, send)
            return
        content = _told(burn, scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    return door


def _told(burn, path):
    if path == "/burn/begin":
        burn.begin()
        return b"{}"
    return json.dumps(burn.result()).encode()
