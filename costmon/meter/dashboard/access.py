"""Access control of the dashboard: local programs may read; only its own page may send commands.

The port listens on loopback only, so the remaining threat is another site's page in the user's
browser. DNS rebinding is visible in `Host`, cross-site requests in `Origin` and `Sec-Fetch-Site`,
and neither can know the token.
"""

import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

TOKEN_HEADER = "X-Costmon-Token"  # noqa: S105 - a header name, not a token

_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])\.?(?::\d{1,5})?\Z", re.IGNORECASE)
_OWN = frozenset({"", "none", "same-origin"})

HARDENED = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""Headers of every response."""


class Refusal(NamedTuple):
    """Why a request is rejected.

    Attributes:
        status: HTTP status of the response.
        text: One sentence for people.
    """

    status: int
    text: str


def refusal(method: str, path: str, header: Callable[[str], str], token: str) -> Refusal | None:
    """Return why a request is rejected; `None` if it is allowed.

    Args:
        method: Upper case.
        path: Without its query.
        header: Returns a header's value by name; empty if it is missing.
        token: The token that commands must carry.
    """
    host = header("Host")
    if not _HOST.match(host):
        return Refusal(
            421,
            "The Host header does not name this machine; accepted: localhost, 127.0.0.1 and [::1].",
        )
    foreign = header("Sec-Fetch-Site").lower() not in _OWN
    # Following a link from elsewhere to the page itself is harmless; reading data is not.
    if foreign and (method not in {"GET", "HEAD"} or path != "/"):
        return Refusal(403, "Requests from pages of other sites are not allowed.")
    origin = header("Origin").lower()
    if origin and origin != f"http://{host.lower()}":
        return Refusal(403, "Requests from pages of other sites are not allowed.")
    if method in {"GET", "HEAD"}:
        return None
    sent = header(TOKEN_HEADER).encode("utf-8", "replace")
    if not hmac.compare_digest(sent, token.encode()):
        return Refusal(403, f"Commands need the page's token in the header {TOKEN_HEADER}.")
    return None
