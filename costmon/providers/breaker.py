"""Stop asking a vendor that does not answer: a value and its arithmetic."""

from dataclasses import dataclass, replace

from costmon.domain.poll import BreakerState

FAILURES_TO_OPEN = 3
FIRST_OPEN_S = 60.0
LONGEST_OPEN_S = 900.0
LONGEST_RETRY_AFTER_S = 3600.0
"""A vendor that asks for more would be silent for a day because of one answer."""
PROBE_BY_HAND_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The circuit between one account's poller and its vendor.

    Closed, it lets every cycle through. Open, none until `probe_at_s`; then it is half open and
    lets exactly one through, whose result closes it or opens it for twice as long.

    Attributes:
        failures: Failed cycles in a row.
        openings: Times it opened since it was last closed.
        probe_at_s: Monotonic seconds from which one probe is allowed; `None` when closed.
        probing: The one probe is on its way.
        asked_at_s: Monotonic seconds at the last failure that opened it.
    """

    failures: int = 0
    openings: int = 0
    probe_at_s: float | None = None
    probing: bool = False
    asked_at_s: float | None = None

    def state(self, now_s: float) -> BreakerState:
        """Return how it stands at `now_s`."""
        if self.probe_at_s is None:
            return "closed"
        if self.probing or now_s >= self.probe_at_s:
            return "half_open"
        return "open"

    def allows(self, now_s: float) -> bool:
        """Tell whether a cycle may start at `now_s`."""
        return self.probe_at_s is None or (not self.probing and now_s >= self.probe_at_s)

    def allows_by_hand(self, now_s: float) -> bool:
        """Return whether a cycle that a user asks for may run now, even while it is open.

        Once a minute: a person who has put it right need not wait, and a refused token is not
        tried so often that the vendor locks the account.
        """
        return self.allows(now_s) or (
            not self.probing
            and self.asked_at_s is not None
            and now_s - self.asked_at_s >= PROBE_BY_HAND_S
        )

    def asked(self) -> "Breaker":
        """Return the breaker once an allowed cycle has started."""
        return self if self.probe_at_s is None else replace(self, probing=True)

    def after_success(self) -> "Breaker":
        """Return the breaker after a good cycle: closed, as if nothing had been."""
        return Breaker()

    def after_failure(
        self, now_s: float, *, retryable: bool, retry_after_s: float | None = None
    ) -> "Breaker":
        """Return the breaker after a failed cycle.

        Args:
            now_s: Monotonic seconds.
            retryable: Whether asking again soon can help. When it cannot (a refused token), it
                opens at once.
            retry_after_s: Seconds the vendor asked us to wait: it opens at once, for at least
                that long, but not for more than an hour.
        """
        failures = self.failures + 1
        must_open = (
            not retryable
            or retry_after_s is not None
            or self.probe_at_s is not None
            or failures >= FAILURES_TO_OPEN
        )
        if not must_open:
            return replace(self, failures=failures)
        # The exponent is bounded because a float overflows after a thousand doublings.
        open_s = min(FIRST_OPEN_S * 2 ** min(self.openings, 10), LONGEST_OPEN_S)
        return Breaker(
            failures=failures,
            openings=self.openings + 1,
            probe_at_s=now_s + max(open_s, min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)),
            asked_at_s=now_s,
        )
