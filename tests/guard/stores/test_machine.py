"""Random operations on every store agree with bookkeeping that is too simple to be wrong."""

import contextlib
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmon.guard.stores.base import Hold, Refusal
from tests.guard.stores.kinds import KINDS, REDIS
from tests.guard.stores.makers import HOUR, line, plan

_MOST = 9 * 10**18
_AMOUNTS = st.one_of(
    st.integers(0, 40), st.sampled_from([10**9 - 1, 10**9, 2**53, 2**53 + 1, 10**18 - 1, 10**18])
)
_RUN = itertools.count()


class Book:
    """What every lease is, and nothing else: all figures are sums over it."""

    def __init__(self):
        self.leases = []

    def figures(self, scope):
        mine = [one for one in self.leases if scope in one["scopes"]]
        spent = sum(one["spent"] for one in mine)
        return spent, sum(one["nano"] for one in mine if one["state"] == "held")


def _operations():
    return st.lists(
        st.tuples(
            st.sampled_from(["reserve"] * 3 + ["settle"] * 2 + ["release", "renew", "pass", "key"]),
            _AMOUNTS,
            st.integers(0, 30),
        ),
        min_size=1,
        max_size=25,
    )


@pytest.mark.parametrize("place", KINDS, indirect=True)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=_operations(), limit=st.sampled_from([0, 50, 10**9, 2**53, 3 * 10**18, _MOST]))
def test_any_sequence_of_operations_is_counted_as_in_the_book(place, operations, limit):  # noqa: C901, PLR0912 - one branch for each operation
    store, book, run = place.open(), Book(), next(_RUN)
    scopes = ("global", f"key:{run}", "key:b")
    # Each run has counters of its own, in the same store.
    lines = [
        line(f"tag:run={run}", limit),
        line(f"key:{run}", limit, period="rolling:24h"),
        line(f"model:{run}", period="hour", warn=30),
    ]
    chains = [plan(lines[0]), plan(*lines), plan(lines[2])]
    time_s = 0.0
    for what, amount, number in operations:
        if what in {"reserve", "key"}:
            wanted = chains[number % 3]
            limits = [one for one in wanted.lines if one.limit is not None]
            full = next(
                (one for one in limits if sum(book.figures(one.scope)) + amount > limit), None
            )
            key = f"{run}-{number}" if what == "key" else None
            known = next((one for one in book.leases if key and one["key"] == key), None)
            found = store.reserve(wanted, amount, 60.0 + number, key)
            if known is not None:
                assert found.id == known["hold"].id
            elif full is not None:
                assert found == Refusal(full, *book.figures(full.scope))
            else:
                assert isinstance(found, Hold)
                book.leases.append(
                    {
                        "hold": found,
                        "key": key,
                        "scopes": wanted.scopes,
                        "nano": amount,
                        "spent": 0,
                        "state": "held",
                        "due": time_s + 60.0 + number,
                    }
                )
        elif what == "pass":
            time_s += number
            place.let_pass(number)
            store.sweep()
            for one in book.leases:
                # Servers' clocks go on during the test: no ttl ends within a second of it.
                if one["state"] == "held" and one["due"] <= time_s + 0.5:
                    one.update(state="expired", spent=one["nano"])
        elif book.leases:
            one = book.leases[number % len(book.leases)]
            hold = store.find(one["hold"].id) if number % 2 else one["hold"]
            if hold is None:
                continue
            if what == "renew":
                assert store.renew(hold, 100.0) in {one["state"], None}
                if one["state"] == "held":
                    one["due"] = time_s + 100.0
                continue
            ended = one["state"] in {"settled", "released"}
            answer = store.settle(hold, amount) if what == "settle" else store.release(hold)
            assert answer == one["state"]
            if not ended and what == "settle":
                one.update(state="settled", spent=amount)
            elif not ended:
                one.update(state="released", spent=0)
        assert store.totals(lines) == [book.figures(one.scope) for one in lines], scopes
    for one in lines:
        rows = store.usage(HOUR, HOUR + 1, one.scope)
        assert sum(row.spent for row in rows) == book.figures(one.scope)[0]
        charged = [b for b in book.leases if one.scope in b["scopes"]]
        assert sum(row.requests for row in rows) == sum(
            b["state"] in {"settled", "expired"} for b in charged
        )
        assert sum(row.expired for row in rows) == sum(b["state"] == "expired" for b in charged)
    for one in book.leases:
        with contextlib.suppress(AttributeError):
            store.release(one["hold"])


@pytest.mark.parametrize("place", [REDIS], indirect=True)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limit=st.integers(0, _MOST),
    below=st.integers(0, 3),
    first=st.integers(0, 2**62),
    rng=st.randoms(use_true_random=False),
)
def test_amounts_in_lua_are_exact_to_the_last_digit(store, limit, below, first, rng):
    run = random.Random(rng.random()).randrange(10**12)
    wanted = plan(line(f"tag:r={run}.{next(_RUN)}", limit))
    first = min(first, limit)
    assert isinstance(store.reserve(wanted, first, 60.0), Hold)

    rest = limit - first
    assert store.reserve(wanted, rest + 1, 60.0) == Refusal(wanted.lines[0], 0, first)
    assert isinstance(store.reserve(wanted, max(0, rest - below), 60.0), Hold)
    held = first + max(0, rest - below)
    assert store.totals(wanted.lines) == [(0, held)]
    assert isinstance(store.reserve(wanted, limit - held + 1, 60.0), Refusal)
