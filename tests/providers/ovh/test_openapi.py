"""OVHcloud's own specification, served by prism with answers that it makes up."""

import datetime as dt
from pathlib import Path

import pytest

from tests.providers import openapi
from tests.providers.ovh import answers

SPECIFICATION = Path(__file__).with_name("openapi.json")
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture
def ovh():
    with (
        openapi.mocked(SPECIFICATION) as url,
        openapi.provider("ovh", url, answers.KEYS) as provider,
    ):
        yield provider


def test_what_the_specification_allows_is_read_or_refused_for_its_contents(ovh):
    window = next(ovh.charges("work", NOW, NOW))

    assert window.charges
