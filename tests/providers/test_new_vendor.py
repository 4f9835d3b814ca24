"""A new vendor is its module, page and payloads: everything else learns of it by itself.

The module is that of the example package, moved to where costmon's own are.
"""

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
EXAMPLE = ROOT / "examples" / "provider-acme"
ACME = runpy.run_path(str(EXAMPLE / "tests" / "payloads.py"))
KEY = "key-of-acme-0123456789"


@pytest.fixture(autouse=True)
def _acme(monkeypatch, tmp_path_factory):
    """Put the example's module where the providers are."""
    folder = tmp_path_factory.mktemp("providers") / "acme"
    folder.mkdir()
    for source in (EXAMPLE / "src" / "costmon_acme").glob("*.py"):
        text = source.read_text("utf-8").replace("costmon_acme", "costmon.providers.acme")
        (folder / source.name).write_text(text, "utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder.parent)])
    yield
    for name in [name for name in sys.modules if name.startswith("costmon.providers.acme")]:
        del sys.modules[name]
    vars(package).pop("acme", None)


@pytest.fixture
def acme_server():
    with StubServer() as server:
        server.script("/v1/costs", lambda asked: Reply.json(ACME["history"](asked)))
        server.answer("/v1/usage", Reply.json(ACME["USAGE"]))
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
    providers = catalog.built_in()

    assert "\nACME_API_KEY=\n" in env_example(providers)
    assert "\n#ACME_API_URL=https://api.acme.example\n" in env_example(providers)
    assert "# --- Acme ---" in env_example(providers)
    assert "| `ACME_API_KEY` |" in settings_table(providers)
    assert "| [Acme](acme.md) | `ACME_API_KEY`, `ACME_TEAM`, `ACME_API_URL` |" in vendor_table(
        providers
    )


def test_make_docs_writes_what_other_files_say_of_it():
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))

    for path, mark, render in generate["RENDERED"]:
        text = generate["rendered"](path, mark, render(catalog.built_in()))

        assert "acme" in text, path
        assert "acme" not in (ROOT / path).read_text("utf-8"), path


def test_its_hosts_are_in_the_guards_table(tmp_path):
    rendered = runpy.run_path(str(ROOT / "docs" / "generate.py"))["rendered"]
    path = "costmon/domain/vendor_hosts.py"
    module = tmp_path / "vendor_hosts.py"

    module.write_text(rendered(path, "hosts", host_entries(catalog.built_in())))
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
        state_dir=Path(),
    )

    now = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
    windows = list(connection.provider.charges("acme", now, now))
    connection.close()

    assert [row.billed_cost for window in windows for row in window.charges] == [Decimal("0.01")]
    assert {asked.headers["authorization"] for asked in acme_server.asked} == {f"Bearer {KEY}"}


def test_check_examines_it(acme_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("ACME_API_URL", acme_server.url)

    main(["check"])

    found = [line for line in capsys.readouterr().out.splitlines() if " acme " in line]
    assert any("charges: 0.01 EUR in 1 rows" in line for line in found)
    assert not any(line.startswith("FAIL") for line in found)


def test_components_lists_it(capsys):
    assert main(["components", "--demo", "--kind", "provider"]) == 0

    assert "Acme: what a team was charged" in capsys.readouterr().out


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
