"""Clean up names in reports: limited, without control characters or lone surrogates."""

import unicodedata

NAME_CHARACTERS = 200
"""The longest name of a service, a machine, a tenant or a method."""

ROUTE_CHARACTERS = 500
"""The longest route template; templates grow with nested routers."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Bidirectional control characters, with which a name can look like another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def readable(text: str, longest: int) -> str:
    """Return a text cut to `longest` characters; unprintable ones are replaced."""
    text = text[:longest].strip(" ")
    if text.isprintable():
        return text
    return "".join(_REPLACEMENT if _is_refused(character) else character for character in text)


def place_name(place: str) -> str:
    """Return a place as readable text, whose length is limited; different places stay different."""
    name = readable(place, NAME_CHARACTERS + 1)
    if len(name) <= NAME_CHARACTERS and name == place:
        return name
    from hashlib import sha256

    digest = sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{name[: NAME_CHARACTERS - 17]}-{digest}"


def _is_refused(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _REFUSED
