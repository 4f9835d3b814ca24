"""Make text harmless for a terminal."""


def harmless(text: str) -> str:
    """Return `text` with everything that does not print as an escape.

    Control characters could move the cursor or recolour the terminal; format characters could
    reverse the order of what follows.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
