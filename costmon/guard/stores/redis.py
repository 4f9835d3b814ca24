"""Counters in Redis (5 or newer), for processes on several machines.

Leases expire by the server's clock. All keys begin with `costmon:guard:{costmon}:`, so that a
cluster keeps them in one slot.

What Redis loses, the guard loses: after a restart without an append-only file, everything since the
last dump may be spent again; with `appendfsync everysec`, or after a failover to a replica, what
was spent in the last second. Make it refuse writes when its memory is full (`maxmemory-policy
noeviction`), because evicted keys are lost counters. If that is not enough, use PostgreSQL.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from costmon.clock import EpochClock
from costmon.errors import InputError
from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable, LeaseError
from costmon.guard.stores import redis_scripts as scripts
from costmon.guard.stores.base import (
    NOTHING,
    Hold,
    LeaseRow,
    LeaseState,
    Line,
    Outcome,
    Outdated,
    Plan,
    RecordKind,
    Refusal,
    Settings,
    UsageRow,
    shown_url,
)
from costmon.guard.stores.plan_text import HELD, RELEASED, SETTLED, STATES, plan_of, plan_text

T = TypeVar("T")

PREFIX = "costmon:guard:{costmon}:"
_CONNECT_S = 3
_ANSWER_S = 5
_BATCH = 200
_METRICS = ("spent", "requests", "failed", "expired", "bytes_in", "bytes_out", "changes")
_HIGHEST = 2**63 - 1


class RedisStore:
    """A store in the keys `costmon:guard:...` of a Redis server."""

    shared = True

    def __init__(self, url: str, *, clock: EpochClock) -> None:
        self._shown = shown_url(url)
        self._clock = clock
        try:
            self._redis = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_connect_timeout=_CONNECT_S,
                socket_timeout=_ANSWER_S,
                # No automatic retries: a hold whose reply was lost must not be made twice.
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, redis.RedisError):
            scheme = url.partition("://")[0]
            raise InputError(f"{scheme}://: the URL is not valid; check it") from None
        self._scripts: dict[str, str] = {}
        self._identity = ""

    def __str__(self) -> str:
        return self._shown

    def identity(self) -> str:
        """Return the random name of the content, chosen when it was created."""
        self._open("be read")
        return self._identity

    def reserve(
        self, plan: Plan, nano: int, ttl_s: float, key: str | None = None
    ) -> Hold | Refusal | Outdated:
        """Hold `nano` on every line or on none; see `Store.reserve`."""
        cache = plan.cache
        if not isinstance(cache, tuple):
            text = plan_text(plan)
            cache = plan.cache = (text, hashlib.sha256(text.encode()).hexdigest()[:32])
        given = [*cache, plan.revision, _fitting(self, nano), repr(ttl_s)]
        if key is not None:
            given.append(key)
        answer = self._run("hold an amount", scripts.RESERVE, *given)
        what = answer[0]
        if what == "held":
            hold = Hold(self._name(answer[1]), plan, nano, ttl_s, key)
            hold.warned = tuple(
                (plan.lines[place - 1], int(spent), int(held)) for place, spent, held in answer[2]
            )
            return hold
        if what == "refused":
            return Refusal(plan.lines[answer[1] - 1], int(answer[2]), int(answer[3]))
        if what == "outdated":
            return Outdated(int(answer[1]))
        known = self._hold(answer)
        if known.plan.scopes != plan.scopes:
            scopes = ", ".join(known.plan.scopes)
            raise LeaseError(key or "", f"the key belongs to a call of {scopes}")
        return known

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> LeaseState | None:
        """Charge what the call cost; see `Store.settle`."""
        return self._end("settle a lease", hold, nano, outcome, SETTLED)

    def release(self, hold: Hold) -> LeaseState | None:
        """Charge nothing; see `Store.release`."""
        return self._end("release a lease", hold, 0, NOTHING, RELEASED)

    def _end(
        self, operation: str, hold: Hold, nano: int, outcome: Outcome, after: int
    ) -> LeaseState | None:
        number = self._number(hold.id)
        if number is None:
            return None
        given = (number, _fitting(self, nano), after, *_figures(self, outcome))
        answer = self._run(operation, scripts.END, *given)
        if answer[0] != "was":
            return None
        before = int(answer[1])
        hold.state = STATES[before if before in {SETTLED, RELEASED} else after]
        return STATES[before]

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make a held lease expire `ttl_s` seconds from now; see `Store.renew`."""
        number = self._number(hold.id)
        if number is None:
            return None
        answer = self._run("renew a lease", scripts.RENEW, number, repr(ttl_s))
        if answer[0] != "was":
            return None
        hold.state = STATES[answer[1]]
        if answer[1] == HELD:
            hold.expires_in_s = ttl_s
        return hold.state

    def find(self, id: str) -> Hold | None:
        """Return a lease; see `Store.find`."""
        number = self._number(id)
        if number is None:
            return None
        answer = self._run("find a lease", scripts.FIND, number)
        return self._hold(answer) if answer[0] == "lease" else None

    def _hold(self, answer: list[Any]) -> Hold:
        _, number, nano, state, left_s, key, text = answer
        hold = Hold(self._name(number), plan_of(text), int(nano), float(left_s), key or None)
        hold.state = STATES[state]
        return hold

    def charge(
        self,
        plan: Plan,
        nano: int,
        id: str,
        outcome: Outcome = NOTHING,
    ) -> bool | Outdated:
        """Charge without a lease; see `Store.charge`."""
        given = (plan_text(plan), id, _fitting(self, nano), *_figures(self, outcome))
        answer = self._run("charge a call", scripts.CHARGE, *given)
        return Outdated(int(answer[1])) if answer[0] == "outdated" else answer[0] == "charged"

    def totals(self, lines: Sequence[Line]) -> list[tuple[int, int]]:
        """Return what each line's window has spent and holds."""
        if not lines:
            return []
        self._expire()
        answer = self._run("be read", scripts.TOTALS, _lines_text(lines))
        return [(int(spent), int(held)) for spent, held in answer[1:]]

    def reset(self, line: Line) -> int:
        """Set what the line's window has spent to 0; see `Store.reset`."""
        self._expire()
        return int(self._run("reset a counter", scripts.RESET, _lines_text([line]))[1])

    def sweep(self) -> int:
        """Expire what is due; Redis deletes old data by itself."""
        return self._expire()

    def _expire(self) -> int:
        expired = 0
        while True:
            one = int(self._run("expire leases", scripts.EXPIRE)[1])
            expired += one
            if one < _BATCH:
                return expired

    def leases(self, limit: int) -> list[LeaseRow]:
        """Return the held leases, oldest first."""
        self._expire()
        rows = []
        for _, number, nano, _, left_s, key, text in self._run("be read", scripts.LEASES, limit)[
            1:
        ]:
            plan = plan_of(text)
            rows.append(
                LeaseRow(
                    id=self._name(number),
                    key=key or None,
                    scopes=plan.scopes,
                    activity=plan.activity,
                    nano=int(nano),
                    state="held",
                    expires_in_s=float(left_s),
                )
            )
        return rows

    def usage(self, since: int, until: int, scope: str | None = None) -> list[UsageRow]:
        """Return the rows of the hours in [since, until), oldest first."""
        self._expire()
        return self._guarded("be read", lambda: self._usage(since, until, scope))

    def _usage(self, since: int, until: int, scope: str | None) -> list[UsageRow]:
        hours: Any = self._redis.zrangebyscore(f"{PREFIX}hours", since, f"({until}")
        pipeline = self._redis.pipeline(transaction=False)
        for hour in hours:
            pipeline.hgetall(f"{PREFIX}usage:{hour}")
        found: dict[tuple[int, str, str], dict[str, int]] = {}
        for hour, fields in zip(hours, pipeline.execute(), strict=True):
            for name, figure in fields.items():
                named, _, rest = name.partition("\n")
                activity, _, metric = rest.rpartition("\n")
                if scope is None or scope == named:
                    row = found.setdefault((int(hour), named, activity), {})
                    row[metric] = int(figure)
        return [
            UsageRow(*name, *(row.get(metric, 0) for metric in _METRICS))
            for name, row in sorted(found.items())
        ]

    def settings(self) -> Settings:
        """Return the settings."""
        self._open("be read")

        def read() -> Settings:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hget(f"{PREFIX}state", "revision")
            pipeline.hgetall(f"{PREFIX}record:budget")
            pipeline.hgetall(f"{PREFIX}record:scope")
            revision, budgets, scopes = pipeline.execute()
            return Settings(
                int(revision or 0), dict(sorted(budgets.items())), dict(sorted(scopes.items()))
            )

        return self._guarded("be read", read)

    def read(self, kind: RecordKind, key: str) -> str | None:
        """Return a record's text."""
        found: Any = self._guarded(
            "be read", lambda: self._redis.hget(f"{PREFIX}record:{kind}", key)
        )
        return None if found is None else str(found)

    def update(
        self, kind: RecordKind, key: str, change: Callable[[str | None], str | None]
    ) -> str | None:
        """Replace a record by `change` of it; see `Store.update`."""
        while True:
            before = self.read(kind, key)
            after = change(before)
            if after == before:
                return after
            answer = self._run(
                "keep a record", scripts.UPDATE, kind, key, _marked(before), _marked(after)
            )
            if answer[0] == "done":
                return after

    def records(self, kind: RecordKind) -> Iterable[tuple[str, str]]:
        """Return all records of a kind, by key."""
        found: Any = self._guarded("be read", lambda: self._redis.hgetall(f"{PREFIX}record:{kind}"))
        return sorted(found.items())

    def close(self) -> None:
        """Close the connections; leases do not change."""
        self._redis.close()

    def _run(self, operation: str, script: str, *given: object) -> list[Any]:
        """Run a script; an empty Redis is initialised."""
        for _ in range(2):
            if not self._identity:
                self._open(operation)
            answer: Any = self._guarded(
                operation, lambda: self._evaluate(script, self._identity, *given)
            )
            if answer[0] == "overflow":
                raise _overflow(self, operation)
            if answer[0] != "lost":
                return answer  # type: ignore[no-any-return]  # scripts return lists
            self._identity = ""
        raise GuardStoreUnavailable(
            str(self), operation, "its content is being replaced; try again"
        )

    def _evaluate(self, script: str, *given: object) -> object:
        sha = self._scripts.get(script)
        if sha is None:
            sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
            self._scripts[script] = sha
        texts = [str(one) for one in given]
        try:
            return self._redis.evalsha(sha, 1, PREFIX, *texts)
        except redis.exceptions.NoScriptError:
            # EVAL also caches it.
            return self._redis.eval(script, 1, PREFIX, *texts)

    def _open(self, operation: str) -> None:
        name = os.urandom(16).hex()
        answer: Any = self._guarded(
            operation, lambda: self._evaluate(scripts.OPEN, name, scripts.VERSION)
        )
        identity, version = answer
        if int(version) != scripts.VERSION:
            raise GuardStoreError(
                str(self),
                "be used",
                f"it was made by another version of costmon (its keys are of version {version},"
                f" this one needs {scripts.VERSION}); use that version, or another Redis",
            )
        self._identity = identity

    def _guarded(self, operation: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except redis.exceptions.AuthenticationError:
            detail = "the server rejects user and password; check them"
            raise GuardStoreError(str(self), operation, detail) from None
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError):
            detail = "the server does not answer; check that it runs, and host and port"
            raise GuardStoreUnavailable(str(self), operation, detail) from None
        except redis.exceptions.ResponseError as error:
            said = str(error)[:200]
            passing = any(word in said for word in _PASSING)
            kind = GuardStoreUnavailable if passing else GuardStoreError
            raise kind(str(self), operation, f"the server reported: {said}") from None
        except redis.RedisError as error:
            detail = f"the driver failed ({type(error).__name__})"
            raise GuardStoreUnavailable(str(self), operation, detail) from None

    def _name(self, number: str) -> str:
        """Return a lease's id with the content's name, so that it is not valid elsewhere."""
        return f"{self._identity[:8]}-{number}"

    def _number(self, id: str) -> str | None:
        if not self._identity:
            self._open("find a lease")
        name, _, number = id.partition("-")
        known = name == self._identity[:8] and number.isdecimal() and number.isascii()
        return number if known and len(number) < 19 else None  # noqa: PLR2004 - the digits of a 64-bit integer


_PASSING = (
    "OOM",
    "LOADING",
    "BUSY",
    "READONLY",
    "MISCONF",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "NOREPLICAS",
)


def _lines_text(lines: Sequence[Line]) -> str:
    return plan_text(Plan(tuple(lines), (), "", 0, 0))


def _marked(text: str | None) -> str:
    return "-" if text is None else f"={text}"


def _figures(store: RedisStore, outcome: Outcome) -> tuple[int, int, int, int]:
    return (
        outcome.requests,
        int(outcome.failed),
        _fitting(store, outcome.bytes_in),
        _fitting(store, outcome.bytes_out),
    )


def _fitting(store: RedisStore, figure: int) -> int:
    if -_HIGHEST <= figure <= _HIGHEST:
        return figure
    raise _overflow(store, "count")


def _overflow(store: RedisStore, operation: str) -> GuardStoreError:
    detail = "a counter would exceed the maximum of 9223372036.85 (64 bits)"
    return GuardStoreError(str(store), operation, detail)
