"""Bars and colours that the terminal can show."""

import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.config.terminal import terminal_settings
from costmon.console.bars import Terminal


class Output(io.TextIOWrapper):
    """An output of some encoding, which is a terminal or not."""

    def __init__(self, encoding, *, is_terminal):
        super().__init__(io.BytesIO(), encoding=encoding)
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


def shows(encoding="utf-8", *, is_terminal=True, **environ):
    return Terminal.of(Output(encoding, is_terminal=is_terminal), terminal_settings(environ))


BLOCKS = Terminal(columns=80, blocks=True, colour=False)
ASCII = Terminal(columns=80, blocks=False, colour=False)


@pytest.mark.parametrize(
    ("share", "drawn"),
    [("0", ""), ("0.5", "████"), ("0.55", "████▍"), ("1", "█" * 8), ("2", "█" * 8)],
)
def test_a_bar_is_as_long_as_its_share(share, drawn):
    assert BLOCKS.bar(Decimal(share), 8) == drawn


def test_the_rest_of_a_bar_can_be_drawn():
    assert BLOCKS.bar(Decimal("0.5"), 4, track=True) == "██░░"
    assert ASCII.bar(Decimal("0.5"), 4, track=True) == "##.."


def test_something_is_never_drawn_as_nothing():
    assert BLOCKS.bar(Decimal("0.0001"), 8) == "▏"
    assert ASCII.bar(Decimal("0.0001"), 8) == "#"


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(1, 200), st.booleans())
def test_no_share_makes_a_bar_longer_than_its_width(share, width, blocks):
    terminal = ASCII._replace(blocks=blocks)

    assert len(terminal.bar(share, width)) <= width
    assert len(terminal.bar(share, width, track=True)) == width


def test_blocks_are_drawn_where_the_encoding_has_them():
    assert shows("utf-8").blocks
    assert not shows("ascii").blocks
    assert not shows("latin-1").blocks
    assert not shows("utf-8", TERM="dumb").blocks


def test_only_a_terminal_whose_user_wants_them_has_colours():
    assert shows().colour
    assert not shows(is_terminal=False).colour
    assert not shows(NO_COLOR="1").colour
    assert not shows(TERM="dumb").colour


def test_an_alarm_is_red_only_where_there_are_colours():
    assert ASCII.alarm("REACHED") == "REACHED"
    assert ASCII._replace(colour=True).alarm("REACHED") == "\x1b[31mREACHED\x1b[0m"
