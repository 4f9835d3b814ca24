"""The catalog finds each provider by its module."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from costmon.providers import catalog, digitalocean
from costmon.providers.base import ProviderModule, ProviderSetup
from costmon.testing import FakeOutbound

ROOT = Path(__file__).parents[2]
INFOS = catalog.declarations().infos
SLUGS = catalog.declarations().slugs


def setup_of(prices=None, outbound=None):
    return ProviderSetup(outbound=outbound or FakeOutbound({}), prices=prices or {}, options={})


def test_a_provider_is_found_by_its_module():
    module: ProviderModule = digitalocean

    assert catalog.modules()["digitalocean"] is module
    assert list(SLUGS) == sorted(SLUGS)


@pytest.mark.parametrize("info", INFOS, ids=SLUGS)
def test_a_declaration_is_whole(info):
    keys = [part.key for part in (*info.credentials, *info.options)]
    names = [variable.name for variable in info.variables()]
    if not info.credentials:
        assert (names, keys, info.hosts) == ([], [], ())
        return

    assert any(credential.required for credential in info.credentials)
    assert urlsplit(info.default_url).scheme == "https"
    assert urlsplit(info.default_url).netloc in info.hosts
    assert info.url_variable.endswith("_API_URL")
    assert not {"provider", "name", "api_url"} & set(keys)
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
    assert all(name.isupper() for name in names)


def test_no_variable_belongs_to_two():
    names = [variable.name for _, group in catalog.declarations().groups() for variable in group]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("slug", SLUGS)
def test_each_can_be_created_and_asks_nothing_until_it_is_told_to(slug):
    outbound = FakeOutbound({})

    catalog.create(slug, setup_of({"droplet:own": Decimal(1)}, outbound))

    assert outbound.asked == []


def test_an_unknown_provider_is_refused():
    with pytest.raises(KeyError):
        catalog.create("nowhere", setup_of())


@pytest.mark.parametrize("price", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_price_that_is_none_is_refused_when_creating(price):
    with pytest.raises(ValueError, match="is not a valid price"):
        catalog.create("digitalocean", setup_of({"droplet:own": price}))


def test_declarations_are_read_without_any_package_installed():
    code = (
        "import sys, types\n"
        "for name in ('dotenv', 'dotenv.parser'):\n"  # which settings need to read .env
        "    sys.modules[name] = types.SimpleNamespace(dotenv_values=None, parse_stream=None)\n"
        "from costmon.providers import catalog\n"
        "print(*catalog.declarations().slugs)\n"
        "print(*(name for name in sys.modules if name.startswith('costmon.outbound')))"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [" ".join(SLUGS), ""]
