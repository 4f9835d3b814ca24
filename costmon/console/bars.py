"""Draw bars and colours that the terminal can show."""

import shutil
from decimal import Decimal
from typing import NamedTuple, TextIO

from costmon.config.terminal import TerminalSettings

_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL, _TRACK = "█", "░"
_ASCII_FULL, _ASCII_TRACK = "#", "."
_NO_TERMINAL = 120
_RED, _BOLD, _PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"


class Terminal(NamedTuple):
    """What the output can show.

    Attributes:
        columns: Its width; of an output that is not a terminal, wide enough for every column.
        blocks: Whether it can show block characters; else bars are drawn in ASCII.
        colour: Whether it shows colours: only a terminal does, and not when NO_COLOR is set.
    """

    columns: int
    blocks: bool
    colour: bool

    @classmethod
    def of(cls, stream: TextIO, settings: TerminalSettings) -> "Terminal":
        """Return what `stream` can show, with what the environment says of it."""
        return cls(
            columns=shutil.get_terminal_size(fallback=(_NO_TERMINAL, 24)).columns,
            blocks=not settings.is_dumb and _can_encode(stream),
            colour=stream.isatty() and not settings.is_dumb and not settings.no_colour,
        )

    def bar(self, share: Decimal, width: int, *, track: bool = False) -> str:
        """Return a bar that fills `share` (0 to 1) of `width` columns.

        Args:
            share: Values below 0 give an empty bar, values above 1 a full one.
            width: Columns of the whole.
            track: Whether the rest is drawn, too, so that the bar's end can be seen.
        """
        eighths = int(max(Decimal(), min(Decimal(1), share)) * width * 8)
        if not eighths and share > 0:
            eighths = 1  # something is not nothing
        if self.blocks:
            whole, part = divmod(eighths, 8)
            drawn = _FULL * whole + (_EIGHTHS[part] if part else "")
        else:
            drawn = _ASCII_FULL * -(-eighths // 8)
        rest = (_TRACK if self.blocks else _ASCII_TRACK) * (width - len(drawn))
        return drawn + rest if track else drawn

    def alarm(self, text: str) -> str:
        """Return a line that should be seen first, in red where there are colours."""
        return f"{_RED}{text}{_PLAIN}" if self.colour else text

    def heading(self, text: str) -> str:
        """Return a heading, in bold where the terminal has it."""
        return f"{_BOLD}{text}{_PLAIN}" if self.colour else text


def _can_encode(stream: TextIO) -> bool:
    try:
        (_EIGHTHS + _FULL + _TRACK).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
