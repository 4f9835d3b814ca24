"""Make text harmless for a terminal, and rows of it a table."""

from collections.abc import Sequence

from costmon.messages import ChildStatus

_HEADINGS = ("name", "state", "generation", "restarts", "mailbox", "last error")
_NUMBERS = frozenset({"generation", "restarts", "mailbox"})
_LONGEST_ERROR = 300


def harmless(text: str) -> str:
    """Return `text` with everything that does not print as an escape.

    Control characters could move the cursor or recolour the terminal; format characters could
    reverse the order of what follows.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def render_children(children: Sequence[ChildStatus]) -> str:
    """Return the tree of children as an aligned table, without a newline at its end."""
    if not children:
        return "there are no children"
    rows = [_HEADINGS, *(_row(child) for child in children)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(_aligned(row, widths) for row in rows)


def _row(child: ChildStatus) -> tuple[str, ...]:
    error = harmless(child.last_error) if child.last_error else "-"
    if len(error) > _LONGEST_ERROR:
        error = f"{error[:_LONGEST_ERROR]}..."
    return (
        harmless(child.name),
        child.state,
        str(child.generation),
        str(child.restarts),
        str(child.mailbox),
        error,
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if heading in _NUMBERS else cell.ljust(width)
        for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()
