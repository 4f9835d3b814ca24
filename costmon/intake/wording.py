"""Check texts from outside that people will read: their length, and no control characters."""

import unicodedata

from costmon.errors import InputError

NAME_CHARACTERS = 200
"""Of a name: a program, a machine, an author."""

TEXT_CHARACTERS = 2_000
"""Of a sentence: why a call was refused, what a notice says."""

REASON_CHARACTERS = 500
"""Of what a person types into a form."""

# Line and paragraph separators, half surrogate pairs, and marks that turn the direction of what
# follows: with them a name can look like another one.
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def wording(text: str, longest: int, *, empty: bool = False) -> str:
    """Return a text without blanks around it.

    Args:
        text: What somebody wrote.
        longest: Characters that it may have.
        empty: Whether nothing at all will do.

    Raises:
        InputError: It is empty, too long, or has characters that are not for reading.
    """
    stripped = text.strip(" ")
    if not stripped and not empty:
        raise InputError("must not be empty")
    if len(stripped) > longest:
        raise InputError(f"has {len(stripped)} characters; at most {longest} are accepted")
    if not stripped.isprintable():
        for character in stripped:
            if character in _TURNING or unicodedata.category(character) in _REFUSED:
                raise InputError(
                    f"contains the control character U+{ord(character):04X}: remove it"
                )
    return stripped
