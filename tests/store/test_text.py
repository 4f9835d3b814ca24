import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.store.resources import cleaned
from costmon.store.text import FREE_CHARACTERS, KEY_CHARACTERS, storable, storable_key
from costmon.testing import samples

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY_TEXT)
def test_any_text_becomes_what_every_database_takes(text):
    stored = storable(text)

    stored.encode("utf-8")
    assert "\0" not in stored
    assert storable(stored) == stored


@given(ANY_TEXT)
def test_a_key_never_gets_too_long_for_its_column(text):
    assert len(storable_key(text * 3)) <= KEY_CHARACTERS


@pytest.mark.parametrize("text", ["web-1", "", "Ärger", "日本語", "<script>", "a\r\n\x07b"])
def test_harmless_text_is_stored_as_it_is(text):
    assert storable(text) == text


def test_what_cannot_be_stored_is_shown_as_such():
    assert storable("a\0b") == "a␀b"
    assert storable("a\ud800b") == "a\ufffdb"


def test_long_texts_that_differ_at_the_end_stay_different():
    one, other = storable("x" * 1_000_000 + "1"), storable("x" * 1_000_000 + "2")

    assert one != other
    assert len(one) == len(other) == FREE_CHARACTERS


def test_every_text_of_a_resource_is_cleaned():
    bad = "\0" * 5000
    hostile = samples.resource(
        bad,
        name=bad,
        kind=bad,
        account=bad,
        provider=bad,
        region=bad,
        size=bad,
        status=bad,
        currency=bad,
        unpriced=bad,
        waste=bad,
        details=((bad, bad),),
    )

    clean = cleaned(hostile)

    assert "\\x00" not in repr(clean)
    assert max(len(text) for text in clean if isinstance(text, str)) <= FREE_CHARACTERS
