"""What a campaign of torture is about: its programs, their budgets, and which settings change."""

from typing import NamedTuple

from costmon.guard import Budget, Guard, Thresholds

ZONE = "America/New_York"
TTLS = (0.03, 0.15, 0.6, 2.0)
LONGEST_TTL_S = max(TTLS)
SHORTEST_TTL_S = min(TTLS)
NONE = -1
"""In place of the limit of a budget that is removed."""

RATE_SCOPE, RATE = "key:rate", 25
TIER_SCOPE = "key:tier"
CUSTOM_SCOPE = "host:custom.test"
CHANGING = ("account:a", "day")
COMING = (("key:k0", "day"), ("global", "hour"), ("tag:run=1", "rolling:2h"))
"""Budgets that no program has: they are set in the store, and removed."""

RESET = (("service:s", "day"), ("model:m1", "total"))
"""Of scopes that no budget is about."""


def text(nano):
    """Return nano-units as a text of major units, exactly."""
    return f"{nano // 10**9}.{nano % 10**9:09d}"


def dollars(number):
    return int(number * 10**9)


# (scope or pattern, period): limit in nano-units.
LIMITS = {
    ("global", "day"): dollars(300),
    ("global", "rolling:2h"): dollars(60),
    ("host:*", "hour"): dollars(2.5),
    ("host:h0.test", "hour"): dollars(1),
    ("host:h0.test", "rolling:60s"): dollars(0.25),
    ("key:k0", "month"): dollars(120),
    ("key:k1", "rolling:24h"): dollars(25),
    ("tag:run=1", "total"): dollars(40),
    (TIER_SCOPE, "day"): dollars(20),
    ("account:a", "hour"): dollars(2),
    ("account:a", "day"): dollars(12),
    ("account:a", "month"): dollars(90),
    ("model:m0", "hour"): dollars(1.5),
}
MODEL_BLOCK = 90
"""The budget of `model:m0` has levels of its own; all others go by the thresholds."""

PROGRAMS = (
    LIMITS,
    {
        ("host:*", "hour"): dollars(2.5),
        ("global", "month"): dollars(900),
        ("key:k0", "month"): dollars(100),
        ("service:t", "hour"): dollars(0.4),
    },
    {
        ("host:*", "hour"): dollars(2),
        ("global", "day"): dollars(200),
        ("key:k1", "hour"): dollars(1.5),
        ("account:a", "day"): dollars(10),
        ("service:t", "total"): dollars(15),
    },
)
"""Limits by program: the first one runs all the time, the others come and go."""

CHAINS = (
    ("global",),
    ("host:h0.test",),
    ("host:api.openai.com", "model:m0"),
    ("host:h1.test", "key:k0"),
    ("key:k1", "tag:run=1", "host:h2.test"),
    (RATE_SCOPE,),
    (TIER_SCOPE, "host:h3.test"),
    (CUSTOM_SCOPE,),
    ("account:a",),
    ("service:s", "key:k0", "account:a"),
    ("service:t", "model:m1"),
)
PERIODS = ("hour", "day", "month", "total", "rolling:60s", "rolling:2h", "rolling:24h")


class Change(NamedTuple):
    """A change of the settings that a worker may make.

    Attributes:
        what: `limit`, `share` or `block`.
        name: What it is about: a (scope, period) of `limit`, a scope of `share`.
        value: Nano-units, per cent; of `share` -1 stands for blocked, of `limit` for no budget.
    """

    what: str
    name: str
    value: int


CHANGES = (
    *(Change("limit", "|".join(CHANGING), dollars(limit)) for limit in (12, 6, 24)),
    Change("limit", "|".join(CHANGING), NONE),
    *(
        Change("limit", f"{scope}|{period}", limit)
        for (scope, period), limits in zip(COMING, ((5, 3), (9, 6), (4, 2)), strict=True)
        for limit in (NONE, *map(dollars, limits))
    ),
    *(Change("limit", f"{CUSTOM_SCOPE}|hour", dollars(limit)) for limit in (0.5, 4)),
    *(Change("share", TIER_SCOPE, share) for share in (100, 25, -1, 100)),
    *(Change("block", "*", block) for block in (100, 95, 100)),
)


def open_guard(store, clock, rng, program=0):
    """Return a guard as one of the programs has it."""
    budgets = [
        Budget(
            scope,
            text(limit),
            period,
            levels=Thresholds(50, MODEL_BLOCK) if scope == "model:m0" else None,
        )
        for (scope, period), limit in PROGRAMS[program].items()
    ]
    return Guard(store, budgets, zone=ZONE, clock=clock, rng=rng, app="torture")


def prepare(guard):
    """Configure what stays so during the whole campaign.

    Every rolling window is counted from the start: of what was spent before, a new counter knows
    only the hour, and takes the end of it to be now, by the clock of the program that creates it.
    """
    guard.configure(RATE_SCOPE, rate_limit=RATE)
    guard.reserve("global", 0).release()  # now the store knows the first program's budgets
    for scope, period in COMING:
        if period.startswith("rolling"):
            guard.set_budget(Budget(scope, 1, period))
            guard.remove_budget(scope, period)


def apply(guard, change):
    """Change the settings for all guards on the store."""
    if change.what == "block":
        guard.set_thresholds(Thresholds(80, change.value))
    elif change.what == "share":
        tier = {100: "standard", 25: "limited", -1: "blocked"}[change.value]
        guard.configure(change.name, tier=tier)
    elif change.name.startswith(CUSTOM_SCOPE):
        guard.configure(CUSTOM_SCOPE, custom_budget=text(change.value))
    else:
        scope, _, period = change.name.partition("|")
        if change.value == NONE:
            guard.remove_budget(scope, period)
        else:
            guard.set_budget(Budget(scope, text(change.value), period))
