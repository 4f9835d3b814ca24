"""Guards, budgets and circuits for the API's tests."""

import datetime as dt
import json
from decimal import Decimal

from costmon.domain.budget import Budget
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.domain.spend import LeaseNote, RefusalNote, ScopeGauge
from costmon.state.guard_state import GuardSeen, GuardState, SpendTotal
from costmon.testing.clock import START

HOUR = dt.timedelta(hours=1)


def circuit(scope="host:api.example.com", **facts):
    values = {
        "state": "open",
        "reason": "it spends too much",
        "author": "ann",
        "changed_at": START,
        "expires_at": None,
        "revision": 1,
    }
    return Circuit(scope=scope, **{**values, **facts})


def told(scope="global", limit="1000", period="month", *, source="file", author=None, **facts):
    budget = Budget(scope, limit, period, **{"currency": "USD", **facts})
    return PolicyBudget(budget=budget, source=source, author=author)


def policy(revision="r1", budgets=(), circuits=()):
    return Policy(revision=revision, budgets=tuple(budgets), circuits=tuple(circuits))


def gauge(scope="global", limit="10", spent="2.5", held="0.5", *, period="month", **facts):
    return ScopeGauge(
        scope=scope,
        period=period,
        limit=None if limit is None else Decimal(limit),
        spent=Decimal(spent),
        held=Decimal(held),
        **{"resets_at": START + HOUR, **facts},
    )


def lease(name="lease-1", **facts):
    values = {
        "scopes": ("global", "host:api.example.com"),
        "activity": "call",
        "estimate": Decimal("0.02"),
        "expires_at": START + HOUR,
    }
    return LeaseNote(id=name, **{**values, **facts})


def seen(guard="g1", **facts):
    values = {
        "store": "s1",
        "app": "worker",
        "host": "box",
        "pid": 12,
        "currency": "USD",
        "seen_at": START,
        "sequence": 7,
        "scopes": (gauge(),),
        "leases": (lease(),),
        "refused": {("host:api.example.com", "budget"): 3},
    }
    return GuardSeen(guard=guard, **{**values, **facts})


def refusal(text="host:api.example.com has no money left", **facts):
    values = {"at": START, "scope": "host:api.example.com", "reason": "budget"}
    return RefusalNote(text=text, **{**values, **facts})


def total(spent="2.5", requests=10, failed=1, currency="USD"):
    return SpendTotal(currency=currency, spent=Decimal(spent), requests=requests, failed=failed)


def guard_state(*guards, **facts):
    values = {
        "totals": {("global", "USD"): total()},
        "unpriced": {},
        "refused": {("host:api.example.com", "budget"): 3},
        "refusals": (("g1", refusal()),),
        "notices": (),
    }
    return GuardState(guards=guards or (seen(),), **{**values, **facts})


def report_body(**facts):
    """Return a report as a guard sends it."""
    values = {
        "guard": "9f3c",
        "store": "s1",
        "sequence": 7,
        "app": "worker",
        "host": "box",
        "pid": 12,
        "sent_at": "2026-11-21T10:00:00.123456Z",
        "currency": "USD",
        "rows": [
            {
                "hour": "2026-11-21T10:00:00Z",
                "scope": "global",
                "activity": "call",
                "spent": "0.013",
                "requests": 1,
                "failed": 0,
                "expired": 0,
                "bytes_in": 0,
                "bytes_out": 0,
                "changes": 1,
            }
        ],
        "scopes": [
            {
                "scope": "global",
                "period": "month",
                "limit": "1000",
                "spent": "0.013",
                "held": "0",
                "resets_at": "2026-12-01T00:00:00Z",
            }
        ],
        "leases": [
            {
                "id": "abc",
                "scopes": ["global"],
                "activity": "call",
                "estimate": "0.02",
                "expires_at": "2026-11-21T10:01:00Z",
            }
        ],
        "refusals": [
            {
                "at": "2026-11-21T10:00:00Z",
                "scope": "host:x",
                "reason": "budget",
                "text": "host:x has no money left",
            }
        ],
        "refused": [{"scope": "host:x", "reason": "budget", "refused": 3}],
        "notices": [
            {
                "id": "n1",
                "at": "2026-11-21T10:00:00Z",
                "kind": "warn",
                "scope": "global",
                "text": "80 % are spent",
            }
        ],
    }
    return {**values, **facts}


def report_bytes(**facts):
    return json.dumps(report_body(**facts)).encode()
