"""Simulated spend, bucket by bucket, with incidents whose beginning is known.

Three generators. `services` is a service billed every five minutes, with a day and a week, noise
that lasts, a nightly batch, single lumps and, for half of the seeds, a month end. `others` has
other shapes (an office, bursts, hourly and daily bills, one job a day, late data) and a level that
wanders from day to day. `faults` has what a vendor or an account does to a series that is no
runaway, and runaways that hide. The same seed always gives the same series.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from zoneinfo import ZoneInfo

START = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)  # a Monday
DAY_S = 86_400
DAYS = 75
Sample = tuple[dt.datetime, float]


@dataclass(slots=True)
class Case:
    """One simulated series.

    Attributes:
        kind: What happens in it.
        samples: End of the bucket and amount, in the order in which they arrive.
        step_s: Length of a bucket.
        began: When the incident begins; None for a series without incident.
        ended: When it ends.
        expected: Announced windows.
        in_month_end: Whether the incident begins within a month end that was seen before.
        weekday: On which it returns every week.
    """

    kind: str
    samples: list[Sample]
    step_s: int = 300
    began: dt.datetime | None = None
    ended: dt.datetime | None = None
    expected: list[tuple[dt.datetime, dt.datetime]] = field(default_factory=list)
    in_month_end: bool = False
    weekday: int = -1


def _noise(rng: Random, sigma: float, phi: float) -> Iterator[float]:
    """Yield logarithms that lean on the one before."""
    state = rng.gauss(0, sigma)
    inner = sigma * math.sqrt(1 - phi * phi)
    while True:
        yield state
        state = phi * state + rng.gauss(0, inner)


def _at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def _is_month_end(day: int, *, calendar: bool) -> bool:
    """Last two days of a month, by the calendar or every 30 days."""
    if calendar:
        return (START + dt.timedelta(days=day + 2)).day <= 2
    return day % 30 >= 28


# --- services ---------------------------------------------------------------------------------

INCIDENTS = (
    "loop x100",
    "loop x10",
    "retry storm",
    "cron leak",
    "step +60 %",
    "step +150 %",
    "slow leak",
    "night loop",
    "new service",
    "price +20 %",
)
LEGITIMATE = ("plain", "month end", "gap and lump", "announced", "dip")


def services(kind: str, seed: int) -> Case:  # noqa: C901, PLR0912, PLR0915 - one series, read from top to bottom
    """Return a service billed every five minutes, at about 6 an hour, for 75 days."""
    rng = Random(f"services/{kind}/{seed}")
    rate = rng.uniform(5, 7) / 12
    weekend = rng.uniform(0.35, 0.9)
    swing = rng.uniform(0.2, 0.6)
    peak_hour = rng.uniform(12, 17)
    month_end = kind == "month end" or rng.random() < 0.5
    calendar = rng.random() < 0.4
    month_factor = rng.uniform(2, 3.5)
    lumps = rng.uniform(0.3, 0.8) / 288
    noise = _noise(rng, 0.18, 0.9)
    began_s = rng.uniform(56, 58) * DAY_S
    length_s = {"loop x100": 8 * 3600, "loop x10": 12 * 3600, "retry storm": 5400}
    if kind == "night loop":
        began_s = rng.choice((56, 57)) * DAY_S + 5400
        length_s[kind] = 6 * 3600
    began_s -= began_s % 300
    ended_s = began_s + length_s.get(kind, 30 * DAY_S)
    dip = range(rng.randrange(34, 40), rng.randrange(42, 48))
    gaps = [rng.uniform(a, a + 8) * DAY_S for a in (34, 44, 54)]
    case = Case(kind, [])
    if kind == "announced":
        for day in (36, 50):
            begin = day * DAY_S + rng.uniform(0, 12) * 3600
            case.expected.append((_at(begin), _at(begin + 6 * 3600)))
    owed = 0.0
    for i in range(DAYS * 288):
        second = i * 300
        day, of_day = divmod(second, DAY_S)
        end = _at(second + 300)
        amount = rate * (1 + swing * math.cos(2 * math.pi * (of_day / 3600 - peak_hour) / 24))
        amount *= math.exp(next(noise))
        if day % 7 >= 5:
            amount *= weekend
        if month_end and _is_month_end(day, calendar=calendar):
            amount *= month_factor
        if 7200 <= of_day < 7800:
            amount *= 8
        if rng.random() < lumps:
            amount *= rng.uniform(2, 6)
        if kind == "dip" and day in dip:
            amount *= 0.4
        if any(begin < end <= stop for begin, stop in case.expected):
            amount *= 2
        if kind == "new service":
            amount = 3.0 if second >= began_s else 0.0
        elif kind in INCIDENTS and began_s <= second < ended_s:
            since = second + 300 - began_s
            if kind == "loop x100":
                amount += 100 * rate
            elif kind == "loop x10":
                amount += 10 * rate
            elif kind == "retry storm":
                amount *= 1 + min(9.0, 0.25 * 2 ** (since / 600))
            elif kind == "cron leak":
                amount += rate * 1.2 * (1 + since // DAY_S) * (second % 1800 == 0)
            elif kind == "slow leak":
                amount *= 1.04 ** (since / DAY_S)
            else:
                ratio = {"step +60 %": 1.6, "step +150 %": 2.5, "night loop": 3, "price +20 %": 1.2}
                amount *= ratio[kind]
        if kind == "gap and lump" and any(g <= second < g + 3 * 3600 for g in gaps):
            owed += amount
            continue
        case.samples.append((end, amount + owed))
        owed = 0.0
    if kind in INCIDENTS:
        case.began, case.ended = _at(began_s), _at(ended_s)
        ahead = began_s + 6 * 3600
        case.in_month_end = month_end and any(
            _is_month_end(int(s // DAY_S), calendar=calendar) for s in (began_s, ahead)
        )
    return case


# --- others -----------------------------------------------------------------------------------

SHAPES = ("office", "flat", "bursty", "hourly", "daily", "sparse", "weekend", "gamma", "lagged")
TROUBLE = ("x10", "x3", "ramp", "step +80 %", "leak +5 %")
_HOLIDAYS = (17, 53)


def others(shape: str, seed: int, trouble: str = "") -> Case:  # noqa: C901, PLR0912, PLR0915 - one series, read from top to bottom
    """Return a series of another shape, whose level wanders; `trouble` begins on day 60."""
    rng = Random(f"others/{shape}/{seed}/{trouble}")
    step = {"hourly": 3600, "daily": DAY_S}.get(shape, 300)
    rate = math.exp(rng.uniform(math.log(2), math.log(20))) * step / 3600
    noise = _noise(rng, rng.uniform(0.1, 0.2), rng.choice((0.0, 0.7)))
    wander = _noise(rng, 0.05, math.exp(-step / (2 * DAY_S)))
    began_s = 60 * DAY_S + rng.uniform(9, 16) * 3600
    began_s -= began_s % step
    if shape == "weekend":
        began_s = 61 * DAY_S - began_s % 3600 + 10 * 3600
        began_s -= began_s % 300
    length = {"x10": 12 * 3600, "x3": DAY_S, "ramp": 7200}.get(trouble, 30 * DAY_S)
    length = max(length, step)
    case = Case(f"{shape}: {trouble}" if trouble else shape, [], step)
    burst_left, burst = 0, 1.0
    peak_day, job_at, extra_at, job_left = -1, 0.0, -1.0, 0
    behind, owed = 0, 0.0
    for i in range(DAYS * DAY_S // step):
        second = i * step
        day, of_day = divmod(second, DAY_S)
        hour = of_day / 3600
        tail = next(noise)
        if rng.random() < 0.02 and step < DAY_S:
            tail *= 2.5
        amount = rate * math.exp(tail + next(wander))
        working = day % 7 < 5 and day not in _HOLIDAYS
        if shape == "office":
            plateau = working and 9 <= hour < 18
            amount *= 1.0 if plateau else 0.12
            if day % 7 == 2 and 3 <= hour < 4:
                amount *= 8
        elif shape in {"flat", "hourly", "daily"}:
            if shape != "flat" and not working:
                amount *= 0.7
            if shape == "hourly":
                amount *= 1 + 0.4 * math.cos(2 * math.pi * (hour - 15) / 24)
            if shape != "hourly" and (START + dt.timedelta(days=day + 1)).day == 1:
                amount *= 2.5 if shape == "flat" else 1.0
        elif shape == "bursty":
            if burst_left == 0 and rng.random() < 1.5 / 288:
                burst_left, burst = rng.randrange(1, 11), rng.uniform(2, 5)
            if burst_left:
                amount *= burst
                burst_left -= 1
        elif shape == "sparse":
            if day != peak_day:
                peak_day, job_left = day, 3
                job_at = 4 * 3600 + rng.uniform(-1800, 1800)
                extra_at = rng.uniform(8, 20) * 3600 if rng.random() < 0.1 else -1.0
            if of_day >= job_at and job_left:
                amount *= 40
                job_left -= 1
            elif 0 <= extra_at <= of_day:
                amount *= 15
                extra_at = -1.0
            else:
                amount = 0.0
        elif shape == "weekend":
            amount = amount * (0.4 + math.sin(math.pi * hour / 24)) if day % 7 >= 5 else 0.0
        elif shape == "gamma":
            amount = rate * rng.gammavariate(4, 0.25) * (1 + 0.5 * math.cos(hour * math.pi / 12))
        if trouble and began_s <= second < began_s + length:
            since = second + step - began_s
            amount *= {
                "x10": 10.0,
                "x3": 3.0,
                "ramp": 2 ** min(since / 600, 3.4),
                "step +80 %": 1.8,
                "leak +5 %": 1.05 ** (since / DAY_S),
            }[trouble]
        if shape == "lagged":
            if behind == 0 and rng.random() < 0.4 / 288:
                behind = 24
            if behind:
                behind -= 1
                owed += amount
                continue
        end = _at(second + step)
        case.samples.append((end, amount + owed))
        if shape == "lagged" and rng.random() < 0.02:
            case.samples.append(case.samples[-1])
        owed = 0.0
    if trouble:
        case.began, case.ended = _at(began_s), _at(began_s + length)
    return case


# --- launches, faults of data, and runaways that hide -------------------------------------------


def launch(seed: int) -> Case:
    """Return a flat service that grows by 2 % a day from day 15 on."""
    rng = Random(f"launch/{seed}")
    noise, rate = _noise(rng, 0.15, 0.7), rng.uniform(3, 10) / 12
    samples = [
        (_at(i * 300 + 300), rate * 1.02 ** max(0.0, i / 288 - 15) * math.exp(next(noise)))
        for i in range(DAYS * 288)
    ]
    return Case("launch", samples, began=_at(15 * DAY_S), ended=_at(DAYS * DAY_S))


def _currency(samples: list[Sample], rng: Random) -> list[Sample]:
    """Billed in another currency: the rate of exchange moves by 0.6 % a day."""
    rate, day, moved = 1.0, -1, []
    for at, amount in samples:
        if at.toordinal() != day:
            day, rate = at.toordinal(), rate * math.exp(rng.gauss(0, 0.006))
        moved.append((at, amount * rate))
    return moved


def _counter_reset(samples: list[Sample], rng: Random) -> list[Sample]:
    """Amounts are differences of a counter that starts again a few times."""
    resets = {rng.randrange(30 * 288, len(samples)) for _ in range(4)}
    return [
        (at, -sum(a for _, a in samples[max(0, i - 5000) : i]) if i in resets else amount)
        for i, (at, amount) in enumerate(samples)
    ]


def _restated(samples: list[Sample], rng: Random) -> list[Sample]:
    """First reported too low, restated an hour and a day later; some come twice."""
    arrived: list[tuple[int, Sample]] = []
    for i, (at, amount) in enumerate(samples):
        first = amount * rng.uniform(0.85, 1)
        arrived.append((i, (at, first)))
        if rng.random() < 0.1:
            arrived.append((i, (at, first)))
        arrived += [(i + 12, (at, amount * 0.99)), (i + 288, (at, amount))]
    arrived.sort(key=lambda item: item[0])
    return [sample for _, sample in arrived]


def _missing(samples: list[Sample], rng: Random) -> list[Sample]:
    """The service is absent for two and a half days."""
    begin = rng.randrange(35 * 288, 60 * 288)
    return samples[:begin] + samples[begin + 720 :]


def _zeros(samples: list[Sample], rng: Random) -> list[Sample]:
    """The vendor reports zeros for four hours and never makes up for them."""
    begin = rng.randrange(35 * 288, 60 * 288)
    return [(at, 0.0 if begin <= i < begin + 48 else a) for i, (at, a) in enumerate(samples)]


FAULTS: dict[str, Callable[[list[Sample], Random], list[Sample]]] = {
    "currency": _currency,
    "counter reset": _counter_reset,
    "restated": _restated,
    "missing service": _missing,
    "zeros": _zeros,
}


def faults(kind: str, seed: int) -> Case:
    """Return a plain service with a fault of its data; nothing in it is a runaway."""
    case = services("plain", seed)
    rng = Random(f"{kind}/{seed}")
    return Case(kind, FAULTS[kind](case.samples, rng))


def daylight_saving(seed: int) -> Case:
    """Return an office in Berlin over the change of 25 October."""
    rng = Random(f"dst/{seed}")
    noise = _noise(rng, 0.15, 0.8)
    zone, begin = ZoneInfo("Europe/Berlin"), dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    samples = []
    for i in range(70 * 288):
        local = (begin + dt.timedelta(seconds=300 * i + 300)).astimezone(zone)
        opened = local - dt.timedelta(seconds=300)
        working = opened.weekday() < 5 and 9 <= opened.hour < 18
        samples.append((local, (1.0 if working else 0.15) * math.exp(next(noise))))
    return Case("daylight saving", samples)


def tags(seed: int) -> list[Case]:
    """Return the total and eight tags; on day 57 one tag grows sixfold, the total stays flat."""
    rng = Random(f"tags/{seed}")
    parts = [services("plain", seed * 100 + k).samples for k in range(8)]
    began = round(rng.uniform(56, 58) * 288)
    scaled = [rng.uniform(0.3, 0.6) for _ in parts]
    series: list[list[Sample]] = [[] for _ in parts]
    total: list[Sample] = []
    for i in range(DAYS * 288):
        row = [samples[i][1] * f for samples, f in zip(parts, scaled, strict=True)]
        if i >= began:
            extra = min(5 * row[0], 0.9 * sum(row[1:]))
            kept = 1 - extra / sum(row[1:])
            row = [row[0] + extra, *(amount * kept for amount in row[1:])]
        at = parts[0][i][0]
        for target, amount in zip(series, row, strict=True):
            target.append((at, amount))
        total.append((at, sum(row)))
    cases = [Case("tag" if k == 0 else "other tag", s) for k, s in enumerate(series)]
    cases[0].began, cases[0].ended = _at(began * 300), _at(DAYS * DAY_S)
    return [*cases, Case("total", total)]


def frozen(seed: int) -> Case:
    """Return a service whose number stops moving on day 57."""
    case = services("plain", seed)
    begin = Random(f"frozen/{seed}").randrange(56 * 288, 58 * 288)
    stuck = case.samples[begin][1]
    samples = [(at, stuck if i >= begin else a) for i, (at, a) in enumerate(case.samples)]
    return Case("frozen number", samples, began=_at(begin * 300), ended=_at(DAYS * DAY_S))


def weekly_runaway(seed: int) -> Case:
    """Return a service with a loop of x10 for three hours, every Thursday from day 31 on."""
    case = services("plain", seed)
    usual = sum(amount for _, amount in case.samples[:2016]) / 2016
    samples = []
    for i, (at, amount) in enumerate(case.samples):
        day, bucket = divmod(i, 288)
        looping = day >= 31 and day % 7 == 3 and 120 <= bucket < 156
        samples.append((at, amount + (10 * usual if looping else 0.0)))
    began, ended = _at(31 * DAY_S), _at(DAYS * DAY_S)
    return Case("weekly runaway", samples, began=began, ended=ended, weekday=3)
