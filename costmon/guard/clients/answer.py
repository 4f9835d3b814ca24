"""What is known of an answer when it is over."""

from collections.abc import Mapping
from typing import NamedTuple

from costmon.pricing.llm import Tokens


class Answer(NamedTuple):
    """An answer that has ended, or was ended.

    Attributes:
        status: HTTP's.
        headers: By lower-case name.
        bytes_in: Of the body, as they came over the wire.
        bytes_out: Of the request's body, as they were sent.
        complete: Whether all of it came.
        tokens: What it says was used.
        text_bytes: What a model wrote in it, as far as it was seen.
        model: Which model answered, if it says so.
        usage: The vendor's own words about what was used.
        body: The whole content, when it was read for its usage and is at most 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    bytes_in: int
    bytes_out: int
    complete: bool
    tokens: Tokens | None = None
    text_bytes: int = 0
    model: str | None = None
    usage: Mapping[str, object] = {}
    body: bytes | None = None
