"""Remove secrets from a vendor's row before it is kept."""

import functools
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

_SECRET_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "secretaccesskey",
    "apikey",
    "privatekey",
    "accesskey",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "signature",
    "pdf",
    "pdfurl",
    "pdfuri",
    "invoiceurl",
    "invoiceuri",
    "receipturl",
    "downloadurl",
)
"""Ends of names, without case and separators. Links to documents open without a login at OVH and
Stripe. Plurals such as `output_tokens` are quantities."""
_SECRET_PARAMETERS = ("sig", "key", "passwd", "jwt")
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")


def without_secrets(raw: Mapping[str, object]) -> dict[str, object]:
    """Return a vendor's row without tokens, passwords, signed links and links to documents.

    Fields are recognised by the end of their name and by links that carry a secret, at any depth;
    they are left out. Numbers are never taken for secrets, so that prices per token stay.
    """
    return {
        name: _cleaned(value)
        for name, value in raw.items()
        if not (_is_secret(name, value) or _opens(value))
    }


def _cleaned(value: object) -> object:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value if not _opens(item)]
    return value


def _is_secret(name: str, value: object) -> bool:
    if value is None or isinstance(value, bool) or not _names_secret(name):
        return False
    counted = isinstance(value, int | float | Decimal) or (
        isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    )
    return not (counted and _plain(name).endswith("token"))


@functools.lru_cache(maxsize=4096)
def _names_secret(name: str) -> bool:
    return _plain(name).endswith(("token", *_SECRET_ENDS))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _opens(value: object) -> bool:
    """Return whether it is a link that can be opened without a login."""
    if not isinstance(value, str) or "://" not in value:
        return False
    try:
        parts = urlsplit(value)
        names = [name for name, _ in parse_qsl(parts.query) + parse_qsl(parts.fragment)]
        has_user = parts.username is not None or parts.password is not None
    except ValueError:
        # What cannot be read cannot be shown to be harmless.
        return True
    return has_user or any(
        name.lower() in _SECRET_PARAMETERS or _names_secret(name) for name in names
    )
