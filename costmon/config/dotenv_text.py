"""Set variables in the text of a `.env`; everything else in it stays as it is.

python-dotenv reads back exactly what was set.
"""

import io
import re
from collections.abc import Mapping

import dotenv.parser

from costmon.errors import InputError

# What a shell, Docker and systemd read as python-dotenv does, without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+", re.ASCII)
_HEAD = re.compile(r"\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)")
_LINE_END = re.compile(r"(?:\r\n|\n|\r)?\Z")
_BOM = "\ufeff"


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the values in it: in their old places, new ones at the end.

    Args:
        text: A `.env` without errors, its line ends as they are in the file.
        values: By the names of variables.

    Raises:
        InputError: A `.env` cannot hold one of the values; the text names its variable only.
    """
    lines = {name: _line(name, value) for name, value in values.items()}
    mark, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    bindings = list(dotenv.parser.parse_stream(io.StringIO(body)))
    parts = [
        _replaced(binding, lines[binding.key]) if binding.key in lines else binding.original.string
        for binding in bindings
    ]
    end = "\r\n" if "\r\n" in body else "\n"
    known = {binding.key for binding in bindings}
    new = [f"{line}{end}" for name, line in lines.items() if name not in known]
    if new and parts and not parts[-1].endswith(("\n", "\r")):
        new.insert(0, end)
    return mark + "".join(parts + new)


def assigned(text: str) -> frozenset[str]:
    """Return the variables to which a `.env` gives a value that is not empty."""
    bindings = dotenv.parser.parse_stream(io.StringIO(text.removeprefix(_BOM)))
    return frozenset(it.key for it in bindings if it.key and it.value and it.value.strip())


def _line(name: str, value: str) -> str:
    """Return `NAME=value`, in quotes if need be."""
    written = value
    if _PLAIN.fullmatch(value) is None:
        written = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    line = f"{name}={written}"
    # Old releases of python-dotenv do not read every text back that they should.
    if not value.isprintable() or _value_of(line) != value:
        raise InputError(
            f"the value of {name} has characters that .env cannot hold: put it into a file of its "
            f"own and set {name}_FILE"
        )
    return line


def _replaced(binding: dotenv.parser.Binding, line: str) -> str:
    """Return the text of a binding with another value; blanks before and comments after it stay."""
    original = binding.original.string
    head = _HEAD.match(original)
    end = _LINE_END.search(original)
    if head is None or end is None:  # neither can be: the parser has found a name here
        raise InputError(f"{binding.key} cannot be replaced in .env: remove its line by hand")
    content = original[: end.start()]
    comment = ""
    for found in re.finditer("#", content):
        before = content[: found.start()]
        if found.start() >= head.end() and _value_of(before) == binding.value:
            comment = content[len(before.rstrip()) :]
            break
    if comment and not comment[0].isspace():
        comment = f" {comment}"
    return f"{head[0]}={line.partition('=')[2]}{comment}{end[0]}"


def _value_of(text: str) -> str | None:
    """Return the value of the one binding that a text is; `None` if it is not one."""
    bindings = list(dotenv.parser.parse_stream(io.StringIO(text)))
    if len(bindings) != 1 or bindings[0].error:
        return None
    return bindings[0].value
