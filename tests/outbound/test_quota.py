"""What a vendor says about its rate limit is read, bounded and kept to."""

import datetime as dt

import pytest

from costmon.errors import ProviderRateLimitError
from costmon.outbound.quota import Quota, parse_quota, parse_retry_after
from costmon.testing import FakeClock, Reply

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999999", 86_400.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 10:00:30 -0000", 30.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 21 Nov 2036 10:00:00 GMT", 86_400.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("NaN", None),
        ("\u0663", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert parse_retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("remaining", "reset", "quota"),
    [
        ("12", str(UNIX), Quota(remaining=12, reset_at_s=UNIX)),
        ("0", "soon", Quota(remaining=0)),
        ("-1", None, Quota()),
        ("9" * 5000, "9" * 5000, Quota()),
    ],
)
def test_garbled_limits_are_unknown(remaining, reset, quota):
    headers = {"ratelimit-remaining": remaining, "ratelimit-reset": reset}

    assert parse_quota({name: text for name, text in headers.items() if text}, NOW) == quota


@pytest.mark.parametrize("prefix", ["ratelimit", "x-ratelimit"])
@pytest.mark.parametrize("reset", ["60", str(UNIX + 60)], ids=["duration", "Unix time"])
def test_a_reset_may_be_a_duration_or_a_time(prefix, reset):
    headers = {f"{prefix}-remaining": "0", f"{prefix}-reset": reset}

    assert parse_quota(headers, NOW).wait_s(NOW) == 60.0


@pytest.mark.parametrize(
    ("quota", "wait_s"),
    [
        (Quota(), None),
        (Quota(remaining=0), None),
        (Quota(remaining=1, reset_at_s=UNIX + 60), None),
        (Quota(remaining=0, reset_at_s=UNIX + 60), 60.0),
        (Quota(remaining=0, reset_at_s=UNIX), None),
        (Quota(remaining=0, reset_at_s=UNIX - 60), None),
        (Quota(remaining=0, reset_at_s=UNIX + 10**9), 86_400.0),
    ],
)
def test_a_used_up_limit_is_waited_for(quota, wait_s):
    assert quota.wait_s(NOW) == wait_s


def limited(remaining, reset_in_s, status=200):
    headers = {
        "ratelimit-remaining": str(remaining),
        "ratelimit-reset": str(UNIX + reset_in_s),
    }
    return Reply(status=status, body=b"{}", headers=headers)


def test_nothing_is_sent_while_the_vendor_allows_nothing(server, open_door):
    clock = FakeClock(NOW)
    pauses = []

    def pause(seconds):
        pauses.append((seconds, len(server.asked)))
        clock.advance(seconds)
        return True

    server.answer("/v2/x", limited(0, 20), limited(9, 20))
    door, _ = open_door(clock=clock, pause=pause)
    door.get("/v2/x", {})
    door.get("/v2/x", {})

    assert pauses == [(20.0, 1)]
    assert len(server.asked) == 2


def test_a_limit_that_lasts_too_long_is_an_error_that_says_how_long(server, open_door):
    server.answer("/v2/x", limited(0, 2_000))
    door, pauses = open_door(clock=FakeClock(NOW))
    door.get("/v2/x", {})

    with pytest.raises(ProviderRateLimitError) as caught:
        door.get("/v2/x", {})

    assert caught.value.retry_after_s == 2_000.0
    assert (len(server.asked), pauses) == (1, [])


def test_after_such_an_error_the_vendor_is_asked_whether_it_still_holds(server, open_door):
    server.answer("/v2/x", limited(0, 2_000), limited(5, 2_000))
    door, _ = open_door(clock=FakeClock(NOW))
    door.get("/v2/x", {})
    with pytest.raises(ProviderRateLimitError):
        door.get("/v2/x", {})

    assert door.get("/v2/x", {}) == b"{}"


def test_a_429_without_retry_after_is_waited_for_until_the_reset(server, open_door):
    clock = FakeClock(NOW)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        clock.advance(seconds)
        return True

    server.answer("/v2/x", limited(0, 30, status=429), limited(9, 20))
    door, _ = open_door(clock=clock, pause=pause)

    assert door.get("/v2/x", {}) == b"{}"
    assert pauses == [30.0]


def test_a_503_may_say_when_to_come_back(server, open_door):
    server.answer("/v2/x", Reply(status=503, headers={"retry-after": "5"}), Reply(body=b"{}"))
    door, pauses = open_door()

    assert door.get("/v2/x", {}) == b"{}"
    assert pauses == [5.0]
