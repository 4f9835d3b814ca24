"""Anything that can be called, with a guard in front."""

import asyncio
import gc
from decimal import Decimal

import pytest

from costmon.clock import SystemClock
from costmon.guard import Budget, BudgetRefused, Guard
from costmon.guard.calls import guarded
from costmon.guard.clients.costing import Costing
from costmon.guard.requests import GuardedSession
from tests.guard.clients.wire_server import WireServer, whole


@pytest.fixture
def guard():
    with Guard(budgets=[Budget("key:k", "1", "total")]) as made:
        yield made


def spent(guard):
    assert guard.held("key:k") == 0
    return guard.spent("key:k")


def test_a_function_is_charged_at_its_estimate(guard):
    @guarded(guard, "key:k", "0.02")
    def ask(question, *, loud=False):
        """Ask."""
        return question.upper() if loud else question

    assert ask("why", loud=True) == "WHY"
    assert ask.__doc__ == "Ask."
    assert spent(guard) == Decimal("0.02")


def test_a_function_is_charged_what_its_result_says(guard):
    @guarded(
        guard,
        lambda scope, _: [scope],
        lambda _, cents: cents / Decimal(10),
        actual=lambda result: result / Decimal(100),
    )
    def ask(_, cents):
        return cents

    ask("key:k", 3)

    assert spent(guard) == Decimal("0.03")


def test_a_refused_function_is_not_called(guard):
    called: list[int] = []
    ask = guarded(guard, "key:k", "1.01")(called.append)

    with pytest.raises(BudgetRefused):
        ask(1)

    assert called == []
    assert spent(guard) == 0


def test_a_failed_function_is_charged_unless_nothing_was_sent(guard):
    errors = [ValueError("after sending"), ConnectionRefusedError("nobody there")]

    @guarded(guard, "key:k", "0.1")
    def ask():
        raise errors.pop(0)

    with pytest.raises(ValueError, match="after sending"):
        ask()
    with pytest.raises(ConnectionRefusedError):
        ask()

    assert spent(guard) == Decimal("0.1")


def test_a_function_that_a_guard_inside_refused_costs_nothing(guard):
    @guarded(guard, "key:k", "0.1")
    def outer():
        guard.reserve("key:k", "5")

    with pytest.raises(BudgetRefused):
        outer()

    assert spent(guard) == 0


def test_when_the_price_cannot_be_told_the_estimate_is_charged(guard):
    ask = guarded(guard, "key:k", "0.1", actual=lambda _: 1 / 0)(lambda: "answer")

    with pytest.raises(ZeroDivisionError):
        ask()

    assert spent(guard) == Decimal("0.1")


def test_a_coroutine_is_charged_at_its_end(guard):
    @guarded(guard, "key:k", "0.1", actual=lambda result: result)
    async def ask():
        assert guard.held("key:k") == Decimal("0.1")
        await asyncio.sleep(0)
        return "0.07"

    assert asyncio.run(ask()) == "0.07"
    assert spent(guard) == Decimal("0.07")


def test_a_cancelled_coroutine_is_charged(guard):
    @guarded(guard, "key:k", "0.1")
    async def ask():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert spent(guard) == Decimal("0.1")


def test_a_coroutine_waits_for_room_without_blocking_the_loop(guard):
    first = guard.reserve("key:k", "1")
    seen = []

    @guarded(guard, "key:k", "0.5", wait=5)
    async def ask():
        pass

    async def main():
        waiting = asyncio.create_task(ask())
        for turn in range(5):
            await asyncio.sleep(0.005)
            seen.append(turn)
        first.release()
        await waiting

    asyncio.run(main())

    assert seen == [0, 1, 2, 3, 4]
    assert spent(guard) == Decimal("0.5")
    assert sum(count.refused for count in guard.refused()) == 1


def test_waiting_for_room_ends_with_the_refusal(guard):
    guard.reserve("key:k", "1").settle()

    @guarded(guard, "key:k", "0.5", wait=0.05)
    async def ask():
        pass

    with pytest.raises(BudgetRefused):
        asyncio.run(ask())


def test_a_generator_is_held_until_its_end_and_charged_by_its_last_word(guard):
    @guarded(guard, "key:k", "0.5", actual=lambda item: item)
    def stream():
        yield None
        yield "0.1"
        yield "0.2"
        yield None

    held = [guard.held("key:k") for _ in stream()]

    assert held == [Decimal("0.5")] * 4
    assert spent(guard) == Decimal("0.2")


def test_a_generator_that_is_dropped_is_charged(guard):
    @guarded(guard, "key:k", "0.5")
    def stream():
        yield 1
        yield 2

    begun = stream()
    next(begun)
    del begun
    gc.collect()

    assert spent(guard) == Decimal("0.5")


def test_an_async_generator_is_charged_when_it_is_closed(guard):
    @guarded(guard, "key:k", "0.5", actual=lambda item: item)
    async def stream():
        yield "0.1"
        yield "0.2"

    async def main():
        begun = stream()
        assert await anext(begun) == "0.1"
        await begun.aclose()
        return [item async for item in stream()]

    assert asyncio.run(main()) == ["0.1", "0.2"]
    assert spent(guard) == Decimal("0.3")


def test_what_guarded_clients_do_inside_is_counted_unless_it_is_covered():
    with (
        WireServer() as server,
        Guard() as guard,
        GuardedSession(guard, Costing(per_call="0.01")) as session,
    ):
        url = server.answer("/", whole({}))

        def ask():
            return session.get(url).status_code

        guarded(guard, "key:a", "1")(ask)()
        guarded(guard, "key:b", "1", covers=True)(ask)()
        now = SystemClock().now()
        rows = guard.usage(now.replace(year=2020), now.replace(year=2100), "host:127.0.0.1")

    assert sum(row.requests for row in rows) == 1
