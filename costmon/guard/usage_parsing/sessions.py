"""What earlier calls say about the next one of the same conversation.

An agent sends its whole conversation with each turn. What a vendor counted for it the last time is
a better bound of that part than its bytes, which are three to four times too many; and what it has
just kept in its cache is read from there. Only conversations of at least 16 kB are remembered: the
bytes of shorter ones cost little.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from costmon.guard.usage_parsing.prompt import Extent, Prompt
from costmon.pricing.llm import LlmUsage

CACHED_S = 290.0
"""Seconds that a cache lasts without being used, less the way to the vendor: five minutes."""

CACHED_1H_S = 3_590.0
_MOST = 8192
_SLACK = 64
"""Tokens between two parts of a prompt, which depend on what follows."""

LEAST_OUTPUT = 4_096
_GROWTH = 4


class Earlier(NamedTuple):
    """What is known of the beginning of a prompt.

    Attributes:
        tokens: It has at most so many.
        cached: So many of them are in the vendor's cache.
        output: The longest answer of the conversation, in tokens; `None`: it is the first turn.
        extent: How large the beginning is.
    """

    tokens: int
    cached: int
    output: int | None
    extent: Extent


class _Known(NamedTuple):
    tokens: int
    cached: int
    until_s: float
    output: int | None
    extent: Extent


class Sessions:
    """Remembers conversations, by the digests of their prompts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, _Known] = {}

    def earlier(self, place: str, prompt: Prompt, now_s: float) -> Earlier | None:
        """Return what is known of the longest beginning of a prompt; `None`: nothing.

        Args:
            place: Host, model and tier; caches are not shared between them.
            prompt: With its chain of digests.
            now_s: Monotonic time.
        """
        if not prompt.chain:
            return None
        mark = place.encode()
        with self._lock:
            for digest, _ in reversed(prompt.chain):
                known = self._known.get(mark + digest)
                if known is not None:
                    cached = known.cached if now_s <= known.until_s else 0
                    return Earlier(known.tokens, cached, known.output, known.extent)
        return None

    def learn(self, place: str, prompt: Prompt, usage: LlmUsage, now_s: float) -> None:
        """Remember what a call used whose prompt this was."""
        if not prompt.chain or not usage.read:
            return
        mark = place.encode()
        kept = usage.cached + usage.cache_write + usage.cache_write_1h
        lasts_s = CACHED_1H_S if usage.cache_write_1h else CACHED_S
        with self._lock:
            before = [self._known.get(mark + digest) for digest, _ in prompt.chain]
            longest = max((known.output or 0 for known in before if known is not None), default=0)
            for at, (digest, extent) in enumerate(prompt.chain):
                last = at == len(prompt.chain) - 1
                had = before[at]
                if not last and had is not None and had.tokens <= usage.read:
                    continue
                self._known.pop(mark + digest, None)
                self._known[mark + digest] = _Known(
                    tokens=usage.read + _SLACK,
                    cached=min(kept, usage.read) if last else 0,
                    until_s=now_s + lasts_s,
                    output=max(longest, usage.written) if last else None,
                    extent=extent,
                )
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]


def expected_output(asked: int, earlier: Earlier | None) -> int:
    """Return the output that is held: in a conversation four times its longest answer."""
    if earlier is None or earlier.output is None:
        return asked
    return min(asked, max(LEAST_OUTPUT, _GROWTH * earlier.output))


def rest_of(prompt: Prompt, extent: Extent) -> Sequence[int]:
    """Return what a prompt has beyond a known beginning; see `Extent`."""
    whole = prompt.chain[-1][1] if prompt.chain else Extent()
    return [max(0, a - b) for a, b in zip(whole, extent, strict=True)]
