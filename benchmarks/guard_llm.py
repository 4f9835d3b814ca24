"""Calls to language models: how fast they are read, and how near to their cost they are held.

Run: `python -m benchmarks.guard_llm`; takes ten seconds. Times are taken in turns within one run.
"""

import base64
import json
import statistics
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from benchmarks.report import Row, print_table
from benchmarks.turns import Loop, in_turns, percentile, ratio
from costmon.guard import Costing
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.wire_call import WireCall, wire_call
from costmon.guard.usage_parsing.price_book import PriceBook
from costmon.guard.usage_parsing.reading import AnswerReader

ROUNDS = 9
_JSON = {"content-type": "application/json"}
_CHAT = "https://api.openai.com/v1/chat/completions"
_MESSAGES = "https://api.anthropic.com/v1/messages"
_WORDS = "the quick brown fox jumps over the lazy dog "
Held = tuple[Decimal, Decimal]


def main() -> list[Row]:
    """Measure everything."""
    return [*_reading_rows(), *_quoting_rows(), *_holding_rows()]


def _reading_rows() -> list[Row]:
    """Return how long reading the usage of an answer of 20 kB takes, beside parsing it."""
    usage = _openai(1000, 5000) | {"prompt_tokens_details": {"cached_tokens": 0}}
    text = 'The quick brown fox, "quoted", jumps.\n' * 480
    answer = {"model": "gpt-4o", "choices": [{"message": {"content": text}}], "usage": usage}
    data = json.dumps(answer).encode()

    def read(count: int) -> None:
        for _ in range(count):
            reader = AnswerReader(_JSON)
            reader.feed(data)
            reader.finish()
            if reader.tokens is None:
                raise AssertionError

    def parse(count: int) -> None:
        for _ in range(count):
            json.loads(data)

    taken = in_turns({"read": read, "parse": parse}, rounds=ROUNDS, count=300)
    found = ratio(taken["read"], taken["parse"])
    note = f"{len(data):,} bytes, {statistics.median(taken['read']) * 1e6:.0f} us"
    return [Row("usage of 20 kB / json.loads", f"{found:.2f}x", "<= 1.5x", found <= 1.5, note)]


def _quoting_rows() -> list[Row]:
    """Return how long a large request takes before it is sent."""
    costing = Costing(prices=PriceBook(extra=False))
    calls = {
        "1 kB": _call(_CHAT, _asked(_WORDS * 20)),
        "4 MB in base64": _call(_CHAT, _asked("", _picture(3_000_000))),
        "4 MB of text": _call(_CHAT, _asked(_WORDS * 90_000)),
        "4 MB of quotes": _call(_CHAT, _asked('"why?"\n' * 400_000)),
    }

    def loop(call: WireCall) -> Loop:
        def quote(count: int) -> None:
            for _ in range(count):
                costing.quote(call)

        return quote

    taken = in_turns({name: loop(call) for name, call in calls.items()}, rounds=ROUNDS, count=5)
    found = {name: statistics.median(times) * 1e3 for name, times in taken.items()}
    most_ms = 10.0  # what an event loop does not notice
    return [
        Row(f"a request of {name}", f"{ms:.2f} ms", "<= 10 ms", ms <= most_ms, "before it is sent")
        for name, ms in found.items()
    ]


def _holding_rows() -> list[Row]:
    """Return how much is held, beside the cost."""
    rows = []
    # The second fits into $1 with $0.79 spent, if a turn is held at less than $0.21: 13 times.
    for name, most, turns in (
        ("coding agent, 20 turns", 5, _coding()),
        ("agent, 50 turns", 13, _looking()),
    ):
        held = list(turns)
        shares = [float(hold / cost) for hold, cost in held]
        middle, high = statistics.median(shares), percentile(shares, 0.95)
        total = sum(hold for hold, _ in held) / sum(cost for _, cost in held)
        fits = total <= most and min(shares) >= 1
        note = f"p95 {high:.1f}x, first {shares[0]:.1f}x, of the sums {total:.1f}x"
        rows.append(
            Row(f"held / cost, {name}", f"{middle:.1f}x", f"<= {most}x, never below", fits, note)
        )
    return rows


def _coding() -> Iterator[Held]:
    """Run a coding agent: 115 to 200 kB, mostly cached, 32,000 tokens of output allowed."""
    costing = Costing(prices=PriceBook(extra=False))
    rules = {"type": "text", "text": "s" * 100_000, "cache_control": {"type": "ephemeral"}}
    said = [{"role": "user", "content": (_WORDS * 400)[:15_000]}]
    before = 0
    for at in range(20):
        body = {"model": "claude-sonnet-4-6", "max_tokens": 32_000, "system": [rules]}
        body["messages"] = said
        tokens = len(json.dumps(body)) // 4
        usage = {
            "input_tokens": 3,
            "cache_read_input_tokens": before,
            "cache_creation_input_tokens": tokens - before,
            "output_tokens": 400 + 150 * (at % 5),
        }
        yield _turn(costing, _call(_MESSAGES, body), usage)
        before = tokens
        answer = {"role": "assistant", "content": (_WORDS * 30)[:1200]}
        said = [*said, answer, {"role": "user", "content": (_WORDS * 80)[:3200]}]


def _looking() -> Iterator[Held]:
    """Run an agent with tools and pictures: $0.79 in all."""
    costing = Costing(prices=PriceBook(extra=False))
    for at in range(50):
        body = _asked("word " * (4_000 + 30 * at), _picture(60_000))
        yield _turn(costing, _call(_CHAT, body), _openai(4_800 + 30 * at, 200))


def _turn(costing: Costing, call: WireCall, usage: dict[str, Any]) -> Held:
    quote = costing.quote(call)
    reader = AnswerReader(_JSON)
    reader.feed(json.dumps({"usage": usage}).encode())
    reader.finish()
    answer = Answer(200, {}, 1, 1, complete=True, tokens=reader.tokens, usage=reader.usage)
    return quote.estimate, costing.charge(call, quote, answer) or quote.estimate


def _openai(prompt: int, completion: int) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return counts | {"total_tokens": prompt + completion}


def _picture(size: int) -> dict[str, Any]:
    data = base64.b64encode(b"\x89PNG" * (size // 4)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def _asked(text: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    tool = {"name": "look", "parameters": {"properties": {"source": {"type": "string"}}}}
    said = [{"type": "text", "text": text}, *blocks]
    return {
        "model": "gpt-4o",
        "max_tokens": 1024,
        "tools": [{"type": "function", "function": tool}],
        "messages": [{"role": "user", "content": said}],
    }


def _call(url: str, body: dict[str, Any]) -> WireCall:
    data = json.dumps(body).encode()
    return wire_call("POST", url, [], data, len(data))


if __name__ == "__main__":
    print_table(main())
