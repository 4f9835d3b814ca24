"""A new vendor is one module: settings, documents, hosts, `check` and the poller learn of it."""

import dataclasses
import datetime as dt
import random
import re
import runpy
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from costmon import providers as package
from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.cli import main
from costmon.clock import SystemClock
from costmon.config import Providers, Settings
from costmon.config.document import env_example, host_entries, settings_table, vendor_table
from costmon.config.file import check_file
from costmon.providers import catalog
from costmon.testing import Reply, StubServer

ROOT = Path(__file__).parents[2]
KEY = "key-of-acme-0123456789"


@pytest.fixture(autouse=True)
def _acme(monkeypatch):
    """Put one module where the providers are."""
    monkeypatch.setattr(
        package, "__path__", [*package.__path__, str(Path(__file__).parent / "elsewhere")]
    )
    yield
    sys.modules.pop("costmon.providers.acme", None)
    vars(package).pop("acme", None)


@pytest.fixture
def acme_server():
    with StubServer() as server:
        server.answer("/machines", Reply(body=b'[{"id": "m1", "monthly": 12.10}]'))
        yield server


def test_its_variables_are_settings(monkeypatch):
    settings = Settings.from_env(
        {"ACME_API_KEY": KEY, "DO_API_TOKEN": "x"}, providers=catalog.declarations()
    )

    assert [account.name for account in settings.accounts] == ["acme", "digitalocean"]
    assert settings.accounts[0].api_url == "https://api.acme.example"
    assert KEY in settings.secrets()
    assert KEY not in repr(settings)


def test_the_file_may_name_accounts_and_prices_of_it():
    entry = {"provider": "acme", "name": "team-b", "token_env": "B"}
    content = {"account": [entry], "prices": {"acme": {"machine:m1": 1}}}

    file = check_file(content, catalog.declarations())

    assert file.faults == ()


def test_its_variables_are_in_every_document():
    providers = catalog.declarations()

    assert "\nACME_API_KEY=\n" in env_example(providers)
    assert "\n#ACME_API_URL=https://api.acme.example\n" in env_example(providers)
    assert "# --- Acme ---" in env_example(providers)
    assert "| `ACME_API_KEY` |" in settings_table(providers)
    assert "| [Acme](acme.md) | `ACME_API_KEY`, `ACME_API_URL` |" in vendor_table(providers)


def test_its_hosts_are_in_the_guards_table(tmp_path):
    rendered = runpy.run_path(str(ROOT / "docs" / "generate.py"))["rendered"]
    path = "costmon/domain/vendor_hosts.py"
    module = tmp_path / "vendor_hosts.py"

    module.write_text(rendered(path, "hosts", host_entries(catalog.declarations())))
    provider_of = runpy.run_path(str(module))["provider_of"]

    assert provider_of("api.acme.example") == "acme"
    assert provider_of("a.b.machines.acme.example") == "acme"
    assert provider_of("machines.acme.example") is None
    assert provider_of("api.digitalocean.com") == "digitalocean"
    assert provider_of("api.openai.com") == "openai"


def test_its_declaration_replaces_the_hosts_that_were_written_by_hand():
    info = catalog.modules()["acme"].info
    openai = dataclasses.replace(info, slug="openai", hosts=("api.openai.com", "*.openai.com"))

    entries = host_entries(Providers((openai,)))

    assert re.findall(r'"(.*)": "openai"', entries) == ["api.openai.com", "*.openai.com"]
    assert '"api.anthropic.com": "anthropic"' in entries


def test_it_is_polled_with_its_own_key(acme_server):
    environ = {"ACME_API_KEY": KEY, "ACME_API_URL": acme_server.url}
    (account,) = Settings.from_env(environ, providers=catalog.declarations()).accounts
    connection = ProviderConnection(
        account,
        {},
        clock=SystemClock(),
        rng=random.Random(1),
        pause=lambda _seconds: False,
        beat=lambda: None,
    )

    inventory = connection.provider.inventory("acme", dt.datetime(2026, 11, 29, tzinfo=dt.UTC))
    connection.close()

    assert [resource.monthly_cost for resource in inventory.resources] == [Decimal("12.10")]
    assert [asked.headers["authorization"] for asked in acme_server.asked] == [f"Bearer {KEY}"]


def test_check_examines_it(acme_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("ACME_API_URL", acme_server.url)

    main(["check"])

    (found,) = (line for line in capsys.readouterr().out.splitlines() if " acme " in line)
    assert found.startswith("ok")
    assert "1 resources are visible" in found


def test_components_lists_it(capsys):
    assert main(["components", "--demo", "--kind", "provider"]) == 0

    assert "Acme: rented machines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "it needs `info` and `create`"),
        ("class info:\n  slug = 'y'\ncreate = None", "the slug 'y'"),
    ],
)
def test_a_module_that_is_no_provider_is_named(tmp_path, monkeypatch, text, said):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    with pytest.raises(ImportError, match=said) as caught:
        catalog.declarations()

    assert "costmon.providers.broken" in str(caught.value)
    sys.modules.pop("costmon.providers.broken")
    vars(package).pop("broken")
