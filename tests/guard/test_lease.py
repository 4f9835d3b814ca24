"""A lease: held, then ended once, whoever ends it and however often."""

import threading
from decimal import Decimal
from typing import Any

import pytest

from costmon.guard import Budget, BudgetRefused, Guard, LeaseError
from costmon.testing.clock import START, FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def guard(clock):
    return Guard(budgets=[Budget("global", "1", "day")], clock=clock)


def figures(guard):
    return guard.spent("global"), guard.held("global")


def usage(guard):
    (row,) = guard.usage(START, START.replace(hour=23), "global")
    return row


def test_a_lease_is_settled_at_its_estimate_when_nothing_is_said(guard):
    guard.reserve("global", "0.4").settle()

    assert figures(guard) == (Decimal("0.4"), 0)


def test_less_than_the_estimate_gives_the_rest_back(guard):
    guard.reserve("global", "1").settle("0.3")

    assert guard.remaining("global") == Decimal("0.7")


def test_more_than_the_estimate_is_charged_all_the_same(guard):
    guard.reserve("global", "0.4").settle("1.5")

    assert figures(guard) == (Decimal("1.5"), 0)
    assert guard.remaining("global") == 0
    with pytest.raises(BudgetRefused):
        guard.reserve("global", "0.000000001")


def test_only_the_first_end_counts(guard):
    lease = guard.reserve("global", "0.4")

    lease.settle("0.1", bytes_in=5)
    lease.settle("0.9", bytes_in=7, failed=True)
    lease.release()

    assert lease.state == "settled"
    assert figures(guard) == (Decimal("0.1"), 0)
    assert (usage(guard).requests, usage(guard).bytes_in, usage(guard).failed) == (1, 5, 0)


def test_what_was_released_stays_free(guard):
    lease = guard.reserve("global", "0.4")

    lease.release()
    lease.settle("0.3")
    lease.release()

    assert lease.state == "released"
    assert figures(guard) == (0, 0)
    assert guard.usage(START, START.replace(hour=23)) == []


def test_an_expired_lease_is_charged_at_its_estimate(guard, clock):
    lease = guard.reserve("global", "0.4", ttl=10)

    clock.advance(9.9)
    assert figures(guard) == (0, Decimal("0.4"))
    clock.advance(0.1)

    assert figures(guard) == (Decimal("0.4"), 0)
    assert lease.state == "expired"
    assert (usage(guard).requests, usage(guard).expired) == (1, 1)


@pytest.mark.parametrize("truth", ["0", "0.1", "0.4", "0.9"])
def test_a_late_truth_corrects_what_was_charged(guard, clock, truth):
    lease = guard.reserve("global", "0.4", ttl=10)
    clock.advance(11)
    guard.sweep()

    lease.settle(truth)
    lease.settle("0.7")

    assert figures(guard) == (Decimal(truth), 0)
    assert (usage(guard).requests, usage(guard).expired) == (1, 0)


def test_a_late_truth_may_be_that_nothing_was_sent(guard, clock):
    lease = guard.reserve("global", "0.4", ttl=10)
    clock.advance(11)
    guard.sweep()

    lease.release()

    assert figures(guard) == (0, 0)
    assert usage(guard).requests == 0


def test_expiry_is_told(guard, clock):
    told: list[Any] = []
    guard.subscribe(told.append)
    guard.reserve("global", "0.1", ttl=1)
    guard.reserve("global", "0.1", ttl=1)
    clock.advance(2)

    assert guard.sweep() == 2

    assert [one.kind for one in told] == ["expired"]
    assert told[0].text.startswith("2 calls were not settled in time")


def test_a_lease_does_not_expire_because_the_wall_clock_is_set(guard, clock):
    guard.reserve("global", "0.4", ttl=10)

    clock.step(3600)
    clock.step(-7200)

    assert guard.held("global") == Decimal("0.4")


def test_a_renewed_lease_lives_on_from_then(guard, clock):
    lease = guard.reserve("global", "0.4", ttl=10)
    clock.advance(9)
    lease.renew(10)
    clock.advance(9)
    assert guard.held("global") == Decimal("0.4")

    clock.advance(1)
    assert guard.spent("global") == Decimal("0.4")
    with pytest.raises(LeaseError, match="expired"):
        lease.renew(10)


def test_a_settled_lease_cannot_be_renewed(guard):
    lease = guard.reserve("global", "0.4")
    lease.settle()

    with pytest.raises(LeaseError, match="settled"):
        lease.renew(10)


def test_the_same_key_gives_the_same_lease(guard):
    first = guard.reserve("global", "0.4", key="job-17")
    second = guard.reserve("global", "0.9", key="job-17")

    assert second.id == first.id
    assert second.estimate == Decimal("0.4")
    assert figures(guard) == (0, Decimal("0.4"))


def test_the_same_key_gives_the_lease_that_is_over_too(guard):
    guard.reserve("global", "0.4", key="job-17").settle("0.2")

    again = guard.reserve("global", "0.4", key="job-17")
    again.settle("0.4")

    assert again.state == "settled"
    assert figures(guard) == (Decimal("0.2"), 0)


def test_a_known_key_is_answered_although_the_budget_is_used_up(guard):
    first = guard.reserve("global", "1", key="job-17")

    assert guard.reserve("global", "1", key="job-17").id == first.id


def test_a_key_of_another_chain_is_an_error(guard):
    guard.reserve("host:a.test", "0.1", key="job-17")

    with pytest.raises(LeaseError, match=r"job-17.*host:a\.test"):
        guard.reserve("host:b.test", "0.1", key="job-17")


def test_threads_that_ask_with_one_key_share_one_lease(guard):
    gate, ids = threading.Barrier(16), []

    def ask():
        gate.wait()
        ids.append(guard.reserve("global", "0.4", key="job").id)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 16
    assert len(set(ids)) == 1
    assert guard.held("global") == Decimal("0.4")


def test_threads_that_end_one_lease_end_it_once(guard):
    lease = guard.reserve("global", "0.4")
    gate = threading.Barrier(16)

    def end():
        gate.wait()
        lease.settle("0.1")

    threads = [threading.Thread(target=end) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert figures(guard) == (Decimal("0.1"), 0)
    assert usage(guard).requests == 1


def test_a_lease_can_be_ended_by_its_id_from_elsewhere(guard):
    lease = guard.reserve("global", "0.4")

    guard.lease(lease.id).settle("0.1")

    assert figures(guard) == (Decimal("0.1"), 0)


def test_an_unknown_lease_is_an_error(guard):
    with pytest.raises(LeaseError, match="no-such-lease"):
        guard.lease("no-such-lease")


def test_a_block_settles_at_the_estimate(guard):
    with guard.reserve("global", "0.4"):
        pass

    assert figures(guard) == (Decimal("0.4"), 0)


def test_a_block_that_raises_is_charged_as_failed(guard):
    with pytest.raises(RuntimeError), guard.reserve("global", "0.4"):
        raise RuntimeError

    assert figures(guard) == (Decimal("0.4"), 0)
    assert usage(guard).failed == 1


def test_a_block_leaves_what_was_ended_inside_alone(guard):
    with guard.reserve("global", "0.4") as lease:
        lease.settle("0.1")
    with guard.reserve("global", "0.4") as lease:
        lease.release()

    assert figures(guard) == (Decimal("0.1"), 0)


def test_a_lease_shows_itself_without_secrets(guard):
    lease = guard.reserve("host:https://user:hunter2@x.test/?token=abc", "0.4")

    assert repr(lease) == f"<Lease {lease.id} of 0.40 for host:x.test, global: held>"
