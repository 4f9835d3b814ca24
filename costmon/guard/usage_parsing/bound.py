"""The most that a call to a language model can cost, before it is sent."""

from decimal import Decimal

from costmon.guard.usage_parsing.by_piece import pieces_of
from costmon.guard.usage_parsing.llm_call import LlmCall
from costmon.guard.usage_parsing.sessions import Earlier, expected_output, rest_of
from costmon.pricing.llm import ModelPrice, Rates

ZERO = Decimal(0)
_MILLION = Decimal(1_000_000)
_OVERHEAD = 1_100
"""Tokens that a vendor adds to a prompt: roles and turns, and 346-820 for tool use."""

_ASKED_CACHES = frozenset(("messages", "converse", "invoke"))
"""Formats in which a cache is only read by a request that asks for it."""

_LEAST_OVERHEAD = 16
_PLAIN_SELLERS = frozenset(("openai", "azure", "anthropic", "google", "aws", "mistral"))
"""Who adds next to nothing to a prompt without tools."""

_SOUND_BYTES = 10
"""Bytes of sound in base64 that are a token, or more: 32 tokens a second at 2.5 kbit/s."""

_SOUND_BYTES_A_SECOND = 1000
_FILE_TOKENS_A_BYTE = 10
_SPEECH_TOKENS_A_CHARACTER = 3
PICTURE_COST = Decimal("0.25")
"""Most that OpenAI's tool takes for a picture in a conversation: gpt-image-1, high, 1024x1536."""

_SEARCHES = 100
"""Most searches of a deep research; the vendor names no limit, and examples of 10 to 50."""

_DOCUMENT, _DOCUMENTS = 500, 100
"""Tokens of a document, and documents of a search, that a re-ranker counts as one."""
_PICTURE_OUTPUT = {"gpt-image-1": 6_240, "gpt-image-1-mini": 6_240, "gpt-image-1.5": 6_240}
_ANY_PICTURE_OUTPUT = 16_384


class Bound:
    """The most that the parts of a call can cost.

    Args:
        call: What it asks for.
        price: Of its model.
        tier: Its service tier.
        earlier: What is known from earlier turns of its conversation.
        family: The canonical name of its model.

    Attributes:
        input_cost: Of the prompt, US dollars.
        padding_cost: Of what a vendor could have added to the prompt, and did not if it has no
            tools.
        tools_cost: Of the vendor's tools, and of what is paid by the call.
        output: Tokens of the answers.
        per_output: Price of one of them.
    """

    def __init__(
        self,
        call: LlmCall,
        price: ModelPrice,
        tier: str,
        earlier: Earlier | None,
        family: str | None,
    ) -> None:
        prompt = call.prompt
        text, pictures, sound, video, files = (
            prompt.text_bytes,
            prompt.pictures,
            prompt.sound_bytes,
            prompt.video_bytes,
            prompt.file_bytes,
        )
        known, cached = 0, 0
        if earlier is not None:
            text, pictures, sound, video, files = rest_of(prompt, earlier.extent)
            known = earlier.tokens
            if prompt.caches or call.wire not in _ASKED_CACHES:
                cached = min(earlier.cached, known)
        size = price.context
        more = text + _OVERHEAD + files * _FILE_TOKENS_A_BYTE
        picture_tokens = pictures * min(size, price.picture_tokens)
        sound_tokens = sound // _SOUND_BYTES + (100 if sound else 0)
        read = known + more + picture_tokens + sound_tokens + video
        if prompt.refers:
            read = max(size, read) if call.wire == "embeddings" else size
            known = cached = 0
        elif call.wire != "embeddings":  # a batch of them may be larger than the model's context
            read = min(size, read)
        plain = call.seller in _PLAIN_SELLERS and not call.body.fields.get("tools")
        padding = _OVERHEAD - _LEAST_OVERHEAD if plain and not prompt.refers and read < size else 0
        long = price.long_rates is not None and read > price.long_from
        rates, _ = price.tier(tier, long=long)
        highest = _highest(rates, call)
        sound_rate = rates.audio or highest
        self.input_cost = (
            min(cached, read) * (rates.cached or ZERO)
            + max(0, read - cached) * highest
            + min(sound_tokens, read) * max(ZERO, sound_rate - highest)
            + min(video, read) * max(ZERO, (rates.video or highest) - highest)
            + min(picture_tokens, read) * max(ZERO, (rates.image or highest) - highest)
        ) / _MILLION
        self.padding_cost = padding * highest / _MILLION
        self.tools_cost = (
            sum(
                (
                    most * (getattr(rates, unit, None) or ZERO) / 1000
                    for unit, most in prompt.tools.items()
                    if unit != "other"
                ),
                ZERO,
            )
            + (rates.request or ZERO) / 1000
        )
        self._others(call, price, rates, text)
        self.per_output = _highest_output(rates, call) / _MILLION
        self.output = 0 if not call.writes else self._output(call, price, earlier, family)
        if _compacts(call):  # the conversation is read, and a summary of it written, before
            self.tools_cost += self.input_cost + self.output * self.per_output

    def _others(self, call: LlmCall, price: ModelPrice, rates: Rates, text: int) -> None:
        pieces = pieces_of(call.wire, call.body.fields, call.choices, rates)
        if pieces is not None:
            self.tools_cost += price.cost(pieces).amount
        if call.wire == "rerank" and rates.request is not None:
            documents = call.body.fields.get("documents")
            count = len(documents) if isinstance(documents, list) else 0
            # A long document counts as several, each of them of 500 tokens or more.
            searches = 1 + (count + text // _DOCUMENT) // _DOCUMENTS
            self.tools_cost += (searches - 1) * rates.request / 1000
        if "pictures" in call.prompt.tools:
            self.tools_cost += PICTURE_COST
        if _researches(rates):
            self.tools_cost += (
                price.context * (rates.input or ZERO)
                + price.most_output * (rates.reasoning or ZERO)
            ) / _MILLION + _SEARCHES * (rates.web_search or ZERO) / 1000
        if rates.characters is not None:
            self.tools_cost += text * rates.characters / _MILLION
        if call.wire == "transcription" and rates.seconds is not None:
            seconds = Decimal(call.body.size or 0) / _SOUND_BYTES_A_SECOND
            self.tools_cost += seconds * rates.seconds / 3600

    @staticmethod
    def _output(
        call: LlmCall, price: ModelPrice, earlier: Earlier | None, family: str | None
    ) -> int:
        if call.wire == "images":
            most = _PICTURE_OUTPUT.get(family or "", _ANY_PICTURE_OUTPUT)
            return most * call.choices
        if call.wire == "speech":
            return call.prompt.text_bytes * _SPEECH_TOKENS_A_CHARACTER
        asked = call.most_output if call.most_output is not None else price.most_output
        return expected_output(asked, earlier) * call.choices


def _compacts(call: LlmCall) -> bool:
    """Return whether the vendor may shorten the conversation by a summary."""
    found = call.body.fields.get("context_management")
    edits = found.get("edits") if isinstance(found, dict) else None
    return isinstance(edits, list) and any(
        isinstance(edit, dict) and str(edit.get("type")).startswith("compact") for edit in edits
    )


def _researches(rates: Rates) -> bool:
    """Return whether a model searches and thinks beside its answer, at prices of their own."""
    thinks_apart = rates.reasoning is not None and rates.reasoning != rates.output
    return thinks_apart and rates.web_search is not None


def _highest(rates: Rates, call: LlmCall) -> Decimal:
    """Return the most that a token of the prompt can cost."""
    found = [rates.input or ZERO]
    if call.prompt.caches or (rates.cache_write != rates.input and call.seller != "anthropic"):
        found.append(rates.cache_write or ZERO)
    if call.prompt.caches_1h:
        found.append(rates.cache_write_1h or ZERO)
    return max(found)


def _highest_output(rates: Rates, call: LlmCall) -> Decimal:
    """Return the most that a token of the answer can cost."""
    found = [rates.output or ZERO, rates.reasoning or ZERO]
    if call.speaks or call.wire == "speech":
        found.append(rates.audio_output or ZERO)
    if call.wire == "images" or (rates.image_output is not None and call.wire == "gemini"):
        found.append(rates.image_output or ZERO)
    return max(found)
