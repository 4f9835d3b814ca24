"""Keep the rule that took a request of Flask's, where something buffers Flask's answer.

Flask forgets its request when its application returns. Whoever is called back before that (by
`start_response`) can still ask; outside of a middleware that collects the whole answer first, such
as one that compresses, it is too late. Then the rule is written down as it is matched.
"""

import sys
from collections.abc import Callable
from typing import Any

RULE = "costmon.rule"
"""The variable of an environment that holds the rule: `None`, no rule took the request."""

_KEPT = "_costmon_keeps_rules"


def keep_rules_behind(application: object) -> None:
    """Keep rules from now on if Flask is in use, but not as `application` itself; once."""
    flask = sys.modules.get("flask")
    if flask is None:
        return
    owner = getattr(application, "__self__", application)
    if not isinstance(owner, flask.Flask):
        keep_rules()


def keep_rules() -> None:
    """Keep rules from now on; again does nothing."""
    contexts = sys.modules.get("flask.ctx")
    # Flask 3.2 has one context where there were two.
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
        self.request.environ[RULE] = self.request.url_rule

    match_request.__doc__ = match.__doc__
    kind.match_request = match_request
    setattr(kind, _KEPT, True)
