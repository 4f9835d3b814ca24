"""Read 17 simulated vendors at once for many simulated days, with faults; compare every digit.

`python -m tests.providers.campaign.run [MINUTES]` (default: 60) runs one campaign of 120 days after
the other, each with charges, counters and faults of its own, and prints a table. Every reading that
a vendor has is read: charges once a day as by default, usage and inventory every five hours, hence
at each hour of a day. By default usage is read every hour and the inventory every five minutes:
each of their requests counts as 5 or 60 where requests a day are stated. Time is simulated and
advances by the hour; vendors on loopback, connections, retries, circuit breakers, the daily
allowance of AWS and the database are real.

What is recorded of charges must be what was charged, at the end. A usage or an inventory that could
be read must be what the vendor counted at that moment; what is missing in it must be a gap.
"""

import datetime as dt
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.clock import Clock
from costmon.config import AccountSettings, Secret
from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import ReadingKey, ReadingKind, StoredReading
from costmon.domain.resource import Inventory
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderError
from costmon.outbound import OutboundLimits
from costmon.providers.breaker import Breaker
from costmon.store import FenceToken, Store, open_store
from costmon.store.migrate import upgrade
from costmon.testing import Asked, FakeClock, Reply, StubServer
from tests.providers.campaign.counted import Used
from tests.providers.campaign.spend import EXACT, Spend
from tests.providers.campaign.vendors import VENDORS, Simulated, encoded

FIRST = dt.datetime(2026, 10, 20, 0, 30, tzinfo=dt.UTC)
HOUR_S = 3600
DAY_S = 24 * HOUR_S
FAULTY = 0.1
DAYS = 120
LIMITS = OutboundLimits(read_timeout_s=0.15, deadline_s=5.0, stream_deadline_s=5.0)
USAGE_HOURS = 5
"""Hours between two reads of the usage, and of the inventory."""
AN_HOUR: Mapping[ReadingKind, int] = {"usage": 1, "inventory": 12}
"""How often they are read by default."""
HTML = {"content-type": "text/html"}


def faults(good: Reply) -> tuple[Reply, ...]:
    """Return what can come instead of a good answer."""
    return (
        Reply.json({}, status=429),
        Reply.json({}, status=429, **{"retry-after": "5"}),
        Reply.json({}, status=429, **{"retry-after": "86400"}),
        Reply.json({}, status=500),
        Reply.json({}, status=503),
        Reply.json({}, status=503, **{"retry-after": "120"}),
        Reply(body=good.body, headers=good.headers, cut_at=0),
        Reply(body=good.body, headers=good.headers, cut_at=max(0, len(good.body) // 2)),
        Reply(body=b"<html>Be right back</html>", headers=HTML),
        Reply(body=b"<html>Be right back</html>"),
        Reply(body=good.body, headers=good.headers, delay_s=0.3),
    )


class VendorServer(StubServer):
    """One vendor on loopback.

    Attributes:
        faulty: How often an answer is a fault.
        requests: Requests by the simulated day.
        weight: As how many the next request counts.
        faults: How many of them were answered by a fault.
    """

    def __init__(self, slug: str, spend: Spend, clock: Clock) -> None:
        super().__init__()
        self._vendor, self._spend, self._clock = VENDORS[slug], spend, clock
        self._rng = random.Random(f"{spend.seed}/faults of {slug}")
        self.faulty = FAULTY
        self.requests: Counter[dt.date] = Counter()
        self.weight = 1
        self.faults = 0

    def reply_to(self, asked: Asked) -> Reply:
        """Return what the vendor says, or a fault."""
        now = self._clock.now()
        with self._lock:
            self.requests[now.date()] += self.weight
            is_faulty = self._rng.random() < self.faulty
            choice = self._rng.random()
        said = self._vendor.said(self._spend, asked, now)
        if said is None:
            good = Reply.json({"id": "not_found"}, status=404)
        elif isinstance(said, bytes):
            good = Reply(body=said, headers={"content-type": "application/jsonl"})
        else:
            good = Reply(body=encoded(said))
        # A kind that fails for a whole day, while the others go on.
        fails = self.faulty and asked.path == self._vendor.failing and now.day % 3 == 0
        if not (fails or is_faulty):
            return good
        self.faults += 1
        if fails:
            return Reply.json({}, status=500)
        possible = faults(good)
        return possible[int(choice * len(possible))]


@dataclass
class Schedule:
    """When one reading of an account is read again, and how it went.

    Attributes:
        every_s: Seconds between two reads that went well.
        weight: How often it is read by default in that time.
        next_at_s: When it is due.
        wrong: Reads that brought something else than the vendor had.
    """

    every_s: float
    weight: int
    next_at_s: float = 0.0
    breaker: Breaker = field(default_factory=Breaker)
    reads: int = 0
    wrong: int = 0

    def after_failure(self, error: ProviderError, now_s: float) -> None:
        """Note a failure, as the poller does."""
        self.breaker = self.breaker.after_failure(
            now_s, retryable=error.retryable, retry_after_s=error.retry_after_s
        )
        self.next_at_s = max(now_s + HOUR_S, self.breaker.probe_at_s or 0.0)

    def after_success(self, now_s: float) -> None:
        """Note a success."""
        self.breaker = self.breaker.after_success()
        self.next_at_s = now_s + self.every_s


@dataclass
class Account:
    """One vendor's account, and what was read of it.

    Attributes:
        monthly: What the last inventory costs a month, by the kind of things.
    """

    slug: str
    server: VendorServer
    connection: ProviderConnection
    schedules: Mapping[ReadingKind, Schedule]
    known_through: dt.datetime | None = None
    failed: Counter[str] = field(default_factory=Counter)
    monthly: dict[str, Decimal] = field(default_factory=dict)

    def is_due(self, now_s: float) -> bool:
        """Tell whether a reading is due."""
        return any(one.next_at_s <= now_s for one in self.schedules.values())

    def hurry(self) -> None:
        """Make all readings due."""
        for schedule in self.schedules.values():
            schedule.next_at_s = 0.0

    def read(self, clock: Clock, spend: Spend) -> list[ChargeWindow | UsageReading]:
        """Read what is due, as the poller does: windows that came before a failure count."""
        now, now_s = clock.now(), clock.monotonic_s()
        found: list[ChargeWindow | UsageReading] = []
        for kind, schedule in self.schedules.items():
            if schedule.next_at_s > now_s:
                continue
            schedule.reads += 1
            self.server.weight = schedule.weight
            try:
                match kind:
                    case "charges":
                        self._read_charges(now, found)
                    case "inventory":
                        read = self.connection.provider.inventory(self.slug, now)
                        schedule.wrong += not self._is_right(read)
                    case "usage":
                        counted = self.connection.provider.usage(self.slug, now)
                        schedule.wrong += not self._is_counted(counted, spend)
                        found.append(counted)
            except ProviderError as error:
                self.failed[error.reason] += 1
                schedule.after_failure(error, now_s)
            else:
                schedule.after_success(now_s)
        return found

    def used(self, spend: Spend, now: dt.datetime) -> Used:
        """Return what the vendor has counted."""
        used = VENDORS[self.slug].used
        return used(spend, now, self.server.requests[now.date()]) if used else {}

    def _read_charges(self, now: dt.datetime, found: list[ChargeWindow | UsageReading]) -> None:
        for window in self.connection.provider.charges(self.slug, now, self.known_through):
            found.append(window)
            known = window.counted_through or window.complete_through
            if known is not None:
                known = min(known, window.end)
                self.known_through = max(known, self.known_through or known)

    def _is_right(self, read: Inventory) -> bool:
        """Tell whether an inventory is what the vendor has, but for kinds that failed."""
        self.failed.update(one.reason for one in read.failed)
        self.monthly = {}
        for one in read.resources:
            known = self.monthly.get(one.kind, Decimal(0))
            self.monthly[one.kind] = known + (one.monthly_cost or 0)
        failed = {one.kind for one in read.failed}
        return all(
            cost == self.monthly.get(kind)
            for kind, cost in VENDORS[self.slug].monthly(read.observed_at).items()
            if kind not in failed
        )

    def _is_counted(self, read: UsageReading, spend: Spend) -> bool:
        """Tell whether a usage is what the vendor counted, and what is missing in it is a gap."""
        expected, found = self.used(spend, read.observed_at), used_of(read)
        missing = expected.keys() - found.keys()
        gaps = {gap.kind for gap in read.gaps}
        return all(expected.get(key) == used for key, used in found.items()) and all(
            quota.partition(":")[0] in gaps or (project and "buckets" in gaps)
            for quota, project in missing
        )


def used_of(read: UsageReading | None) -> Used:
    """Return the quantities of a reading by quota and project."""
    return {(one.quota, one.project): one.used for one in (read.quantities if read else ())}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one vendor; what it does not have is 0 or empty on both sides.

    Attributes:
        charged: What the vendor has charged, exact.
        recorded: What the database has of it.
        monthly: What its things cost a month.
        listed: What the last inventory says of it.
        used: What it has counted.
        counted: What the database has of it.
        wrong: Reads of usage and inventories that were not what the vendor had at that moment.
        reads: Reads, by reading.
        failed: Reads that failed, and kinds of an inventory that did, by reason.
        faults: Answers that were faults.
        requests: By the simulated day.
    """

    charged: Decimal
    recorded: Decimal
    monthly: Decimal
    listed: Decimal
    used: Used
    counted: Used
    wrong: int
    reads: Mapping[ReadingKind, int]
    failed: Counter[str]
    faults: int
    requests: Counter[dt.date]

    @property
    def is_equal(self) -> bool:
        """Tell whether all of it is what the vendor had, to the last digit."""
        return not self.wrong and (self.charged, self.monthly, self.used) == (
            self.recorded,
            self.listed,
            self.counted,
        )


def campaign(
    days: int, *, seed: int = 1, folder: Path, usage_hours: int = USAGE_HOURS
) -> Mapping[str, Result]:
    """Read all vendors for so many days; on the last one without faults."""
    clock, spend = FakeClock(FIRST), Spend(seed, FIRST.date())
    database = folder / "costmon.db"
    upgrade(f"sqlite:///{database}")
    with (
        open_store(f"sqlite:///{database}", clock=clock) as store,
        _accounts(spend, clock, folder, usage_hours) as accounts,
        ThreadPoolExecutor(len(VENDORS)) as threads,
    ):
        token = store.claim("persister")
        for hour in range(days * 24 + 1):
            if hour == (days - 1) * 24:
                for account in accounts:
                    account.server.faulty = 0.0
            if hour == days * 24:
                for account in accounts:  # what the last day brought is read once more
                    account.hurry()
            due = [one for one in accounts if one.is_due(clock.monotonic_s())]
            for found in threads.map(lambda account: account.read(clock, spend), due):
                _record(store, found, token)
            if hour < days * 24:
                clock.advance(HOUR_S)
        recorded = _recorded(database)
        return {one.slug: _result(one, spend, clock, recorded, store) for one in accounts}


@contextmanager
def _accounts(
    spend: Spend, clock: Clock, folder: Path, usage_hours: int
) -> Iterator[list[Account]]:
    with ExitStack() as stack:
        accounts = []
        for slug, vendor in VENDORS.items():
            server = stack.enter_context(VendorServer(slug, spend, clock))
            connection = ProviderConnection(
                AccountSettings(
                    name=slug,
                    provider=slug,
                    credentials={key: Secret(it) for key, it in vendor.credentials.items()},
                    options=vendor.options,
                    api_url=server.url,
                ),
                {},
                clock=clock,
                rng=random.Random(slug),
                pause=lambda _seconds: True,
                beat=lambda: None,
                state_dir=folder,
                limits=LIMITS,
            )
            stack.callback(connection.close)
            schedules = {
                kind: Schedule(usage_hours * HOUR_S, usage_hours * AN_HOUR[kind])
                if kind in AN_HOUR
                else Schedule(DAY_S, 1)
                for kind in connection.readings
            }
            accounts.append(Account(slug, server, connection, schedules))
        yield accounts


def _record(store: Store, found: Sequence[ChargeWindow | UsageReading], token: FenceToken) -> None:
    for one in found:
        if isinstance(one, ChargeWindow):
            store.record_charges(one, token)
            continue
        stored = StoredReading(
            key=ReadingKey(one.account, one.provider, "usage"),
            next_poll_at=one.observed_at,
            last_success_at=one.observed_at,
            complete_through=one.complete_through,
            usage=one,
        )
        store.record_reading(stored, token)


def _recorded(database: Path) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = {}
    connection = sqlite3.connect(database)
    try:
        for account, billed in connection.execute(
            'SELECT "x_Account", "BilledCost" FROM charge_rows'
        ):
            sums[account] = EXACT.add(sums.get(account, Decimal(0)), Decimal(billed))
    finally:
        connection.close()
    return sums


def _result(
    account: Account, spend: Spend, clock: Clock, recorded: Mapping[str, Decimal], store: Store
) -> Result:
    now, slug = clock.now(), account.slug
    vendor: Simulated = VENDORS[slug]
    kept = store.readings().get(ReadingKey(slug, slug, "usage"))
    return Result(
        charged=vendor.charged(spend, now) if vendor.charged else Decimal(0),
        recorded=recorded.get(slug, Decimal(0)),
        monthly=sum(vendor.monthly(now).values(), Decimal(0)),
        listed=sum(account.monthly.values(), Decimal(0)),
        used=account.used(spend, now),
        counted=used_of(kept.usage if kept else None),
        wrong=sum(one.wrong for one in account.schedules.values()),
        reads={kind: one.reads for kind, one in account.schedules.items()},
        failed=account.failed,
        faults=account.server.faults,
        requests=account.server.requests,
    )


def table(campaigns: Sequence[Mapping[str, Result]]) -> str:
    """Return what to know of each vendor, over all campaigns; requests: the mean and the most."""
    readings = f"{'charges':>9} {'inventory':>9} {'usage':>6}"
    lines = [
        f"{'vendor':14} sums    of charges{readings:>31}  failed  faults  requests a day by default"
    ]
    for slug, vendor in VENDORS.items():
        results = [one[slug] for one in campaigns]
        by_day = [count for one in results for count in one.requests.values()]
        limit = "" if vendor.per_day is None else f" of {vendor.per_day:,}"
        usd = vendor.usd_per_request * sum(by_day) / len(by_day)
        reads = Counter[str]()
        for one in results:
            reads.update(one.reads)
        lines.append(
            f"{slug:14} {'equal' if all(one.is_equal for one in results) else 'DIFFER':7}"
            f" {sum(one.charged for one in results):<14.2f}"
            f" {reads['charges']:8} {reads['inventory']:9} {reads['usage']:6}"
            f" {sum(one.failed.total() for one in results):7}"
            f" {sum(one.faults for one in results):7}"
            f"  {sum(by_day) / len(by_day):.1f}/{max(by_day)}{limit}"
            + (f", {usd:.4f} USD a day" if usd else "")
        )
    return "\n".join(lines)


def main() -> int:
    """Run campaigns for an hour; return 1 when something was not equal."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    until_s = time.monotonic() + 60 * minutes
    campaigns: list[Mapping[str, Result]] = []
    while time.monotonic() < until_s:
        with TemporaryDirectory() as folder:
            campaigns.append(campaign(DAYS, seed=len(campaigns) + 1, folder=Path(folder)))
    print(f"{len(campaigns) * DAYS} simulated days, {len(VENDORS)} vendors at once")
    print(table(campaigns))
    return 0 if all(one.is_equal for found in campaigns for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
