"""What cannot be used is refused by a typed error; what can is brought into one spelling."""

from decimal import Decimal

import pytest

from costmon.errors import InputError
from costmon.guard import AmountError, Budget, BudgetError, Guard, ScopeError, Thresholds
from costmon.testing.clock import FakeClock

SECRET = "hunter2"


@pytest.fixture
def guard():
    return Guard(clock=FakeClock())


class Thing:
    """Nothing that a guard knows; each process of a test run has to call it the same."""

    def __repr__(self):
        return "Thing()"


BAD_AMOUNTS: list[object] = [
    *("-0.01", "-1", -1, -0.5, Decimal(-1)),
    *("NaN", "sNaN", "-NaN", float("nan"), Decimal("NaN")),
    *("inf", "-inf", "Infinity", float("inf"), float("-inf"), Decimal("Infinity")),
    *("9000000001", 10**30, "1e400", Decimal("1e999999"), 1e300),
    *("", " ", "one", "1,5", "$1", "0x10", "\x00", "1 USD"),
    *(True, False, None, [], {}, Thing(), b"1", 1j, (1,)),
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_a_bad_estimate_holds_nothing(guard, amount):
    with pytest.raises(AmountError):
        guard.reserve("global", amount)

    assert guard.held("global") == 0
    assert guard.leases() == ()


@pytest.mark.parametrize("amount", [one for one in BAD_AMOUNTS if one is not None], ids=repr)
def test_a_bad_cost_settles_nothing(guard, amount):
    lease = guard.reserve("global", "1")

    with pytest.raises(AmountError):
        lease.settle(amount)

    assert lease.state == "held"
    assert guard.held("global") == 1


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_a_bad_limit_makes_no_budget(amount):
    with pytest.raises(InputError):
        Budget("global", amount)


@pytest.mark.parametrize(
    ("amount", "counted"),
    [
        ("0.02", "0.02"),
        (1, "1"),
        (0.1, "0.1"),
        (Decimal("1e-9"), "0.000000001"),
        ("1e-3", "0.001"),
        (" 0.5 ", "0.5"),
        ("-0", "0"),
        (9_000_000_000, "9000000000"),
    ],
)
def test_good_amounts_are_counted_exactly(guard, amount, counted):
    guard.reserve("global", amount).settle()

    assert guard.spent("global") == Decimal(counted)


@pytest.mark.parametrize("currency", ["EUR", "eur", "", "dollars", 5])
def test_another_currency_is_refused(guard, currency):
    with pytest.raises(AmountError):
        guard.reserve("global", "1", currency=currency)
    with pytest.raises(AmountError):
        guard.reserve("global", "1").settle("1", currency=currency)


@pytest.mark.parametrize("currency", ["", "US", "dollar", "U$D", None, 840, "ÜSD"])
def test_a_guard_needs_a_currency(currency):
    with pytest.raises(AmountError):
        Guard(currency=currency)


def test_a_budget_in_another_currency_is_refused(guard):
    with pytest.raises(AmountError, match="EUR"):
        Guard(budgets=[Budget("global", 1, currency="EUR")])
    with pytest.raises(AmountError, match="EUR"):
        guard.set_budget(Budget("global", 1, currency="EUR"))


BAD_SCOPES = [
    *("", " ", ":", "host:", "host: ", "global ", "Global", "GLOBAL", "globals"),
    *("planet:earth", "host", "x.test", "HOST:x.test"),
    *("key:a\nb", "key:a\x00", "key:\x1b[31m", "key: a", "key:a ", "key:\u202eevil", "host:a b"),
    *("host:*", "key:*", "host:*.example.com", "host:a.*.test", "key:a*"),
    *("tag:run", "tag:=1", "tag:run=", "provider:Open AI", "provider:-x", "provider:"),
    *("host:-a.test", "host:a..test", "host:.test", "host:" + "a" * 64, "host:a_" + "b." * 130),
    *("host:[::1", "host:[zz::1]", "host:http://", "host:///path", "host:?q=1", "host:@"),
    *("key:" + "k" * 197, "model:" + "m" * 500),
    *(None, 5, True, b"global", Thing()),
]


@pytest.mark.parametrize("scope", BAD_SCOPES, ids=ascii)
def test_a_bad_scope_holds_nothing(guard, scope):
    with pytest.raises(ScopeError):
        guard.reserve([scope, "key:k"], "1")

    assert guard.held("global") == guard.held("key:k") == 0


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("host:X.Test", "host:x.test"),
        ("host:x.test.", "host:x.test"),
        ("host:x.test:8443", "host:x.test"),
        ("host:https://X.test:443/inbox?token=1#f", "host:x.test"),
        (f"host:https://user:{SECRET}@x.test/", "host:x.test"),
        (f"host:user:{SECRET}@x.test", "host:x.test"),
        ("host:Bücher.example", "host:xn--bcher-kva.example"),
        ("host:https://BÜCHER.example:443/", "host:xn--bcher-kva.example"),
        ("host:xn--bcher-kva.example", "host:xn--bcher-kva.example"),
        ("host:127.0.0.1:80", "host:127.0.0.1"),
        ("host:[::1]:80", "host:::1"),
        ("host:::1", "host:::1"),
        ("host:[2001:DB8::1]", "host:2001:db8::1"),
        ("host:localhost", "host:localhost"),
        ("host:my_service", "host:my_service"),
        ("provider:OpenAI", "provider:openai"),
        ("key:Job 17", "key:Job 17"),
        ("key:ключ", "key:ключ"),
        ("key:gpt-4o:mini", "key:gpt-4o:mini"),
        ("tag:team=blue=green", "tag:team=blue=green"),
    ],
)
def test_a_scope_is_brought_into_its_one_spelling(guard, written, counted):
    lease = guard.reserve(written, "1")
    lease.settle()

    assert lease.scopes[0] == counted
    assert guard.spent(counted) == guard.spent(written) == 1


def test_no_more_than_thirty_scopes_at_a_time(guard):
    guard.reserve([f"key:{number}" for number in range(30)], "1")

    with pytest.raises(ScopeError, match="at most 30"):
        guard.reserve([f"key:{number}" for number in range(31)], "1")
    with pytest.raises(ScopeError), guard.scoped("key:more"):
        guard.reserve([f"key:{number}" for number in range(30)], "1")


@pytest.mark.parametrize("scopes", [[], (), None, 5, {}, [None], [["global"]], Thing()], ids=repr)
def test_scopes_that_are_none_are_refused(guard, scopes):
    with pytest.raises(InputError):
        guard.reserve(scopes, "1")


@pytest.mark.parametrize(
    "ttl", [0, -1, float("nan"), float("inf"), 10**9, "60", None, True, [], 1j], ids=repr
)
def test_a_bad_time_to_live_holds_nothing(guard, ttl):
    with pytest.raises(InputError):
        guard.reserve("global", "1", ttl=ttl)
    assert guard.held("global") == 0

    lease = guard.reserve("global", "1")
    with pytest.raises(InputError):
        lease.renew(ttl)


@pytest.mark.parametrize("activity", ["", "a" * 61, "a\nb", "\x00", None, 5], ids=repr)
def test_a_bad_activity_holds_nothing(guard, activity):
    with pytest.raises(InputError):
        guard.reserve("global", "1", activity=activity)


@pytest.mark.parametrize("key", ["", "k" * 201, "a\x00b", 5, True, [], b"k"], ids=ascii)
def test_a_bad_key_holds_nothing(guard, key):
    with pytest.raises(InputError):
        guard.reserve("global", "1", key=key)
    assert guard.held("global") == 0


@pytest.mark.parametrize("wait", [-1, float("nan"), float("inf"), "1", None, True], ids=repr)
def test_a_bad_wait_holds_nothing(guard, wait):
    with pytest.raises(InputError):
        guard.reserve("global", "1", wait=wait)
    assert guard.held("global") == 0


@pytest.mark.parametrize("count", [-1, 1.5, "5", None, float("nan")], ids=repr)
def test_a_bad_number_of_bytes_settles_nothing(guard, count):
    lease = guard.reserve("global", "1")

    with pytest.raises(InputError):
        lease.settle("1", bytes_in=count or "none")

    assert lease.state == "held"


@pytest.mark.parametrize(
    "period",
    [
        *("week", "", "Hour", None, 5, "rolling:", "rolling:0s", "rolling:-1h", "rolling:367d"),
        *("rolling:1.5h", "rolling:1y", "rolling:99999999d"),
    ],
)
def test_a_bad_period_makes_no_budget(period):
    with pytest.raises(BudgetError):
        Budget("global", 1, period)


@pytest.mark.parametrize("percent", [0, -1, 101, "NaN", "x", None, True, float("inf")], ids=repr)
def test_bad_thresholds_are_refused(percent):
    with pytest.raises(BudgetError):
        Thresholds(percent, 100)
    with pytest.raises(BudgetError):
        Thresholds(80, percent)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "UTC\x00", "x" * 300])
def test_a_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(BudgetError):
        Guard(zone=zone)


@pytest.mark.parametrize(
    "named",
    [
        {"tier": "gold"},
        {"tier": 5},
        {"custom_budget": -1},
        {"custom_budget": "NaN"},
        {"custom_budget": True},
        {"rate_limit": 0},
        {"rate_limit": -5},
        {"rate_limit": 1.5},
        {"rate_limit": True},
        {"rate_limit": 10**7},
    ],
    ids=repr,
)
def test_a_bad_configuration_changes_nothing(guard, named):
    with pytest.raises(InputError):
        guard.configure("host:x.test", **named)

    assert guard.config("host:x.test") is None


def test_a_pattern_cannot_be_configured_or_read(guard):
    for ask in (
        guard.configure,
        guard.spent,
        guard.held,
        guard.remaining,
        guard.reset,
        guard.config,
    ):
        with pytest.raises(ScopeError):
            ask("host:*")


@pytest.mark.parametrize(
    "scope",
    [
        f"host:https://user:{SECRET}@bad host/",
        f"host:https://user:{SECRET}@/",
        f"host:user:{SECRET}@-x.test",
        f"host:https://x..test/?token={SECRET}",
        f"https://user:{SECRET}@x.test/",
        f"https://x.test/?token={SECRET}",
        f"host:https://user:{SECRET}@*.x.*",
        f"host:https://user:{SECRET}@x.test/\n",
    ],
)
def test_no_error_repeats_a_secret(guard, scope):
    with pytest.raises(ScopeError) as caught:
        guard.reserve(scope, "1")

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert SECRET not in caught.value.given


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{SECRET}@db/x",
        f"memory://{SECRET}",
        f"{SECRET}",
        f"user:{SECRET}@db://x",
        "",
        "sqlite://",
        "sqlite:///",
    ],
)
def test_a_bad_store_is_refused_without_its_secrets(url):
    with pytest.raises(InputError) as caught:
        Guard(url)

    assert SECRET not in str(caught.value)
