"""How often, and after how long, a failed call is made again."""

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
    """How often, and after how long, a failed call is made again.

    What is not given has the usual value: a policy that says `max_retries=1` alone waits a second,
    with jitter, as any other does.

    Attributes:
        max_retries: Calls after the first; 0 to 100.
        initial_backoff: Seconds before the first retry.
        max_backoff: Seconds; no wait is longer, whatever the host asks for.
        backoff_factor: By which each wait is longer than the one before; 1 to 100.
        jitter: `full`: a wait is anything from 0 to that, by chance, so that those who failed
            together do not come back together. `none`: exactly that.

    Raises:
        InputError: A figure is out of its range.
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
        """Check the figures."""
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
        """Return for how many seconds to wait before a retry (0 is the first).

        Args:
            retry: Which one.
            rng: Makes the jitter.
            retry_after_s: What the host asked for; at least so long, but never above `max_backoff`.
        """
        longest_s = self.longest_wait_s(retry)
        wait_s = longest_s * rng.random() if self.jitter == "full" else longest_s
        return (
            wait_s if retry_after_s is None else min(max(wait_s, retry_after_s), self.max_backoff)
        )

    def to_text(self) -> str:
        """Return it as JSON, as `ScopeConfig.retry_policy` has it."""
        import json

        return json.dumps(self._asdict())

    @classmethod
    def from_text(cls, text: str) -> "RetryPolicy":
        """Return what a text says; names it does not have get their usual values.

        Raises:
            InputError: It is no such text, or a figure is out of its range.
        """
        import json

        try:
            read = json.loads(text)
        except (TypeError, ValueError):
            read = None
        if not isinstance(read, dict):
            raise InputError(
                f"{str(text)[:60]!r} is no retry policy: give JSON such as"
                f" {cls(max_retries=1).to_text()}, or a part of that"
            )
        unknown = sorted(set(read) - set(cls._fields))
        if unknown:
            known = ", ".join(cls._fields)
            raise InputError(f"a retry policy has no {unknown[0]!r}: it has {known}")
        return cls(**read)


def _number(name: str, given: object, least: float, most: float) -> float:
    number = float("nan")
    if isinstance(given, int | float) and not isinstance(given, bool):
        number = given
    if not least <= number <= most:  # which nan is not, either
        raise InputError(f"{name}={given!r}: give a number from {least:g} to {most:g}")
    return float(number)


USUAL = RetryPolicy()
