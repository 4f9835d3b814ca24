"""How often, and after how long, a failed call is retried."""

from typing import TYPE_CHECKING, Literal, NamedTuple, Self, get_args

from costmon.errors import InputError

if TYPE_CHECKING:
    from random import Random

Jitter = Literal["full", "none"]

_MOST_RETRIES = 100
_LONGEST_S = 86_400.0
_MOST_FACTOR = 100.0


class _RetryPolicy(NamedTuple):
    max_retries: int
    initial_backoff: float
    max_backoff: float
    backoff_factor: float
    jitter: Jitter


class RetryPolicy(_RetryPolicy):
    """How often, and after how long, a failed call is retried.

    Fields that are not given have their default values.

    Attributes:
        max_retries: Attempts after the first; 0 to 100.
        initial_backoff: Seconds before the first retry.
        max_backoff: Seconds; the longest wait, also if the host asks for more.
        backoff_factor: Factor from one wait to the next; 1 to 100.
        jitter: `full`: a wait is random, from 0 to that, so that clients that failed together do
            not retry together. `none`: exactly that.

    Raises:
        InputError: A value is out of range.
    """

    __slots__ = ()

    def __new__(
        cls,
        max_retries: int = 3,
        initial_backoff: float = 1.0,
        max_backoff: float = 30.0,
        backoff_factor: float = 2.0,
        jitter: Jitter = "full",
    ) -> Self:
        """Check the values."""
        if type(max_retries) is not int or not 0 <= max_retries <= _MOST_RETRIES:
            raise InputError(
                f"max_retries={max_retries!r}: give a number from 0 to {_MOST_RETRIES}"
            )
        initial_backoff = _number("initial_backoff", initial_backoff, 0, _LONGEST_S)
        max_backoff = _number("max_backoff", max_backoff, initial_backoff, _LONGEST_S)
        backoff_factor = _number("backoff_factor", backoff_factor, 1, _MOST_FACTOR)
        if jitter not in get_args(Jitter):
            raise InputError(f"jitter={jitter!r}: give {' or '.join(get_args(Jitter))}")
        return super().__new__(
            cls, max_retries, initial_backoff, max_backoff, backoff_factor, jitter
        )

    def longest_wait_s(self, retry: int) -> float:
        """Return the seconds before a retry (0 is the first), without jitter."""
        return min(self.initial_backoff * self.backoff_factor**retry, self.max_backoff)

    def wait_s(self, retry: int, rng: "Random", retry_after_s: float | None = None) -> float:
        """Return how many seconds to wait before a retry (0 is the first).

        Args:
            retry: Number of the retry.
            rng: Source of jitter.
            retry_after_s: The minimum that the host asked for; never above `max_backoff`.
        """
        longest_s = self.longest_wait_s(retry)
        wait_s = longest_s * rng.random() if self.jitter == "full" else longest_s
        return (
            wait_s if retry_after_s is None else min(max(wait_s, retry_after_s), self.max_backoff)
        )

    def to_text(self) -> str:
        """Return it as JSON, for `ScopeConfig.retry_policy`."""
        import json

        return json.dumps(self._asdict())

    @classmethod
    def from_text(cls, text: str) -> "RetryPolicy":
        """Parse a policy; fields that are missing have their default values.

        Raises:
            InputError: It is not a valid policy, or a value is out of range.
        """
        import json

        try:
            read = json.loads(text)
        except (TypeError, ValueError):
            read = None
        if not isinstance(read, dict):
            raise InputError(
                f"{str(text)[:60]!r} is not a valid retry policy: give JSON such as"
                f" {cls(max_retries=1).to_text()}, or some of these fields"
            )
        unknown = sorted(set(read) - set(cls._fields))
        if unknown:
            known = ", ".join(cls._fields)
            raise InputError(f"a retry policy has no field {unknown[0]!r}: use {known}")
        return cls(**read)


def _number(name: str, given: object, least: float, most: float) -> float:
    number = float("nan")
    if isinstance(given, int | float) and not isinstance(given, bool):
        number = given
    if not least <= number <= most:  # also false for nan
        raise InputError(f"{name}={given!r}: give a number from {least:g} to {most:g}")
    return float(number)


USUAL = RetryPolicy()
