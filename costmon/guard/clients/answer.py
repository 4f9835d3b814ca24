"""What is known about a response when it has ended."""

from collections.abc import Mapping
from typing import NamedTuple

from costmon.guard.usage_parsing.reading import Result
from costmon.pricing.llm import LlmUsage


class Answer(NamedTuple):
    """A response that has ended, or was closed.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        bytes_in: Of the body, as received over the wire.
        bytes_out: Of the request's body, as sent.
        complete: Whether the whole body was received.
        tokens: What the call used, as it reports.
        text_bytes: Of the model's text, as far as it was received.
        model: The model that answered, if it says so.
        usage: The usage in the vendor's own fields.
        tier: The service tier, as the vendor calls it.
        response_id: The vendor's id of the response.
        unfinished: Whether the vendor still works on it.
        results: The answers of a batch.
        elapsed_s: Seconds from the request to the end of the answer; `None`: not known.
        problem: Why the content could not be read; empty if it could.
        body: The whole content, if it was read for its usage and is at most 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    bytes_in: int
    bytes_out: int
    complete: bool
    tokens: LlmUsage | None = None
    text_bytes: int = 0
    model: str | None = None
    usage: Mapping[str, object] = {}
    tier: str | None = None
    response_id: str | None = None
    unfinished: bool = False
    results: tuple[Result, ...] = ()
    elapsed_s: float | None = None
    problem: str = ""
    body: bytes | None = None
