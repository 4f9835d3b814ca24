"""Read a price file from disk or stdin, whole and bounded."""

import sys
from pathlib import Path

from costmon.errors import InputError
from costmon.pricing.instances.formats.imported import MOST_CHARACTERS

_STDIN = Path("-")


def read_text(path: Path) -> str:
    """Return the text of a file; `-` is stdin.

    Raises:
        InputError: It is not UTF-8, or larger than any price list.
        OSError: It cannot be read.
    """
    if path == _STDIN:
        content = sys.stdin.buffer.read(MOST_CHARACTERS + 1)
    else:
        with path.open("rb") as file:
            content = file.read(MOST_CHARACTERS + 1)
    if len(content) > MOST_CHARACTERS:
        raise InputError(f"{path}: a price list has at most {MOST_CHARACTERS} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not valid UTF-8") from None
