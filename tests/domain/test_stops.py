import datetime as dt

import pytest

from costmon.domain.circuit import Circuit
from costmon.domain.stops import stop_of

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


def circuit(scope, state="open", expires_at=None):
    return Circuit(scope, state, "reason", "ann", NOW, expires_at, 1)


@pytest.mark.parametrize(
    "scope", ["global", "host:api.openai.com", "host:*.openai.com", "host:*", "provider:openai"]
)
def test_what_covers_a_scope_stops_it(scope):
    found = stop_of("host:api.openai.com", [circuit(scope)], NOW)

    assert found is not None
    assert found.scope == scope


@pytest.mark.parametrize(
    "scope", ["host:openai.com", "host:*.api.openai.com", "provider:aws", "key:*", "host:other"]
)
def test_what_covers_something_else_does_not(scope):
    assert stop_of("host:api.openai.com", [circuit(scope)], NOW) is None


def test_the_one_that_names_it_most_closely_is_told():
    order = ["global", "provider:openai", "host:*", "host:*.openai.com", "host:api.openai.com"]
    circuits = [circuit(scope) for scope in order]

    while circuits:
        found = stop_of("host:api.openai.com", circuits, NOW)
        assert found is circuits.pop()


def test_one_that_is_closed_or_has_expired_stops_nothing():
    circuits = [circuit("global", "closed"), circuit("host:*", expires_at=NOW)]

    assert stop_of("host:a", circuits, NOW) is None


def test_a_host_does_not_stop_everything():
    assert stop_of("global", [circuit("host:*")], NOW) is None
