import threading

import pytest

from costmon.errors import StoreFencedError
from costmon.store import FenceToken, open_store
from costmon.store import cycles as cycles_module
from costmon.store import store as store_module
from costmon.testing import samples


def test_every_claim_gets_a_higher_number(store):
    numbers = [store.claim("persister").number for _ in range(3)]

    assert numbers == [1, 2, 3]


def test_names_are_fenced_apart(store, cycles):
    persister = store.claim("persister")
    store.claim("alerter")

    assert store.record(cycles.good(0), persister)


def test_a_replaced_writer_writes_nothing(store, cycles, look):
    old = store.claim("persister")
    store.record(cycles.good(0, samples.resource("1")), old)
    new = store.claim("persister")
    before = look.everything()

    with pytest.raises(StoreFencedError, match="persister with token 1 has been replaced"):
        store.record(cycles.good(5, samples.resource("1", monthly="99")), old)
    with pytest.raises(StoreFencedError):
        store.remember_alert("threshold", "{}", old)

    assert look.everything() == before
    assert store.record(cycles.good(5), new)


def test_a_claim_of_another_process_counts_too(url, clock, cycles):
    with open_store(url, clock=clock) as one, open_store(url, clock=clock) as other:
        old = one.claim("persister")
        other.claim("persister")

        with pytest.raises(StoreFencedError):
            one.record(cycles.good(0), old)


def test_a_token_nobody_issued_is_refused(store, cycles):
    with pytest.raises(StoreFencedError):
        store.record(cycles.good(0), FenceToken(name="persister", number=1))


def test_a_claim_waits_for_the_commit_under_way_and_then_fences(store, cycles, look, monkeypatch):
    old = store.claim("persister")
    inside, go_on, claimed = threading.Event(), threading.Event(), threading.Event()
    write_cycle = cycles_module.write_cycle

    def slow(connection, observation):
        inside.set()
        assert go_on.wait(5)
        write_cycle(connection, observation)

    recorded, tokens = [], []
    monkeypatch.setattr(store_module, "write_cycle", slow)
    hung = threading.Thread(
        target=lambda: recorded.append(store.record(cycles.good(0), old)), name="hung"
    )

    def claim():
        tokens.append(store.claim("persister"))
        claimed.set()

    successor = threading.Thread(target=claim, name="successor")
    hung.start()
    assert inside.wait(5)
    successor.start()
    overtook = claimed.wait(0.2)
    go_on.set()
    hung.join(5)
    successor.join(5)

    assert not overtook
    assert recorded == [True]
    assert tokens == [FenceToken(name="persister", number=2)]
    assert look("SELECT count(*) FROM poll_cycle") == [(1,)]
    with pytest.raises(StoreFencedError):
        store.record(cycles.good(5), old)


def test_many_claims_at_once_get_a_number_each(url, clock):
    numbers, lock = [], threading.Lock()
    with open_store(url, clock=clock) as store:

        def claim():
            token = store.claim("persister")
            with lock:
                numbers.append(token.number)

        threads = [threading.Thread(target=claim, name=f"claim-{n}") for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert sorted(numbers) == list(range(1, 9))
