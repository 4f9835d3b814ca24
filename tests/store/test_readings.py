"""What is known of readings over a restart."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import StoreFencedError
from costmon.testing import samples
from costmon.testing.clock import START

KEY = ReadingKey("acme-b", "acme", "usage")
USAGE = UsageReading(
    account="acme-b",
    provider="acme",
    observed_at=START,
    quantities=(
        Quantity(
            quota="requests",
            unit="Requests",
            used=Decimal("12.123456789012345678"),
            start=START,
            end=START,
            resets_at=None,
            limit=Decimal(100),
            estimated=True,
            project="Ärger",
        ),
    ),
    complete_through=None,
    gaps=(Gap(kind="logs", reason="not on this plan"),),
)


def stored(key=KEY, minutes=0, usage=None):
    return StoredReading(
        key=key,
        next_poll_at=START + dt.timedelta(minutes=minutes + 60),
        last_success_at=START + dt.timedelta(minutes=minutes),
        complete_through=START if usage is None else None,
        usage=usage,
    )


def test_nothing_is_known_before_the_first_read(store):
    assert store.readings() == {}


def test_a_reading_comes_back_exactly_and_the_newest_one_counts(store, token):
    charges = stored(KEY._replace(reading="charges"))
    store.record_reading(stored(minutes=0), token)
    store.record_reading(charges, token)
    store.record_reading(stored(minutes=5, usage=USAGE), token)

    assert store.readings() == {KEY: stored(minutes=5, usage=USAGE), charges.key: charges}


def test_a_good_inventory_notes_when_it_is_due_again_in_its_own_transaction(store, token, cycles):
    observation = cycles.good(0, samples.resource())

    store.record(observation, token)

    (known,) = store.readings().values()
    report = observation.report
    assert known.key == (report.account, report.provider, "inventory")
    assert known.next_poll_at == report.next_poll_at
    assert known.last_success_at == observation.inventory.observed_at


def test_a_replaced_writer_notes_nothing(store, token):
    store.claim("persister")

    with pytest.raises(StoreFencedError):
        store.record_reading(stored(), token)

    assert store.readings() == {}
