"""Convert plans to text and back: stores keep the plans of their leases as text.

Every number is text, because numbers in Lua are exact only up to 2**53.
"""

import json

from costmon.guard.stores.base import LeaseState, Line, Plan

STATES: tuple[LeaseState, ...] = ("held", "settled", "released", "expired")
"""Stores that keep a state as a number use its index here."""
HELD, SETTLED, RELEASED, EXPIRED = range(4)


def plan_text(plan: Plan) -> str:
    """Return the plan as JSON."""
    return json.dumps(
        {
            "scopes": plan.scopes,
            "activity": plan.activity,
            "hour": str(plan.hour),
            "revision": str(plan.revision),
            "lines": [
                {name: _text(value) for name, value in line._asdict().items() if value is not None}
                for line in plan.lines
            ],
        },
        separators=(",", ":"),
    )


def plan_of(text: str) -> Plan:
    """Parse what `plan_text` wrote."""
    read = json.loads(text)
    return Plan(
        lines=tuple(_line(line) for line in read["lines"]),
        scopes=tuple(read["scopes"]),
        activity=read["activity"],
        hour=int(read["hour"]),
        revision=int(read["revision"]),
    )


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value)


def _line(read: dict[str, str]) -> Line:
    return Line(
        scope=read["scope"],
        period=read["period"],
        bucket=int(read["bucket"]),
        first=int(read["first"]),
        last=int(read["last"]),
        limit=_int(read.get("limit")),
        warn=_int(read.get("warn")),
        fixed=_int(read.get("fixed")),
        resets_at=float(read["resets_at"]) if "resets_at" in read else None,
    )


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)
