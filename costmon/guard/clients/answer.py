"""What is known about a response when it has ended."""

from collections.abc import Mapping
from typing import NamedTuple

from costmon.pricing.llm import Tokens


class Answer(NamedTuple):
    """A response that has ended, or was closed.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        bytes_in: Of the body, as received over the wire.
        bytes_out: Of the request's body, as sent.
        complete: Whether the whole body was received.
        tokens: The usage that it reports.
        text_bytes: Of the model's text, as far as it was received.
        model: The model that answered, if it says so.
        usage: The usage in the vendor's own fields.
        body: The whole content, if it was read for its usage and is at most 64 KiB.
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
