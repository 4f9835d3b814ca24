"""The spend stop that guards obey: while a scope's circuit is open, nothing is called."""

import datetime as dt
from typing import Literal, NamedTuple

CircuitState = Literal["open", "closed"]


class Circuit(NamedTuple):
    """What somebody last decided about one scope.

    Attributes:
        scope: In canonical form; may be a pattern.
        state: `open` stops calls.
        reason: Why, in the author's words.
        author: Who decided.
        changed_at: When, aware UTC.
        expires_at: When an open one closes by itself, aware UTC; `None`: never.
        revision: Counts the changes of all circuits; a later change has a higher one.
    """

    scope: str
    state: CircuitState
    reason: str
    author: str
    changed_at: dt.datetime
    expires_at: dt.datetime | None
    revision: int

    def is_open(self, now: dt.datetime) -> bool:
        """Tell whether calls are stopped at `now`."""
        return self.state == "open" and (self.expires_at is None or now < self.expires_at)
