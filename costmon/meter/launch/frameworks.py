"""Wrap applications when their frameworks create them, without changing their code.

Each framework is patched where it builds the callable for the server. An application that already
uses the meter keeps its own options, and counts once.
"""

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from costmon.meter.launch.imports import ImportWatch

Given = Callable[[], Mapping[str, Any]]
"""Returns the options of the command line; called when an application is created."""

DJANGO_MIDDLEWARE = "costmon.meter.django.CostMeterMiddleware"


def follow(watch: ImportWatch, given: Given) -> None:
    """Measure applications of Flask, Starlette, FastAPI and Django once these are imported."""
    watch.when_imported("flask.app", lambda module: _follow_flask(module, given))
    watch.when_imported(
        "starlette.applications", lambda module: _follow_asgi(module.Starlette, given)
    )
    watch.when_imported("fastapi.applications", lambda module: _follow_asgi(module.FastAPI, given))
    watch.when_imported("django.core.handlers.base", lambda module: _follow_django(module, given))


def _follow_flask(module: ModuleType, given: Given) -> None:
    made: Callable[..., None] = module.Flask.__init__

    @functools.wraps(made)
    def make(app: Any, *args: Any, **kwargs: Any) -> None:
        made(app, *args, **kwargs)
        # Imported here, since it imports flask, which is incomplete while `flask.app` is loading.
        from costmon.meter.flask import CostMeter

        CostMeter(app, **given())

    module.Flask.__init__ = make


def _follow_asgi(kind: Any, given: Given) -> None:
    built: Callable[[Any], Any] | None = vars(kind).get("build_middleware_stack")
    if built is None:
        return  # it inherits Starlette's, which is patched itself

    @functools.wraps(built)
    def build(app: Any) -> Any:
        from costmon.meter.asgi import CostMeterMiddleware

        stack = built(app)
        if any(
            isinstance(added.cls, type) and issubclass(added.cls, CostMeterMiddleware)
            for added in app.user_middleware
        ):
            return stack
        # Outermost, so that responses of ServerErrorMiddleware are measured too.
        return CostMeterMiddleware(stack, **given())

    kind.build_middleware_stack = build


def _follow_django(module: ModuleType, given: Given) -> None:
    loaded: Callable[..., None] = module.BaseHandler.load_middleware

    @functools.wraps(loaded)
    def load(handler: Any, *args: Any, **kwargs: Any) -> None:
        settings = module.settings
        if DJANGO_MIDDLEWARE not in settings.MIDDLEWARE:
            settings.MIDDLEWARE = [DJANGO_MIDDLEWARE, *settings.MIDDLEWARE]
            if not hasattr(settings, "COSTMETER"):
                settings.COSTMETER = dict(given())
        loaded(handler, *args, **kwargs)

    module.BaseHandler.load_middleware = load
