from decimal import Decimal

from costmon.meter.histogram import bucket_of
from costmon.meter.projection.percentiles import FLAGGED_FROM, spread_of
from tests.meter.projection.parts import MS


def buckets(**counts):
    return {bucket_of(int(ms[1:]) * MS): count for ms, count in counts.items()}


def spread(counts):
    found = spread_of(counts)
    assert found is not None
    return found


def test_percentiles_are_within_the_width_of_a_bucket():
    found = spread(buckets(_10=94, _100=5, _1000=1))

    assert abs(found.p50_ns - 10 * MS) <= 10 * MS / 64
    assert abs(found.p95_ns - 100 * MS) <= 100 * MS / 64
    assert abs(found.p99_ns - 100 * MS) <= 100 * MS / 64
    assert found.ratio is not None
    assert abs(found.ratio - 10) < Decimal("0.4")


def test_uneven_requests_are_flagged():
    assert spread(buckets(_10=90, _20=10)).flagged


def test_even_requests_are_not():
    assert not spread(buckets(_10=90, _14=10)).flagged


def test_too_few_requests_are_not_flagged():
    few = spread(buckets(_10=FLAGGED_FROM - 4, _100=3))
    enough = spread(buckets(_10=FLAGGED_FROM - 3, _100=3))

    assert not few.flagged
    assert enough.flagged


def test_nothing_has_no_percentiles():
    assert spread_of({}) is None


def test_half_of_nothing_has_no_ratio_and_is_uneven_all_the_same():
    found = spread({0: 60, bucket_of(5 * MS): 40})

    assert found.ratio is None
    assert found.flagged


def test_all_of_nothing_is_even():
    assert not spread({0: 100}).flagged
