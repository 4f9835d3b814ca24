"""Decide whether and when a crashed child starts again: arithmetic only.

There is no thread and no clock here: times and random numbers are arguments, so that a test can try
a year of crashes in a microsecond. The names follow OTP: a child that crashes more than
`max_restarts` times within `period_s` has exceeded its intensity.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often and how soon a child is started again.

    Attributes:
        max_restarts: Crashes within `period_s` that are answered with a restart; one more is too
            many.
        period_s: The window in which crashes are counted.
        first_delay_s: Wait after the first crash of a streak.
        min_backoff_s: Wait after the second.
        factor: What each further wait of the streak is multiplied by.
        max_backoff_s: The longest wait, before jitter.
        jitter: Share by which a wait is lengthened or shortened at random, so that children that
            fell together do not rise together.
        stable_after_s: A child that lived this long ends the streak.
        cool_off_s: How long a child that exceeded its intensity rests, if it may rest at all.
    """

    max_restarts: int = 5
    period_s: float = 60.0
    first_delay_s: float = 0.0
    min_backoff_s: float = 0.5
    factor: float = 2.0
    max_backoff_s: float = 30.0
    jitter: float = 0.1
    stable_after_s: float = 10.0
    cool_off_s: float = 900.0

    def __post_init__(self) -> None:
        if self.max_restarts < 0 or self.period_s <= 0:
            msg = (
                f"max_restarts={self.max_restarts} in period_s={self.period_s}: "
                "at least 0 restarts in more than 0 s"
            )
            raise ValueError(msg)
        if not 0 <= self.jitter < 1:
            msg = f"jitter={self.jitter}: from 0 to below 1"
            raise ValueError(msg)
        if self.factor < 1 or not 0 <= self.min_backoff_s <= self.max_backoff_s:
            msg = (
                f"back-off from {self.min_backoff_s} s by {self.factor} to {self.max_backoff_s} s: "
                "it must not shrink"
            )
            raise ValueError(msg)
        if min(self.first_delay_s, self.stable_after_s, self.cool_off_s) < 0:
            raise ValueError("first_delay_s, stable_after_s and cool_off_s are at least 0 s")

    def delay_s(self, streak: int, roll: float) -> float:
        """Return the wait before the restart that follows the crash number `streak` of a streak.

        Args:
            streak: Crashes since the child was last stable, this one included (from 1).
            roll: A random number in [0, 1).
        """
        if streak <= 1:
            return self.first_delay_s
        try:
            backoff_s = self.min_backoff_s * self.factor ** (streak - 2)
        except OverflowError:  # a float ends at 2**1024, a streak does not
            backoff_s = self.max_backoff_s
        return min(self.max_backoff_s, backoff_s) * (1 + self.jitter * (2 * roll - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The child starts again."""

    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The child has exceeded its intensity."""

    crashes: int
    period_s: float


Verdict = Restart | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartHistory:
    """What a child's crashes so far mean for its next one.

    Attributes:
        crashes_s: Monotonic times of the crashes within the last period, oldest first.
        streak: Crashes since the child was last stable.
    """

    crashes_s: tuple[float, ...] = ()
    streak: int = 0

    def after_crash(
        self, policy: RestartPolicy, *, started_s: float, now_s: float, roll: float
    ) -> tuple["RestartHistory", Verdict]:
        """Return the history with one crash more, and what is to be done about it.

        Args:
            policy: The rules.
            started_s: When the incarnation that crashed was started, monotonic.
            now_s: When it crashed, monotonic.
            roll: A random number in [0, 1), for the jitter.
        """
        recent = tuple(at_s for at_s in self.crashes_s if now_s - at_s <= policy.period_s)
        was_stable = now_s - started_s >= policy.stable_after_s
        history = RestartHistory(
            crashes_s=(*recent, now_s),
            streak=1 if was_stable else self.streak + 1,
        )
        crashes = len(history.crashes_s)
        if crashes > policy.max_restarts:
            return history, GiveUp(crashes=crashes, period_s=policy.period_s)
        return history, Restart(delay_s=policy.delay_s(history.streak, roll))
