"""What is remembered about one condition, so that no alert is sent twice."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from costmon.alerts.alert import SEVERITIES, Alert

_ID_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was said about a condition, and what people decided about it.

    Attributes:
        announced: People believe the condition holds: it was said and has not been resolved.
        said_at: When it was last said, aware UTC; `None` before the first time.
        suppressed: How often it was kept back since then.
        last_cause: What was judged last (a cycle's id): the same one is not judged twice.
        told: The alert that said it last; `None`: nothing was said, or by an earlier version.
        expires_at: When it is over though nobody says so, aware UTC; `None`: its end is told.
        acknowledged_by: Who has taken it on; nothing more is said until it gets worse or ends.
        acknowledged_at: When, aware UTC.
        snoozed_by: Who wants to hear of it later.
        snoozed_until: When that is, aware UTC.
    """

    announced: bool
    said_at: dt.datetime | None
    suppressed: int
    last_cause: str | None
    told: Alert | None = None
    expires_at: dt.datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: dt.datetime | None = None
    snoozed_by: str | None = None
    snoozed_until: dt.datetime | None = None

    def is_open(self, now: dt.datetime) -> bool:
        """Tell whether people believe that the condition holds."""
        return self.announced and (self.expires_at is None or now < self.expires_at)

    def is_snoozed(self, now: dt.datetime) -> bool:
        """Tell whether it is acknowledged or snoozed at present."""
        return self.snoozed_until is not None and now < self.snoozed_until

    def to_text(self) -> str:
        """Render as JSON for the store."""
        return json.dumps(
            {
                "announced": self.announced,
                "said_at": _shown(self.said_at),
                "suppressed": self.suppressed,
                "last_cause": self.last_cause,
                "told": None if self.told is None else self.told.to_dict(),
                "expires_at": _shown(self.expires_at),
                "acknowledged_by": self.acknowledged_by,
                "acknowledged_at": _shown(self.acknowledged_at),
                "snoozed_by": self.snoozed_by,
                "snoozed_until": _shown(self.snoozed_until),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "Memory":
        """Parse what `to_text` made; earlier versions wrote fewer fields.

        Raises:
            ValueError: It is not such a text.
        """
        try:
            fields = json.loads(text)
            told = fields.get("told")
            return cls(
                announced=bool(fields["announced"]),
                said_at=_moment(fields["said_at"]),
                suppressed=int(fields["suppressed"]),
                last_cause=fields["last_cause"],
                told=None if told is None else Alert.from_dict(told),
                expires_at=_moment(fields.get("expires_at")),
                acknowledged_by=fields.get("acknowledged_by"),
                acknowledged_at=_moment(fields.get("acknowledged_at")),
                snoozed_by=fields.get("snoozed_by"),
                snoozed_until=_moment(fields.get("snoozed_until")),
            )
        except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            msg = f"no memory of an alert: {error!r}"
            raise ValueError(msg) from error


NOTHING_SAID = Memory(announced=False, said_at=None, suppressed=0, last_cause=None)


class OpenAlert(NamedTuple):
    """A condition that people were told of and that is not over.

    Attributes:
        id: Names it in the API and on the command line.
        alert: What was said last.
        acknowledged_by: Who has acknowledged it; `None`: nobody.
        acknowledged_at: When, aware UTC.
        snoozed_by: Who has snoozed it; `None`: nobody.
        snoozed_until: When that is, aware UTC.
    """

    id: str
    alert: Alert
    acknowledged_by: str | None
    acknowledged_at: dt.datetime | None
    snoozed_by: str | None
    snoozed_until: dt.datetime | None


def open_alerts(memories: Iterable[Memory], now: dt.datetime) -> tuple[OpenAlert, ...]:
    """Return what people were told and is not over: the most severe first, then the oldest."""
    found = [
        OpenAlert(
            id=alert_id(memory.told.condition),
            alert=memory.told,
            acknowledged_by=memory.acknowledged_by,
            acknowledged_at=memory.acknowledged_at,
            snoozed_by=memory.snoozed_by if memory.is_snoozed(now) else None,
            snoozed_until=memory.snoozed_until if memory.is_snoozed(now) else None,
        )
        for memory in memories
        if memory.told is not None and memory.is_open(now)
    ]
    return tuple(
        sorted(
            found,
            key=lambda it: (
                -SEVERITIES.index(it.alert.severity),
                it.alert.since,
                it.alert.condition,
            ),
        )
    )


def alert_id(condition: str) -> str:
    """Return the short id of what is said about a condition: it fits into a URL."""
    encoded = condition.encode("utf-8", "surrogatepass")
    return hashlib.sha256(encoded).hexdigest()[:_ID_DIGITS]


def _shown(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: Any) -> dt.datetime | None:  # noqa: ANN401 - JSON of ours
    return None if text is None else dt.datetime.fromisoformat(text)
