"""Tables that no name from outside can break."""

import csv
import io
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.console.table import cell, markdown_text, table, when
from costmon.console.text import harmless


def test_columns_are_aligned_and_numbers_stand_right():
    text = table(("name", "cost"), [("a", Decimal("1.5")), ("bcd", Decimal(100))], right=("cost",))

    assert text.splitlines() == ["name    cost", "a       1.50", "bcd   100.00"]


def test_the_unknown_is_no_zero():
    assert cell(None) == "?"
    assert cell(Decimal(0)) == "0.00"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_name_stays_in_its_line(rows):
    text = table(("a", "b"), rows)

    assert len(text.split("\n")) == len(rows) + 1
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_a_long_name_is_cut():
    assert len(cell("x" * 1_000_000)) == 60


def test_times_are_shown_in_the_time_zone_of_people():
    assert when("2026-07-01T10:00:00Z", "Europe/Paris") == "2026-07-01 12:00:00 CEST"
    assert when("2026-07-01T10:00:00Z", "UTC") == "2026-07-01 10:00:00 UTC"
    assert when(None, "UTC") == "?"


@pytest.fixture
def terminal(monkeypatch):
    def of(columns):
        monkeypatch.setenv("COLUMNS", str(columns))

    return of


def test_columns_line_up_behind_wide_letters_and_accents():
    text = table(
        ("name", "cost"), [("\u6771\u4eac", 1), ("e\u0301", 22), ("abcd", 3)], right=("cost",)
    )

    assert text.splitlines() == [
        "name  cost",
        "\u6771\u4eac     1",
        "e\u0301       22",
        "abcd     3",
    ]


def test_in_a_narrow_terminal_all_columns_but_the_last_are_cut(terminal):
    terminal(80)

    _, row = table(("name", "reason"), [("n" * 100, "r" * 100)]).splitlines()

    assert row == "n" * 57 + "...  " + "r" * 100


def test_a_wide_terminal_shows_them_whole(terminal):
    terminal(250)

    _, row = table(("name", "reason"), [("n" * 100, "r" * 100)]).splitlines()

    assert row == "n" * 100 + "  " + "r" * 100


def test_no_cell_is_longer_than_300_characters(terminal):
    terminal(1_000_000)

    _, row = table(("name", "reason"), [("n" * 1000, "r" * 1000)]).splitlines()

    assert len(row) == 300 + 2 + 300


def test_wide_letters_are_cut_by_their_width():
    shown = cell("\u6771" * 100)

    assert shown == "\u6771" * 28 + "..."


def test_csv_is_exact_and_an_unknown_value_is_empty():
    text = table(("a", "b", "c"), [(Decimal("1E-7"), None, True)], right=("a",), form="csv")

    assert text == "a,b,c\n0.0000001,,True"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_csv_reads_back_with_one_line_a_row(rows):
    text = table(("a", "b"), rows, form="csv")

    assert len(text.split("\n")) == len(rows) + 1
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b"],
        *([harmless(one), harmless(other)] for one, other in rows),
    ]


def test_markdown_aligns_numbers_and_marks_names_as_code():
    text = table(
        ("name", "$ per 1,000", ""),
        [("/a|b", Decimal("1.5"), "*new*"), ("/`", None, "<b>")],
        right=("$ per 1,000",),
        code=("name",),
        form="markdown",
    )

    assert text.splitlines() == [
        "| name | $ per 1,000 |  |",
        "| --- | ---: | --- |",
        r"| `/a\|b` | 1.50 | \*new\* |",
        r"| `` /` `` | ? | \<b\> |",
    ]


@given(
    st.lists(st.tuples(st.text("|`\\\n x\x1b"), st.text("|`\\\n x\x1b")), min_size=1, max_size=5)
)
def test_no_name_breaks_a_row_of_markdown(rows):
    lines = table(("a", "b"), rows, code=("a",), form="markdown").split("\n")

    assert len(lines) == len(rows) + 2
    for line in lines:
        assert line.isprintable()
        assert len(re.findall(r"(?<!\\)\|", line)) == 3


@given(st.text())
def test_markdown_text_is_one_printable_line(text):
    assert markdown_text(text).isprintable()
