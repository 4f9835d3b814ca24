"""What reaches the terminal."""

from hypothesis import given
from hypothesis import strategies as st

from costmon.console.render import render_children
from costmon.console.text import harmless


def test_the_table_is_aligned(supervisor):
    assert render_children(supervisor.children).splitlines() == [
        "name                 state    generation  restarts  mailbox  last error",
        "messenger            running           1         0        0  -",
        "poller.digitalocean  running           3         2        5  -",
    ]


def test_hostile_text_in_an_error_stays_on_its_line_and_in_its_colour(make_status):
    child = make_status("poller.x", last_error="boom\n\x1b[2J\x07\u202edrow\x00\r\ud800")

    _, row = render_children([child]).splitlines()

    assert row.endswith(r"boom\n\x1b[2J\x07\u202edrow\x00\r\ud800")


def test_a_hostile_name_is_escaped(make_status):
    _, row = render_children([make_status("poller.\x1b[31m")]).splitlines()

    assert row.startswith(r"poller.\x1b[31m  running")


def test_a_very_long_error_is_cut(make_status):
    _, row = render_children([make_status("poller.x", last_error="x" * 1_000_000)]).splitlines()

    assert len(row) < 400
    assert row.endswith("...")


def test_no_children_is_said_in_words():
    assert render_children([]) == "no children"


@given(st.text())
def test_harmless_text_is_printable_and_can_be_encoded(text):
    assert harmless(text).isprintable()
    harmless(text).encode("utf-8")


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_letters_of_every_script_are_left_alone(text):
    assert harmless(text) == text
