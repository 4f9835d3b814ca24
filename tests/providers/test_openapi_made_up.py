"""Answers that prism makes up from the vendors' schemas: read, or refused with a typed error."""

import datetime as dt
from pathlib import Path

import pytest

from costmon.errors import ProviderError
from costmon.providers import catalog
from tests.providers import openapi

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
# Specifications with schemas; most of those that were written by hand have examples only.
VENDORS = ("atlas", "digitalocean", "github", "hetzner", "hostinger", "openai")
OPTIONS = {"github": {"org": "acme", "user": "octocat"}}

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module", params=VENDORS)
def made_up(request):
    specification = Path(__file__).parent / request.param / "openapi.json"
    with openapi.mocked(specification, *openapi.MADE_UP) as url:
        yield request.param, url


def readings(vendor, provider):
    """Return what reads each kind of reading that the vendor has."""
    kinds = {
        "inventory": lambda: provider.inventory("work", NOW),
        "charges": lambda: list(provider.charges("work", NOW, NOW)),
        "usage": lambda: provider.usage("work", NOW),
    }
    return {kind: kinds[kind] for kind in catalog.modules()[vendor].info.readings}


def test_what_a_schema_allows_is_read_or_is_a_schema_error(made_up):
    """A made-up amount is any text, which no vendor would send and no collector may believe."""
    vendor, url = made_up
    reasons = set()

    needed = (one for one in catalog.modules()[vendor].info.credentials if one.required)
    keys = {one.key: "example" for one in needed}
    with openapi.provider(vendor, url, keys, OPTIONS.get(vendor)) as provider:
        for read in readings(vendor, provider).values():
            try:
                reading = read()
            except ProviderError as error:
                reasons.add(error.reason)
            else:
                reasons |= {one.reason for one in getattr(reading, "failed", ())}

    assert reasons <= {"schema"}
