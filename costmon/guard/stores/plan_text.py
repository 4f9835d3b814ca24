"""Write a plan as text and read it back: how a store remembers what its leases are counted by.

Every figure is text, for Lua's numbers are exact only up to 2**53.
"""

import json

from costmon.guard.stores.base import LeaseState, Line, Plan

STATES: tuple[LeaseState, ...] = ("held", "settled", "released", "expired")
"""In stores that keep a figure for a state it is the place in here."""
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
    """Return the plan that `plan_text` wrote."""
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
