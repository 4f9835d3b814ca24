"""The whole soak: `python -m tests.meter.soak` puts ten million requests through the meter.

Prints what memory is held after each tenth, and exits with 1 when it grows.
"""

import argparse
import asyncio
import sys

from costmon.meter.measuring.aggregate import Aggregate
from tests.meter.soak import requests

BLOCKS = 2_000
"""Pieces of memory by which what is held may differ: not one in a thousand requests."""

RSS_BYTES = 4 * 2**20
"""What the allocator may keep for itself."""


def main() -> int:
    """Soak, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.meter.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    told = parser.parse_args()
    fifth = told.requests // 5
    faults = [_direct(2 * fifth), _wsgi(2 * fifth), _asgi(fifth)]
    return 1 if any(faults) else 0


def _direct(count: int) -> bool:
    aggregate = Aggregate(warmup_s=0)
    # Until each bucket of each route has its entry.
    requests.direct(aggregate, 40_000)
    counted = _counted(aggregate)
    grown = _watched(
        "the aggregate",
        lambda part: requests.direct(aggregate, part),
        count,
        # A count above 256 is a piece of memory of its own: one for each bucket, once.
        allowed=BLOCKS + _buckets(aggregate),
    )
    counted = _counted(aggregate) - counted
    print(f"the aggregate counted {counted:,} of {count:,}")
    return grown or counted != count


def _buckets(aggregate: Aggregate) -> int:
    return sum(len(row.cpu) + len(row.wall) for row in aggregate.phases()[0].routes)


def _counted(aggregate: Aggregate) -> int:
    return sum(row.requests for row in aggregate.phases()[0].routes)


def _wsgi(count: int) -> bool:
    import costmon.meter
    from costmon.meter.wsgi import MeteredWSGI

    app = MeteredWSGI(requests.answer, port=None, warmup_s=0)
    requests.wsgi(app, 20_000)
    costmon.meter.reset()
    grown = _watched("the WSGI wrapper", lambda part: requests.wsgi(app, part), count)
    counted = sum(row.requests for row in costmon.meter.snapshot().routes)
    costmon.meter.stop()
    print(f"the WSGI wrapper counted {counted:,} of {count:,}")
    return grown or counted != count


def _asgi(count: int) -> bool:
    import costmon.meter
    from costmon.meter.asgi import CostMeterMiddleware

    app = CostMeterMiddleware(requests.asgi_answer, port=None, warmup_s=0)
    with asyncio.Runner() as runner:
        runner.run(requests.asgi(app, 20_000))
        costmon.meter.reset()
        grown = _watched(
            "the ASGI wrapper", lambda part: runner.run(requests.asgi(app, part)), count
        )
    counted = sum(row.requests for row in costmon.meter.snapshot().routes)
    costmon.meter.stop()
    print(f"the ASGI wrapper counted {counted:,} of {count:,}")
    return grown or counted != count


def _watched(what, work, count, allowed=BLOCKS) -> bool:
    before = requests.held()
    print(f"{what}: {before.blocks:,} blocks, {before.rss_bytes / 2**20:.1f} MiB", flush=True)
    now = before
    for tenth in range(1, 11):
        work(count // 10)
        now = requests.held()
        print(
            f"{what}, {tenth * count // 10:,} requests: {now.blocks - before.blocks:+,} blocks,"
            f" {now.rss_bytes / 2**20:.1f} MiB",
            flush=True,
        )
    return now.blocks - before.blocks > allowed or now.rss_bytes - before.rss_bytes > RSS_BYTES


if __name__ == "__main__":
    sys.exit(main())
