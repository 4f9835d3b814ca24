"""A provider can come from another package; one that cannot be used stops no other."""

import textwrap

import pytest

from costmon import __version__
from costmon.cli import main
from costmon.config import Settings
from costmon.config.file import check_file
from costmon.domain import vendor_hosts
from costmon.domain.vendor_hosts import VENDOR_OF_HOST
from costmon.errors import ConfigError
from costmon.providers import catalog, openai
from costmon.providers.base import ProviderModule

OURS = f"costmon {__version__}"
DO = {"DO_API_TOKEN": "dop_v1_0123456789abcdef"}
MODULE = """
from costmon.providers.base import Credential, Provider, ProviderInfo

contract = 1
info = ProviderInfo(
    slug="{slug}",
    title="Bolt",
    docs="https://docs.bolt.example",
    hosts=("{host}", "*.eu.bolt.example"),
    credentials=(
        Credential(key="token", name="{variable}", accepted="a key", meaning="The key."),
    ),
    readings=("usage",),
    url_variable="BOLT_API_URL",
    default_url="https://{host}",
    scopes=("usage:read",),
)


def create(setup):
    return Provider()
"""


@pytest.fixture(autouse=True)
def _hosts_anew():
    vendor_hosts._hosts_of_packages.cache_clear()
    yield
    vendor_hosts._hosts_of_packages.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return what puts a package on the path as an installer would."""

    def put(package="costmon-bolt", slug="bolt", text=None, **fields):
        name = f"{package.replace('-', '_')}_{tmp_path.name.replace('-', '_')}"
        site = tmp_path / package
        site.mkdir()
        given = {"slug": slug, "host": "api.bolt.example", "variable": "BOLT_KEY"} | fields
        content = MODULE.format(**given) if text is None else textwrap.dedent(text)
        (site / f"{name}.py").write_text(content)
        metadata = site / f"{package.replace('-', '_')}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n"
        )
        (metadata / "entry_points.txt").write_text(f"[costmon.providers]\n{slug} = {name}\n")
        monkeypatch.syspath_prepend(str(site))

    return put


def unusable():
    return {info.slug: info.unusable for info in catalog.declarations().infos if info.unusable}


def test_a_package_is_found_by_its_entry_point(install):
    install()

    settings = Settings.from_env(
        {**DO, "BOLT_KEY": "key-of-bolt-0123456789"}, providers=catalog.declarations()
    )

    assert catalog.modules()["bolt"].info.title == "Bolt"
    assert unusable() == {}
    assert [account.name for account in settings.accounts] == ["bolt", "digitalocean"]
    assert settings.accounts[0].api_url == "https://api.bolt.example"
    assert "key-of-bolt-0123456789" in settings.secrets()


def test_its_hosts_are_known_to_guards(install):
    assert vendor_hosts.provider_of("api.bolt.example") is None
    vendor_hosts._hosts_of_packages.cache_clear()

    install()

    assert vendor_hosts.provider_of("api.bolt.example") == "bolt"
    assert vendor_hosts.provider_of("a.eu.bolt.example") == "bolt"
    assert vendor_hosts.provider_of("api.openai.com") == "openai"


def test_it_is_not_in_the_documents_of_costmon(install):
    install()

    assert "bolt" in catalog.declarations().slugs
    assert "bolt" not in catalog.built_in().slugs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("raise SystemExit('no')", "it cannot be imported: SystemExit: no"),
        ("def", "it cannot be imported: SyntaxError"),
        ("x = 1", "it needs `info` and `create`"),
        (MODULE.replace("contract = 1", ""), "contract None, and costmon"),
        (MODULE.replace("contract = 1", "contract = 2"), "it was written for contract 2"),
        (MODULE.replace('"{slug}"', '"another"'), "its slug 'another'"),
        (MODULE.replace('("usage",)', "()"), "no credential that is required, or no reading"),
        (MODULE.replace("https://{host}", "https://other.example"), "the host of `default_url`"),
        (MODULE.replace('("{host}", ', "(7, "), "its declaration is not valid"),
        (MODULE.replace("credentials=(", "credentials=('token',"), "its declaration is not valid"),
    ],
    ids=lambda value: value[:24].strip().replace("\n", " "),
)
def test_one_that_cannot_be_used_is_off_with_the_reason(install, text, said):
    text = text.replace("{slug}", "bolt").replace("{host}", "api.bolt.example")
    install(text=text.replace("{variable}", "BOLT_KEY"))

    settings = Settings.from_env(DO, providers=catalog.declarations())

    off, other = settings.accounts[-1], settings.accounts[0]
    assert (off.name, other.name, other.off_because) == ("bolt", "digitalocean", None)
    assert off.off_because is not None
    assert off.off_because.startswith("costmon-bolt 1.2: ")
    assert said in off.off_because
    assert "bolt" not in catalog.modules()
    assert vendor_hosts.provider_of("digitalocean.com") is None


def test_check_fails_for_it_and_asks_the_others(install, tmp_path, monkeypatch, capsys):
    install(text="import a_module_that_is_not_there")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DO_API_TOKEN", DO["DO_API_TOKEN"])

    assert main(["check", "--offline"]) == 1

    lines = capsys.readouterr().out.splitlines()
    (failed,) = [line for line in lines if line.startswith("FAIL")]
    assert "bolt" in failed
    assert "costmon-bolt 1.2: it cannot be imported: ModuleNotFoundError" in failed
    assert any(line.startswith("ok    digitalocean") for line in lines)


def test_what_the_file_says_of_it_is_no_fault(install):
    install(text="raise ValueError('a defect')")
    content = {
        "account": [
            {"provider": "bolt", "name": "team-b", "token_env": "BOLT_KEY_B", "region": "eu"},
            {"provider": "digitalocean", "name": "work", "token_env": "DO_API_TOKEN"},
        ],
        "prices": {"bolt": {"machine:m1": 1}},
    }

    file = check_file(content, catalog.declarations())
    settings = Settings.from_env(DO, providers=catalog.declarations(), file=file)

    assert file.faults == ()
    found = {account.name: account.off_because for account in settings.accounts}
    assert found["work"] is None
    assert "ValueError: a defect" in str(found["team-b"])
    assert set(found) == {"work", "team-b"}


def test_an_account_of_another_vendor_keeps_its_name(install):
    install(text="x = 1")
    content = {"account": [{"provider": "openai", "name": "bolt", "token_env": "K"}]}
    environ = {"K": "sk-admin-0123456789abcdef"}

    file = check_file(content, catalog.declarations())
    settings = Settings.from_env(environ, providers=catalog.declarations(), file=file)

    assert {it.name: it.provider for it in settings.accounts} == {
        "bolt": "openai",
        "bolt-package": "bolt",
    }


def test_when_nothing_else_can_be_read_the_fault_says_why(install):
    install(text="x = 1")

    with pytest.raises(ConfigError) as caught:
        Settings.from_env({}, providers=catalog.declarations())

    assert "costmon-bolt 1.2: its module declares no provider" in str(caught.value)
    assert "DO_API_TOKEN" in str(caught.value)


def test_a_vendor_of_costmon_is_not_replaced(install):
    install(package="Costmon-OpenAI", slug="openai")

    module: ProviderModule = openai
    assert catalog.modules()["openai"] is module
    said = unusable()["costmon-openai"]
    assert said.startswith("Costmon-OpenAI 1.2: the vendor 'openai' is also in " + OURS)


def test_of_two_packages_with_one_vendor_neither_is_used(install):
    install(package="costmon-bolt")
    install(package="bolt-for-costmon")

    found = unusable()

    assert "bolt" not in catalog.modules()
    assert len(found) == 2
    assert all("costmon-bolt 1.2" in text for text in found.values())
    assert all("bolt-for-costmon 1.2" in text for text in found.values())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"variable": "OPENAI_ADMIN_KEY"}, "its variable OPENAI_ADMIN_KEY is also in " + OURS),
        ({"variable": "COSTMON_PORT"}, "its variable COSTMON_PORT is also in " + OURS),
        ({"host": "api.openai.com"}, f"its host api.openai.com is also in {OURS}, for openai"),
        ({"host": "api.stripe.com"}, f"its host api.stripe.com is also in {OURS}, for stripe"),
    ],
)
def test_what_another_vendor_has_is_refused(install, fields, said):
    install(**fields)

    assert unusable() == {"bolt": f"costmon-bolt 1.2: {said}"}


def test_a_vendor_that_only_the_table_of_hosts_knows_may_come_from_a_package(install, monkeypatch):
    monkeypatch.setitem(VENDOR_OF_HOST, "api.nimbus.example", "nimbus")
    install(package="costmon-nimbus", slug="nimbus", host="api.nimbus.example")

    assert unusable() == {}
    assert catalog.modules()["nimbus"].info.hosts[0] == "api.nimbus.example"


def test_a_provider_that_raises_anything_fails_check_alone(install, tmp_path, monkeypatch, capsys):
    install()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOLT_KEY", "key-of-bolt-0123456789")

    assert main(["check"]) == 1

    (failed,) = [it for it in capsys.readouterr().out.splitlines() if it.startswith("FAIL")]
    assert "a defect of its provider: NotImplementedError in " in failed
