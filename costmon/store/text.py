"""Make text storable in every database, whatever names a vendor uses.

PostgreSQL refuses NUL characters, no driver encodes a lone surrogate, and an indexed column holds
some hundred characters. A hostile name must not make a cycle unrecordable, so such text is
replaced here, always in the same way.
"""

import hashlib

KEY_CHARACTERS = 200
"""Longest text in a column that is part of a key."""
FREE_CHARACTERS = 4096
"""Longest text elsewhere."""
_REPLACED = {0: "\N{SYMBOL FOR NULL}"} | dict.fromkeys(
    range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"
)


def storable(text: str, limit: int = FREE_CHARACTERS) -> str:
    """Return `text` as it is stored, at most `limit` characters.

    NUL becomes its symbol, a lone surrogate the replacement character. What is too long keeps its
    beginning and ends in a digest of the whole, so that different texts stay different.
    """
    if len(text) <= limit and text.isascii() and "\0" not in text:
        return text
    clean = text.translate(_REPLACED)
    if len(clean) <= limit:
        return clean
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{clean[: limit - 17]}#{digest}"


def storable_key(text: str) -> str:
    """Return `text` as it is stored in a column that is part of a key."""
    return storable(text, KEY_CHARACTERS)
