"""Read 17 simulated vendors at once for many simulated days, with faults; compare every digit.

`python -m tests.providers.campaign.run [MINUTES]` (default: 60) runs one campaign of 120 days after
the other, each with charges and faults of its own, and prints a table. Time is simulated and
advances by the hour; vendors on loopback, connections, retries, circuit breakers, the daily
allowance of AWS and the ledger are real.
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
from costmon.errors import ProviderError
from costmon.outbound import OutboundLimits
from costmon.providers.breaker import Breaker
from costmon.store import open_store
from costmon.store.migrate import upgrade
from costmon.testing import Asked, FakeClock, Reply, StubServer
from tests.providers.campaign.spend import EXACT, Spend
from tests.providers.campaign.vendors import VENDORS, encoded

FIRST = dt.datetime(2026, 10, 20, 0, 30, tzinfo=dt.UTC)
HOUR_S = 3600
DAY_S = 24 * HOUR_S
FAULTY = 0.1
DAYS = 120
LIMITS = OutboundLimits(read_timeout_s=0.15, deadline_s=5.0, stream_deadline_s=5.0)
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
        faults: How many of them were answered by a fault.
    """

    def __init__(self, slug: str, spend: Spend, clock: Clock) -> None:
        super().__init__()
        self._vendor, self._spend, self._clock = VENDORS[slug], spend, clock
        self._rng = random.Random(f"{spend.seed}/faults of {slug}")
        self.faulty = FAULTY
        self.requests: Counter[dt.date] = Counter()
        self.faults = 0

    def reply_to(self, asked: Asked) -> Reply:
        """Return what the vendor says, or a fault."""
        now = self._clock.now()
        with self._lock:
            self.requests[now.date()] += 1
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
class Account:
    """One vendor's account, and when it is read again."""

    slug: str
    server: VendorServer
    connection: ProviderConnection
    breaker: Breaker = field(default_factory=Breaker)
    next_at_s: float = 0.0
    known_through: dt.datetime | None = None
    reads: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    inventory: Decimal = Decimal(0)

    def read(self, clock: Clock) -> list[ChargeWindow]:
        """Read once, as the poller does: windows that came before a failure count."""
        now, now_s = clock.now(), clock.monotonic_s()
        found: list[ChargeWindow] = []
        self.reads += 1
        try:
            if "charges" in self.connection.readings:
                windows = self.connection.provider.charges(self.slug, now, self.known_through)
                found.extend(windows)
                through = [
                    min(known, one.end)
                    for one in found
                    if (known := one.counted_through or one.complete_through) is not None
                ]
                self.known_through = max(through, default=self.known_through)
            else:
                read = self.connection.provider.inventory(self.slug, now)
                self.failed.update(one.reason for one in read.failed)
                self.inventory = sum(
                    (one.monthly_cost or Decimal(0) for one in read.resources), Decimal(0)
                )
        except ProviderError as error:
            self.failed[error.reason] += 1
            self.breaker = self.breaker.after_failure(
                now_s, retryable=error.retryable, retry_after_s=error.retry_after_s
            )
            self.next_at_s = max(now_s + HOUR_S, self.breaker.probe_at_s or 0.0)
        else:
            self.breaker = self.breaker.after_success()
            self.next_at_s = now_s + DAY_S
        return found


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one vendor.

    Attributes:
        charged: What the vendor has charged, exact.
        recorded: What the ledger has of it.
        reads: Polls of the vendor.
        failed: Polls that failed, and kinds of an inventory that did, by reason.
        faults: Answers that were faults.
        requests: By the simulated day.
    """

    charged: Decimal
    recorded: Decimal
    reads: int
    failed: Counter[str]
    faults: int
    requests: Counter[dt.date]


def campaign(days: int, *, seed: int = 1, folder: Path) -> Mapping[str, Result]:
    """Read all vendors for so many days; on the last one without faults."""
    clock, spend = FakeClock(FIRST), Spend(seed, FIRST.date())
    database = folder / "costmon.db"
    upgrade(f"sqlite:///{database}")
    with (
        open_store(f"sqlite:///{database}", clock=clock) as store,
        _accounts(spend, clock, folder) as accounts,
        ThreadPoolExecutor(len(VENDORS)) as threads,
    ):
        token = store.claim("persister")
        for hour in range(days * 24 + 1):
            if hour == (days - 1) * 24:
                for account in accounts:
                    account.server.faulty = 0.0
            if hour == days * 24:
                for account in accounts:  # what the last day charged is read once more
                    account.next_at_s = 0.0
            due = [one for one in accounts if one.next_at_s <= clock.monotonic_s()]
            for windows in threads.map(lambda account: account.read(clock), due):
                for window in windows:
                    store.record_charges(window, token)
            if hour < days * 24:
                clock.advance(HOUR_S)
        recorded = _recorded(database)
        return {one.slug: _result(one, spend, clock, recorded) for one in accounts}


@contextmanager
def _accounts(spend: Spend, clock: Clock, folder: Path) -> Iterator[list[Account]]:
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
            accounts.append(Account(slug, server, connection))
        yield accounts


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
    account: Account, spend: Spend, clock: Clock, recorded: Mapping[str, Decimal]
) -> Result:
    is_charged = "charges" in account.connection.readings
    return Result(
        charged=VENDORS[account.slug].charged(spend, clock.now()),
        recorded=recorded.get(account.slug, Decimal(0)) if is_charged else account.inventory,
        reads=account.reads,
        failed=account.failed,
        faults=account.server.faults,
        requests=account.server.requests,
    )


def table(campaigns: Sequence[Mapping[str, Result]]) -> str:
    """Return what to know of each vendor, over all campaigns; requests: the mean and the most."""
    lines = ["vendor         sums    of charges      reads  failed  faults  requests a day"]
    for slug, vendor in VENDORS.items():
        results = [one[slug] for one in campaigns]
        equal = all(one.recorded == one.charged for one in results)
        by_day = [count for one in results for count in one.requests.values()]
        limit = "" if vendor.per_day is None else f" of {vendor.per_day:,}"
        usd = vendor.usd_per_request * sum(by_day) / len(by_day)
        lines.append(
            f"{slug:14} {'equal' if equal else 'DIFFER':7}"
            f" {sum(one.charged for one in results):<14.2f}"
            f" {sum(one.reads for one in results):6}"
            f" {sum(one.failed.total() for one in results):7}"
            f" {sum(one.faults for one in results):7}"
            f"  {sum(by_day) / len(by_day):.1f}/{max(by_day)}{limit}"
            + (f", {usd:.4f} USD a day" if usd else "")
        )
    return "\n".join(lines)


def main() -> int:
    """Run campaigns for an hour; return 1 when a sum was not equal."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    until_s = time.monotonic() + 60 * minutes
    campaigns: list[Mapping[str, Result]] = []
    while time.monotonic() < until_s:
        with TemporaryDirectory() as folder:
            campaigns.append(campaign(DAYS, seed=len(campaigns) + 1, folder=Path(folder)))
    print(f"{len(campaigns) * DAYS} simulated days, {len(VENDORS)} vendors at once")
    print(table(campaigns))
    differ = [one for found in campaigns for one in found.values() if one.recorded != one.charged]
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
