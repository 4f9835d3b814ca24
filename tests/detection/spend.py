"""Small series for the tests: a service billed every five minutes, or every hour."""

import datetime as dt
import math
from collections.abc import Callable, Iterable
from random import Random

from costmon.detection import Finding, SpendWatch

START = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)  # a Monday
Sample = tuple[dt.datetime, float]


def service(days: float, *, step_s: int = 300, seed: int = 1, rate: float = 0.5) -> list[Sample]:
    """A day with more spend in the afternoon, and noise that lasts; `rate` is per bucket."""
    rng, noise, samples = Random(seed), 0.0, []
    for index in range(round(days * 86_400 / step_s)):
        noise = 0.85 * noise + rng.gauss(0, 0.08)
        hour = index * step_s % 86_400 / 3600
        amount = rate * (1 + 0.3 * math.cos((hour - 15) * math.pi / 12)) * math.exp(noise)
        samples.append((START + dt.timedelta(seconds=step_s * (index + 1)), amount))
    return samples


def at(day: float) -> dt.datetime:
    return START + dt.timedelta(days=day)


def changed(
    samples: Iterable[Sample], begin: float, end: float, change: Callable[[float], float]
) -> list[Sample]:
    """Change the amounts of the buckets that end within days `begin` to `end`."""
    return [(t, change(a) if at(begin) < t <= at(end) else a) for t, a in samples]


def feed(watch: SpendWatch, samples: Iterable[Sample]) -> list[Finding]:
    """All that the watch tells about the samples."""
    return [found for t, amount in samples if (found := watch.update(t, amount))]


def opened(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == "opened"]
