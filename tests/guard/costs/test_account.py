import datetime as dt
import threading
from decimal import Decimal

import pytest

from costmon.errors import AmountError, PriceUnknownError
from costmon.guard.costs.account import Account
from costmon.pricing.aws import GB, NONE_FREE, Usage
from costmon.testing.clock import FakeClock

DAY_S = 86_400


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def account(clock):
    return Account(region="us-east-1", clock=clock)


def test_free_use_is_given_out_once(account):
    first = account.add(Usage(transfer_out=60 * GB))
    second = account.add(Usage(transfer_out=60 * GB))

    assert (first.total, second.total) == (0, Decimal("1.80"))


def test_free_use_is_given_out_once_over_all_regions(account):
    account.add(Usage(transfer_out=100 * GB))

    assert account.add(Usage(transfer_out=GB), region="sa-east-1").total == Decimal("0.15")


def test_each_month_has_its_own_free_use(account, clock):
    account.add(Usage(transfer_out=100 * GB))
    clock.advance(10 * DAY_S)

    assert account.add(Usage(transfer_out=100 * GB)).total == 0
    assert account.month().month == "2026-12"


def test_the_billing_month_is_that_of_utc(account):
    newyork = dt.timezone(dt.timedelta(hours=-5))
    account.add(Usage(transfer_out=GB), at=dt.datetime(2026, 11, 30, 23, 30, tzinfo=newyork))

    assert account.month().free.transfer_out == 0
    december = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert account.month(december).free.transfer_out == GB


def test_what_comes_late_counts_in_its_own_month(account):
    october = dt.datetime(2026, 10, 31, 23, 59, tzinfo=dt.UTC)
    account.add(Usage(transfer_out=100 * GB))

    assert account.add(Usage(transfer_out=100 * GB), at=october).total == 0
    assert account.add(Usage(transfer_out=GB), at=october).total == Decimal("0.09")


def test_what_comes_too_late_is_refused_and_not_free(account, clock):
    for _ in range(4):
        account.add(Usage(transfer_out=1))
        clock.advance(31 * DAY_S)

    with pytest.raises(AmountError, match="use in 2026-11"):
        account.add(Usage(transfer_out=1), at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC))


def test_a_naive_time_is_refused(account):
    with pytest.raises(AmountError, match="aware"):
        account.add(Usage(), at=dt.datetime(2026, 11, 1))


def test_an_estimate_counts_nothing(account):
    before = account.month()

    assert account.estimate(Usage(transfer_out=101 * GB)).total == Decimal("0.09")
    assert account.month() == before


def test_what_has_no_price_is_not_counted(account):
    before = account.month()

    with pytest.raises(PriceUnknownError):
        account.add(Usage(transfer_out=1, s3_puts=1), region="mars-1")

    assert account.month() == before


def test_no_use_is_lost_or_free_twice_when_threads_count_it(clock):
    account = Account(region="us-east-1", clock=clock)
    costs: list[Decimal] = []

    def work():
        costs.extend(account.add(Usage(transfer_out=GB)).total for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert account.month().billed() == {("us-east-1", "transfer_out"): 700 * GB}
    assert sum(costs) == 63


def test_an_account_without_free_use_pays_from_the_first_byte(clock):
    account = Account(region="us-east-1", allowances=NONE_FREE, clock=clock)

    assert account.add(Usage(transfer_out=GB)).total == Decimal("0.09")
