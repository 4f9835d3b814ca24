"""Generate the documents, or parts of them, that are listed in `RENDERED` from the code.

Run by `make docs`; a drift test generates the same texts and compares them with the files.
"""

import re
from collections.abc import Callable
from pathlib import Path

from costmon.config import Providers
from costmon.config.document import env_example, host_entries, settings_table, vendor_table
from costmon.providers import catalog

ROOT = Path(__file__).resolve().parent.parent

# File, name of the begin and end marks (None: the whole file), function that renders it.
RENDERED: tuple[tuple[str, str | None, Callable[[Providers], str]], ...] = (
    (".env.example", None, env_example),
    ("docs/settings.md", "settings", settings_table),
    ("docs/providers/README.md", "vendors", vendor_table),
    ("costmon/domain/vendor_hosts.py", "hosts", host_entries),
)


def rendered(path: str, mark: str | None, content: str) -> str:
    """Return the text of a file with `content` in its place.

    Raises:
        ValueError: The file has no such marks.
    """
    if mark is None:
        return content
    head, begin, rest = (ROOT / path).read_text("utf-8").partition(f"{mark}: begin")
    line, newline, rest = rest.partition("\n")
    end = re.search(rf"^[^\n]*\b{mark}: end\b", rest, re.MULTILINE)
    if end is None:
        msg = f"{path} has no lines `{mark}: begin` and `{mark}: end`"
        raise ValueError(msg)
    return f"{head}{begin}{line}{newline}{content}{rest[end.start() :]}"


def main() -> None:
    """Write the files."""
    providers = catalog.built_in()
    for path, mark, render in RENDERED:
        (ROOT / path).write_text(rendered(path, mark, render(providers)), "utf-8")


if __name__ == "__main__":
    main()
