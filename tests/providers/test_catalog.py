"""The catalog knows each provider by its own slug."""

from decimal import Decimal

import pytest

from costmon.providers.catalog import CATALOG, build
from costmon.testing import FakeOutbound


@pytest.mark.parametrize("slug", CATALOG)
def test_a_provider_is_listed_under_its_own_slug(slug):
    info = CATALOG[slug].info

    assert info.slug == slug
    assert info.default_url.startswith("https://")
    assert info.default_url.removeprefix("https://") in info.hosts
    assert info.token_variable.isupper()
    assert info.url_variable.endswith("_API_URL")


@pytest.mark.parametrize("slug", CATALOG)
def test_each_can_be_built_and_asks_nothing_until_it_is_told_to(slug):
    outbound = FakeOutbound({})

    provider = build(slug, outbound, {"droplet:own": Decimal(1)})

    assert provider.info.slug == slug
    assert outbound.asked == []


def test_an_unknown_provider_is_refused():
    with pytest.raises(KeyError):
        build("nowhere", FakeOutbound({}), {})


@pytest.mark.parametrize("price", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_price_that_is_none_is_refused_when_building(price):
    with pytest.raises(ValueError, match="is no price"):
        build("digitalocean", FakeOutbound({}), {"droplet:own": price})
