"""One store counts in one currency: guards in another are told both, and change nothing."""

from decimal import Decimal

import pytest

from costmon.guard import Budget, CurrencyError, Guard, GuardError
from tests.guard.stores.kinds import KINDS

pytestmark = pytest.mark.parametrize("place", KINDS, indirect=True)


@pytest.fixture
def guard(place, clock):
    """Make guards on the place, in any currency."""

    def made(currency, **named):
        return Guard(place.open(), currency=currency, clock=clock, **named)

    return made


USES = {
    "reserve": lambda guard: guard.reserve("key:b", "0.5"),
    "spent": lambda guard: guard.spent("global"),
    "remaining": lambda guard: guard.remaining("global"),
    "usage": lambda guard: guard.usage(guard.clock.now(), guard.clock.now()),
    "leases": lambda guard: guard.leases(),
    "lease": lambda guard: guard.lease("1"),
    "reset": lambda guard: guard.reset("global"),
    "set_budget": lambda guard: guard.set_budget(Budget("key:a", "1")),
    "configure": lambda guard: guard.configure("key:a", custom_budget="1"),
    "remove_budget": lambda guard: guard.remove_budget("key:a"),
    "record": lambda guard: guard.records.record_cost("a.example", "1"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_guard_in_another_currency_is_refused_by_name(guard, place, use):
    euros = guard("EUR", budgets=[Budget("global", "1", "day")])
    euros.reserve("key:a", "0.45").settle()
    dollars = guard("USD", budgets=[Budget("global", "1", "day")])
    before = place.open().settings()

    with pytest.raises(CurrencyError, match=r"EUR.*USD") as caught:
        use(dollars)

    assert isinstance(caught.value, GuardError)
    assert (caught.value.counted, caught.value.wanted) == ("EUR", "USD")
    assert place.open().settings() == before
    assert euros.spent("global", "day") == Decimal("0.45")


def test_guards_in_the_same_currency_share_their_counters(guard):
    first, second = guard("EUR"), guard("eur")
    first.reserve("key:a", "0.45").settle()

    second.reserve("key:a", "0.5").settle()

    assert first.spent("key:a") == Decimal("0.95")


def test_reading_an_unused_store_chooses_no_currency(guard):
    assert guard("USD").spent("global") == 0

    assert guard("EUR").reserve("global", "0.5").state == "held"


def test_the_first_change_of_settings_chooses_the_currency(guard):
    guard("EUR").set_budget(Budget("global", "1"))

    with pytest.raises(CurrencyError):
        guard("USD").reserve("global", "0.5")


def test_a_guard_that_may_continue_without_its_store_is_refused_too(guard):
    guard("EUR").reserve("key:a", "0.45").settle()

    with pytest.raises(CurrencyError):
        guard("USD", when_store_fails="fail_open").reserve("key:a", "0.5")
