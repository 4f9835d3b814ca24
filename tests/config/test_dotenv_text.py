"""Variables are set in a `.env` so that python-dotenv reads them back, and nothing else changes."""

import io
import string

import dotenv.parser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costmon.config.dotenv_text import assigned, with_values
from costmon.errors import InputError

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
PRINTABLE = st.text(min_size=1, max_size=40).filter(str.isprintable)
HOSTILE = st.text(alphabet="'\"\\#$ `=!{}ab\u00e9", min_size=1, max_size=20)
VALUES = st.one_of(PRINTABLE, HOSTILE)
END = st.sampled_from(["\n", "\r\n"])

BLANKS = st.sampled_from(["", " ", "\t", "  "])
COMMENTS = st.one_of(
    st.just(""), st.text(alphabet="ab =#'\"", max_size=12).map(lambda text: f" #{text}")
)
WRITTEN = st.one_of(
    st.text(alphabet=string.ascii_letters + "-_.", max_size=10),
    st.text(alphabet="ab #$=", max_size=10).map(lambda text: f"'{text}'"),
    st.text(alphabet="ab #$='", max_size=10).map(lambda text: f'"{text}"'),
    st.just('"two\nlines"'),
)


@st.composite
def line(draw):
    kind = draw(st.sampled_from(["binding", "comment", "blank"]))
    if kind == "blank":
        return draw(BLANKS)
    if kind == "comment":
        return draw(BLANKS) + "#" + draw(st.text(alphabet="abA=' \"#", max_size=20))
    export = draw(st.sampled_from(["", "export "]))
    equals = draw(st.sampled_from(["=", " = ", "= "]))
    return draw(BLANKS) + export + draw(NAMES) + equals + draw(WRITTEN) + draw(COMMENTS)


@st.composite
def env_text(draw):
    end = draw(END)
    text = "".join(f"{one}{end}" for one in draw(st.lists(line(), max_size=8)))
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return draw(st.sampled_from(["", "\ufeff"])) + text


def bindings(text):
    return list(dotenv.parser.parse_stream(io.StringIO(text.removeprefix("\ufeff"))))


def values_of(text):
    stream = io.StringIO(text.removeprefix("\ufeff"))
    return dict(dotenv.dotenv_values(stream=stream, interpolate=False))


@given(env_text(), st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
@example("A='x'#y\n", {"A": "z"})
@example("A=x\nB=y #c\nA=z", {"A": "#"})
def test_what_is_set_is_read_back_and_the_rest_is_the_same_byte_for_byte(text, values):
    found = with_values(text, values)

    assert values_of(found) == {**values_of(text), **values}
    assert not any(binding.error for binding in bindings(found))
    assert found.startswith("\ufeff") == text.startswith("\ufeff")
    rest = found.removeprefix("\ufeff")
    for binding in bindings(text):
        kept = binding.original.string
        if binding.key in values:
            kept = bindings(rest)[0].original.string
        assert rest.startswith(kept)
        rest = rest[len(kept) :]
    assert {binding.key for binding in bindings(rest)} <= {*values, None}


@given(env_text())
def test_setting_nothing_changes_nothing(text):
    assert with_values(text, {}) == text


@given(VALUES)
def test_the_old_value_is_gone_and_the_comment_stays(value):
    found = with_values(
        "# top\nexport TOKEN='old # value'  # keep 'me'\nOTHER=1\n", {"TOKEN": value}
    )

    assert "old # value" not in found
    first, second, *_ = found.split("\n")
    assert first == "# top"
    assert second.startswith("export TOKEN=")
    assert second.endswith("  # keep 'me'")
    assert found.endswith("\nOTHER=1\n")


def test_every_line_of_a_variable_is_replaced():
    assert with_values("A=old\nB=1\nA=older\n", {"A": "new"}) == "A=new\nB=1\nA=new\n"


def test_a_new_variable_is_put_at_the_end_with_the_line_ends_of_the_file():
    assert with_values("A=1\r\nB=2", {"C": "3"}) == "A=1\r\nB=2\r\nC=3\r\n"


def test_an_empty_line_of_the_example_is_filled_in():
    assert with_values("# token\nA=\n\n# more\n", {"A": "x"}) == "# token\nA=x\n\n# more\n"


@pytest.mark.parametrize("value", ["two\nlines", "bell\a", "nul\0", "half\ud800", "\u2028", "\r"])
def test_what_a_line_cannot_hold_is_refused_without_being_shown(value):
    with pytest.raises(InputError, match="TOKEN_FILE") as caught:
        with_values("", {"TOKEN": value})

    assert value not in str(caught.value)


def test_only_variables_with_a_value_are_assigned():
    assert assigned("\ufeffA=1\nB=\nC=' '\nD\n#E=1\nexport F=2\n") == {"A", "F"}
