"""Keep the URL rule of a Flask request, in case a middleware buffers the response.

Flask discards its request when its application returns. Inside `start_response` it is still
available; outside of a middleware that buffers the whole response, such as a compressing one, it is
not. In that case the rule is stored when it is matched.
"""

import sys
from collections.abc import Callable
from typing import Any

from costmon.meter.measuring.measure import CURRENT

RULE = "costmon.rule"
"""The key of an environ that holds the rule; its value is `None` if no rule matched."""

_KEPT = "_costmon_keeps_rules"


def keep_rules_behind(application: object) -> None:
    """Keep rules from now on, if Flask is in use inside `application`; idempotent."""
    flask = sys.modules.get("flask")
    if flask is None:
        return
    owner = getattr(application, "__self__", application)
    if not isinstance(owner, flask.Flask):
        keep_rules()


def keep_rules() -> None:
    """Keep rules from now on; idempotent."""
    contexts = sys.modules.get("flask.ctx")
    # Flask 3.2 has one context class instead of two.
    for name in ("RequestContext", "AppContext"):
        kind: Any = getattr(contexts, name, None)
        if kind is not None and "match_request" in vars(kind):
            _keep(kind)
            return


def _keep(kind: Any) -> None:
    if _KEPT in vars(kind):
        return
    match: Callable[[Any], None] = kind.match_request

    def match_request(self: Any) -> None:
        match(self)
        request = self.request
        request.environ[RULE] = rule = request.url_rule
        measure = CURRENT.get()
        if measure is not None and measure.scope is not None and rule is not None:
            # An ASGI application that contains this one is being measured.
            mount = request.environ.get("SCRIPT_NAME", "").removeprefix(measure.scope[1])
            if measure.scope[0].get("path", "").startswith(mount):
                measure.found_route = mount + rule.rule

    match_request.__doc__ = match.__doc__
    kind.match_request = match_request
    setattr(kind, _KEPT, True)
