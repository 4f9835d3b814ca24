"""What is remembered about one condition, so that no alert is sent twice."""

import datetime as dt
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was said about a condition, and when.

    Attributes:
        announced: People believe the condition holds: it was said and has not been resolved.
        said_at: When it was last said, aware UTC; `None` before the first time.
        suppressed: How often it was kept back since then.
        last_cause: What was judged last (a cycle's id): the same one is not judged twice.
    """

    announced: bool
    said_at: dt.datetime | None
    suppressed: int
    last_cause: str | None

    def to_text(self) -> str:
        """Render as JSON for the store."""
        return json.dumps(
            {
                "announced": self.announced,
                "said_at": None if self.said_at is None else self.said_at.isoformat(),
                "suppressed": self.suppressed,
                "last_cause": self.last_cause,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "Memory":
        """Parse what `to_text` made.

        Raises:
            ValueError: It is not such a text.
        """
        try:
            fields = json.loads(text)
            said_at = fields["said_at"]
            return cls(
                announced=bool(fields["announced"]),
                said_at=None if said_at is None else dt.datetime.fromisoformat(said_at),
                suppressed=int(fields["suppressed"]),
                last_cause=fields["last_cause"],
            )
        except (KeyError, TypeError) as error:
            msg = f"no memory of an alert: {error!r}"
            raise ValueError(msg) from error


NOTHING_SAID = Memory(announced=False, said_at=None, suppressed=0, last_cause=None)
