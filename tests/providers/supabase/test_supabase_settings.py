"""Which variables make an account of Supabase, and which do not."""

import pytest

from costmon.config import Settings
from costmon.errors import ConfigError
from costmon.providers import catalog

TOKEN = {"SUPABASE_ACCESS_TOKEN": "sbp_0123456789"}
DO = {"DO_API_TOKEN": "dop_v1_0123456789"}
REF = "abcdefghijklmnopqrst"


def accounts(environ):
    settings = Settings.from_env(environ, providers=catalog.declarations())
    return {account.name: account for account in settings.accounts}


def test_a_token_makes_an_account():
    account = accounts(TOKEN)["supabase"]

    assert account.api_url == "https://api.supabase.com"
    assert account.options == {}


@pytest.mark.parametrize(
    "given",
    [
        {"SUPABASE_URL": f"https://{REF}.supabase.co"},
        {"SUPABASE_ANON_KEY": "ey.x.y"},
        {"SUPABASE_URL": f"https://{REF}.supabase.co", "SUPABASE_ANON_KEY": "ey.x.y"},
        {"SUPABASE_SERVICE_ROLE_KEY": "ey.x.y", "SUPABASE_JWT_SECRET": "z"},
    ],
)
def test_what_an_application_has_in_its_environment_is_no_account_and_no_fault(given):
    assert list(accounts({**DO, **given})) == ["digitalocean"]


@pytest.mark.parametrize("name", ["SUPABASE_URL", "SUPABASE_ANON_KEY"])
def test_check_says_that_a_key_of_an_application_is_not_enough(name):
    providers = catalog.declarations()

    (hint,) = providers.hints({name: "x"}, ["digitalocean"])

    assert hint.name == name
    assert "SUPABASE_ACCESS_TOKEN" in hint.text
    assert providers.hints({name: "x"}, ["supabase"]) == ()


def test_the_reference_is_taken_from_the_projects_url():
    account = accounts({**TOKEN, "SUPABASE_URL": f"https://{REF}.supabase.co/"})["supabase"]

    assert account.options == {"url": REF}


@pytest.mark.parametrize(
    "url", ["http://localhost:54321", "https://db.example.com", "nonsense", "https://[", "https://"]
)
def test_an_own_domain_or_a_local_stack_has_no_reference_and_is_no_fault(url):
    assert accounts({**TOKEN, "SUPABASE_URL": url})["supabase"].options == {}


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("off", {}),
        ("on", {"metrics": "on"}),
        ("http://127.0.0.1:9000/", {"metrics": "http://127.0.0.1:9000"}),
    ],
)
def test_metrics_are_an_option(value, options):
    assert accounts({**TOKEN, "SUPABASE_METRICS": value})["supabase"].options == options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_PROJECT_REF", "a/../b"),
        ("SUPABASE_PROJECT_REF", "my project"),
        ("SUPABASE_METRICS", "yes"),
        ("SUPABASE_METRICS", "http://example.com"),
        ("SUPABASE_ACCES_TOKEN", "x"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(name, value):
    with pytest.raises(ConfigError) as caught:
        accounts({**TOKEN, name: value})

    assert [fault.name for fault in caught.value.faults] == [name]
