"""Keep the timers of one incarnation: no thread, no queue of missed ticks.

The mailbox asks here how long it may wait and what is due, as Erlang's `receive ... after` does.
Hence a timer cannot leak, cannot pile up, and ends with the incarnation that asked for it.
"""

from dataclasses import dataclass

from costmon.clock import Clock


@dataclass(frozen=True, slots=True)
class _Due:
    at_s: float
    interval_s: float | None


class Timers:
    """The timers of one incarnation, used by its own thread only (`costmon.clock.Timer`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, _Due] = {}
        self.next_s: float | None = None
        """When the next timer is due, monotonic; `None` without timers."""

    def every(self, key: str, interval_s: float, *, first_s: float = 0.0) -> None:
        """Deliver `Tick(key)` in `first_s` seconds, then every `interval_s` seconds.

        Raises:
            ValueError: The interval is not above zero.
        """
        if interval_s <= 0:
            msg = f"timer {key!r}: an interval of {interval_s} s would never rest"
            raise ValueError(msg)
        self._set(key, _Due(self._clock.monotonic_s() + first_s, interval_s))

    def after(self, key: str, delay_s: float) -> None:
        """Deliver `Tick(key)` once in `delay_s` seconds, replacing a timer of the same key."""
        self._set(key, _Due(self._clock.monotonic_s() + delay_s, None))

    def cancel(self, key: str) -> None:
        """Forget the timer `key`; an unknown key is not an error."""
        self._due.pop(key, None)
        self._find_next()

    def __contains__(self, key: object) -> bool:
        return key in self._due

    def take(self, now_s: float) -> str | None:
        """Return the key that is due longest and set its next time; `None` when none is due.

        Times that were missed meanwhile are skipped: a handler that took an hour is followed by
        one tick, not by an hour of them.
        """
        if self.next_s is None or self.next_s > now_s:
            return None
        key, due = min(self._due.items(), key=lambda item: item[1].at_s)
        if due.interval_s is None:
            self.cancel(key)
        else:
            missed = (now_s - due.at_s) // due.interval_s
            at_s = due.at_s + (missed + 1) * due.interval_s
            if at_s <= now_s:  # 1.0 // 0.1 is 9.0: floats may round to a time that is over
                at_s += due.interval_s
            self._set(key, _Due(at_s, due.interval_s))
        return key

    def _set(self, key: str, due: _Due) -> None:
        self._due[key] = due
        self._find_next()

    def _find_next(self) -> None:
        self.next_s = min((due.at_s for due in self._due.values()), default=None)
