"""The door to a network that is a dictionary."""

import pytest

from costmon.errors import ProviderServerError
from costmon.outbound import Outbound
from costmon.testing import FakeOutbound


def test_the_fake_is_what_it_stands_for():
    outbound: Outbound = FakeOutbound({})

    assert outbound.host == "api.example.test"


def test_the_most_specific_answer_wins():
    outbound = FakeOutbound({"/a": b"any", "/a?page=2": b"two", "/a?page=2&type=x": b"two x"})

    assert outbound.get("/a", {}) == b"any"
    assert outbound.get("/a", {"page": 1}) == b"any"
    assert outbound.get("/a", {"page": 2, "per_page": 9}) == b"two"
    assert outbound.get("/a", {"type": "x", "page": 2}) == b"two x"
    assert outbound.asked == ["/a", "/a?page=1", "/a?page=2&per_page=9", "/a?type=x&page=2"]


def test_an_error_is_raised():
    error = ProviderServerError(provider="x", endpoint="GET /a", detail="no", hint="none")

    with pytest.raises(ProviderServerError):
        FakeOutbound({"/a": error}).get("/a", {})


def test_what_was_not_given_is_a_fault_of_the_test():
    with pytest.raises(LookupError, match="/b"):
        FakeOutbound({"/a": b""}).get("/b", {})
