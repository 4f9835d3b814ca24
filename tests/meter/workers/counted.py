"""Small metered applications for real servers; they answer with the number of their process."""

import asyncio
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask

SERVICE = "counted"

# So that the worker that is up first cannot answer everything before there is another.
_WAIT_S = 0.005


# Each imports its own framework: a worker that is recycled does so again.


def flask_app() -> "Flask":
    """Return the application for WSGI servers."""
    from flask import Flask

    from costmon.meter.flask import CostMeter

    app = Flask(SERVICE)
    CostMeter(app, port=None)

    @app.get("/items/<int:item_id>")
    def item(item_id):
        time.sleep(_WAIT_S)
        return str(os.getpid())

    return app


def fastapi_app() -> "FastAPI":
    """Return the application for ASGI servers."""
    from fastapi import FastAPI

    from costmon.meter.asgi import CostMeterMiddleware

    app = FastAPI(openapi_url=None)
    app.add_middleware(CostMeterMiddleware, port=None, service=SERVICE)

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        await asyncio.sleep(_WAIT_S)
        return os.getpid()

    return app
