"""Texts that are no memory."""

import pytest

from costmon.alerts.memory import Memory


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"announced": true}', "not json", "7"])
def test_what_is_no_memory_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Memory.from_text(text)
