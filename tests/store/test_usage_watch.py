"""From a vendor's counters in the database to a finding in money, at the reading that shows it."""

import datetime as dt
import random
from decimal import Decimal

import pytest

from costmon.actors.detection import Detection, DetectionPlan
from costmon.bootstrap.history import SpendHistory
from costmon.domain.finding import Series, bucket_floor
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.domain.usage import Quantity, UsageReading
from costmon.state.published import Published
from costmon.state.usage_rates import usage_rates

KEY = ReadingKey("main", "openai", "usage")
QUOTA = "output_tokens:gpt-4o"
HOUR = dt.timedelta(hours=1)
BEGAN = 8 * 24 + 5
"""Number of the hour in which the loop begins."""


def read(used, begin, now):
    quantity = Quantity(
        quota=QUOTA,
        unit="Tokens",
        used=Decimal(used),
        start=begin,
        end=now,
        resets_at=begin + dt.timedelta(days=30),
        estimated=False,
    )
    return UsageReading(
        account=KEY.account,
        provider=KEY.provider,
        observed_at=now,
        quantities=(quantity,),
        complete_through=None,
        gaps=(),
    )


@pytest.mark.parametrize("loop", [True, False])
def test_a_loop_is_told_in_money_with_the_reading_that_shows_it(store, clock, token, loop):
    rng, used, begin = random.Random(3), 0, clock.now()
    history = SpendHistory(store, "detection", opened=Published(None))
    plan = DetectionPlan(open_store=lambda: history, bucket_s=300, timezone="UTC", expected=())
    detection = Detection(plan, lambda: None)
    before, told = read(0, begin, begin), []
    for hour in range(BEGAN + 3):
        clock.advance(rng.uniform(3000, 4200))  # readings are not on time
        hours = Decimal((clock.now() - before.observed_at).total_seconds()) / 3600
        burns = loop and hour >= BEGAN
        used += int(hours * 50_000 * Decimal(rng.uniform(0.8, 1.2)) * (100 if burns else 1))
        usage = read(used, begin, clock.now())
        stored = StoredReading(
            key=KEY,
            next_poll_at=clock.now() + HOUR,
            last_success_at=clock.now(),
            complete_through=None,
            usage=usage,
        )
        store.record_reading(stored, token, usage_rates(before, usage), 300)
        before, reading_at = usage, clock.now()
        until = bucket_floor(reading_at, 300) + dt.timedelta(minutes=10)
        found = [it for it in detection.closed(until) if it.state == "opened"]
        told += [(hour, it.series) for it in found]

    assert told == ([(BEGAN, Series("account:main", "USD"))] if loop else [])
