"""What the simulated vendor answers to one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

JSON = "application/json; charset=utf-8"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked, as far as the simulation looks at it.

    Attributes:
        method: Upper case.
        path: Without the query.
        query: The last value of each parameter.
        authorization: The header's value; empty when it was not sent.
    """

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back.

    Attributes:
        status: HTTP status code.
        body: All of the body.
        content_type: Its media type.
        headers: Further headers.
        cut_after: Bytes of the body sent before the connection is closed; `None` sends all.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None


def ok(value: dict[str, Any]) -> Answer:
    """Return 200 with `value` as JSON."""
    return Answer(status=200, body=_encode(value))


def refusal(
    status: int, reason: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an error in the form that the vendor gives all of its errors."""
    body = _encode({"id": reason, "message": message})
    return Answer(status=status, body=body, headers=headers or {})
