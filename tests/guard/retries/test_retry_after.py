"""When a host says that it may be asked again."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from costmon.guard.retries.retry_after import parsed_s, retry_after_s

NOW_S = 1_795_255_200.0  # Sat, 21 Nov 2026 10:00:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("0.5", 0.5),
        ("Sat, 21 Nov 2026 10:02:00 GMT", 120),
        ("Sat, 21 Nov 2026 10:02:00 -0000", 120),
        ("Saturday, 21-Nov-26 10:02:00 GMT", 120),
        ("Sat Nov 21 10:02:00 2026", 120),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Sat, 99 Nov 2026 10:02:00 GMT", None),
    ],
)
def test_seconds_and_dates_are_understood_and_nonsense_is_not(value, seconds):
    assert parsed_s(value, NOW_S) == seconds


@given(st.text())
def test_no_text_breaks_it(value):
    seconds = parsed_s(value, NOW_S)

    assert seconds is None or seconds >= 0


def test_it_is_found_in_responses_and_in_errors_that_have_one():
    response = requests.Response()
    response.headers["retry-after"] = "9"

    assert retry_after_s(response, NOW_S) == 9
    assert retry_after_s(requests.HTTPError(response=response), NOW_S) == 9


@pytest.mark.parametrize("result", [None, "text", requests.Response(), ValueError()])
def test_without_the_header_nothing_is_asked_for(result):
    assert retry_after_s(result, NOW_S) is None
