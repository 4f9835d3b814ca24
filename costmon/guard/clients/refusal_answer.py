"""Answer a refused call as its vendor would, for SDKs that hide or repeat other errors.

The SDKs of OpenAI, Anthropic, Google and Mistral take any exception of their transport for a failed
connection: they try again, and then raise "Connection error.". Status 402 is final in each of them,
and the text of the answer is in the error that they raise.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from costmon.guard.clients.wire_call import WireCall
from costmon.guard.errors import CallRefused, RateRefused

REFUSAL = "costmon_refusal"
"""Name of the refusal among the extensions of the answer; see `refusal_in`."""

_SOON_S = 20.0
_AGENTS = ("google-genai-sdk/", "mistral-client-python/", "openai/", "anthropic/")


class RefusalAnswer(NamedTuple):
    """An answer that was made here.

    Attributes:
        status: 402; 429 for a rate limit that is over in seconds, which SDKs may wait for.
        headers: Its headers.
        body: JSON in the vendor's shape.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_of_sdk(headers: Mapping[str, str]) -> bool:
    """Return whether a request was made by an SDK that hides a refusal which is raised."""
    agent = headers.get("user-agent", "").lower()
    return "x-stainless-lang" in headers or agent.startswith(_AGENTS)


def refusal_answer(call: WireCall, refused: CallRefused) -> RefusalAnswer:
    """Return the answer to a refused call."""
    status, headers = 402, {"content-type": "application/json", "x-should-retry": "false"}
    after_s = refused.retry_after_s
    if isinstance(refused, RateRefused) and after_s is not None and after_s <= _SOON_S:
        status, headers = (
            429,
            {
                "content-type": "application/json",
                "retry-after": str(int(after_s) + 1),
            },
        )
    return RefusalAnswer(status, headers, json.dumps(_body(call, refused, status)).encode())


def _body(call: WireCall, refused: CallRefused, status: int) -> dict[str, object]:
    text = f"costmon refused this call: {refused}"
    if call.path.endswith(("/messages", "/messages/batches")) or "anthropic" in call.host:
        kind = "billing_error" if status == 402 else "rate_limit_error"  # noqa: PLR2004 - see above
        return {"type": "error", "error": {"type": kind, "message": text}}
    if call.host.endswith("googleapis.com") or ":generateContent" in call.path:
        return {"error": {"code": status, "message": text, "status": "FAILED_PRECONDITION"}}
    return {
        "error": {
            "message": text,
            "type": "insufficient_quota",
            "code": f"costmon_{refused.reason}",
        },
        "message": text,
    }
