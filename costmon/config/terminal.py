"""What the environment says of the terminal."""

from collections.abc import Mapping
from typing import NamedTuple


class TerminalSettings(NamedTuple):
    """What a terminal can show.

    Attributes:
        is_dumb: It shows plain text only (`TERM=dumb`).
        no_colour: Its user wants no colours (`NO_COLOR`, see https://no-color.org).
    """

    is_dumb: bool
    no_colour: bool


PLAIN = TerminalSettings(is_dumb=False, no_colour=False)


def terminal_settings(environ: Mapping[str, str]) -> TerminalSettings:
    """Return what the environment says."""
    return TerminalSettings(
        is_dumb=environ.get("TERM") == "dumb", no_colour=bool(environ.get("NO_COLOR"))
    )
