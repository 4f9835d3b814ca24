"""Names that travel: bounded, and nothing in them that a terminal obeys or UTF-8 cannot hold."""

import unicodedata

NAME_CHARACTERS = 200
"""Of a service, a machine, a tenant, a method."""

ROUTE_CHARACTERS = 500
"""Of a route's template, which nests as deep as its application."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Marks that turn the direction of what follows: with them a name can look like another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def readable(text: str, longest: int) -> str:
    """Return a text cut to `longest` characters, with a mark for each that is not for reading."""
    text = text[:longest].strip(" ")
    if text.isprintable():
        return text
    return "".join(_REPLACEMENT if _is_refused(character) else character for character in text)


def _is_refused(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _REFUSED
