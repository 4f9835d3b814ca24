import datetime as dt
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from costmon.errors import ProviderRateLimitError
from costmon.outbound import DailyAllowance, HttpOutbound, OutboundLimits
from costmon.testing import FakeClock, StubServer
from costmon.testing.stub import Reply

NOON = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


def allowance(folder, clock=None, limit=3, account="aws"):
    return DailyAllowance(folder, account, limit, clock or FakeClock(NOON))


def test_so_many_requests_are_allowed_and_no_more(tmp_path):
    counted = allowance(tmp_path)

    assert [counted.take() for _ in range(5)] == [True, True, True, False, False]
    assert counted.taken() == 3


def test_a_restart_does_not_begin_again_at_0(tmp_path):
    """A service that is restarted every few seconds would spend 0.01 USD each time."""
    assert [allowance(tmp_path).take() for _ in range(4)] == [True, True, True, False]


def test_the_next_day_has_requests_of_its_own(tmp_path):
    clock = FakeClock(NOON)
    counted = allowance(tmp_path, clock, limit=1)
    assert (counted.take(), counted.take()) == (True, False)

    clock.advance(counted.seconds_left())

    assert counted.taken() == 0
    assert (counted.take(), counted.take()) == (True, False)
    assert len(list(tmp_path.iterdir())) == 1


def test_accounts_are_counted_apart(tmp_path):
    assert allowance(tmp_path, limit=1, account="one").take()
    assert allowance(tmp_path, limit=1, account="one-two").take()
    assert allowance(tmp_path, limit=1, account="two").take()


def test_many_at_once_do_not_get_more_than_is_allowed(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: allowance(tmp_path, limit=20).take(), range(100)))

    assert sum(taken) <= 20


@pytest.fixture
def outbound(tmp_path):
    with StubServer() as server:

        def make(folder=tmp_path, limit=3):
            return server, HttpOutbound(
                provider="aws",
                base_url=server.url,
                headers={},
                clock=FakeClock(NOON),
                rng=random.Random(1),
                pause=lambda _seconds: True,
                beat=lambda: None,
                limits=OutboundLimits(),
                allowance=allowance(folder, limit=limit),
            )

        yield make


def test_a_request_beyond_the_allowance_is_not_sent(outbound):
    server, client = outbound(limit=1)
    server.script("/costs", lambda _: Reply(body=json.dumps({}).encode()))
    client.get("/costs", {})

    with pytest.raises(ProviderRateLimitError, match=r"1 requests .* used up") as caught:
        client.get("/costs", {})
    client.close()

    assert len(server.asked) == 1
    assert caught.value.retry_after_s == 12 * 3600
    assert client.take_counts()[0] == 1


def test_attempts_that_fail_count_too(outbound):
    """Nobody says that a failed request is free."""
    server, client = outbound(limit=3)
    server.script("/costs", lambda _: Reply(status=500))

    with pytest.raises(ProviderRateLimitError):
        client.get("/costs", {})
    client.close()

    assert len(server.asked) == 3


def test_a_request_that_cannot_be_counted_is_not_sent(outbound, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    server, client = outbound(folder=blocked)

    with pytest.raises(ProviderRateLimitError, match="cannot be counted"):
        client.get("/costs", {})
    client.close()

    assert server.asked == ()
