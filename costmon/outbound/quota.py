"""Read what a vendor says about its rate limit, and remember it."""

import datetime as dt
import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST_WAIT_S = 24 * 3600.0
_LONGEST_NUMBER = 12
# A smaller number of seconds is a duration (Supabase: 60), a larger one a Unix time (GitHub).
_EARLIEST_UNIX_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The state of the vendor's rate limit after an answer.

    Attributes:
        remaining: Requests left; `None` when the vendor did not say.
        reset_at_s: Unix time at which the next request becomes possible; `None` likewise.
    """

    remaining: int | None = None
    reset_at_s: int | None = None

    def wait_s(self, now: dt.datetime) -> float | None:
        """Return the seconds until a request is allowed again; `None` when one is allowed now."""
        if self.remaining != 0 or self.reset_at_s is None:
            return None
        wait_s = self.reset_at_s - now.timestamp()
        return min(wait_s, _LONGEST_WAIT_S) if wait_s > 0 else None


def parse_quota(headers: Mapping[str, str], now: dt.datetime) -> Quota:
    """Read `ratelimit-*` or `x-ratelimit-*`; what is absent or garbled stays unknown.

    Vendors give the reset as a Unix time or as seconds from now.
    """
    for prefix in ("ratelimit", "x-ratelimit"):
        remaining = _whole(headers.get(f"{prefix}-remaining"))
        reset_s = _whole(headers.get(f"{prefix}-reset"))
        if remaining is not None or reset_s is not None:
            if reset_s is not None and reset_s < _EARLIEST_UNIX_S:
                reset_s += math.ceil(now.timestamp())
            return Quota(remaining=remaining, reset_at_s=reset_s)
    return Quota()


def parse_retry_after(text: str | None, now: dt.datetime) -> float | None:
    """Read a Retry-After header, given in seconds or as an HTTP date; `None` when unreadable."""
    if text is None:
        return None
    seconds = _whole(text)
    if seconds is not None:
        return min(float(seconds), _LONGEST_WAIT_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT_S)


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER):
        return None
    return int(digits)
