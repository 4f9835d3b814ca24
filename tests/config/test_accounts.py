"""Accounts: each vendor's default one, those of the file, and what is missing or misspelt."""

import tomllib
from dataclasses import replace

import pytest

from costmon.config import ProviderInfo, Providers, Settings
from costmon.config.file import check_file
from costmon.config.load import load
from costmon.config.parsers import one_of
from costmon.config.providers import Credential, Option
from costmon.config.unknown import is_one_slip
from costmon.errors import ConfigError

ACME = ProviderInfo(
    slug="acme",
    title="Acme",
    docs="https://docs.acme.example",
    hosts=("api.acme.example", "*.acme.example"),
    credentials=(
        Credential(key="access_key", name="ACME_ACCESS_KEY", accepted="a key", meaning="Who."),
        Credential(key="secret_key", name="ACME_SECRET_KEY", accepted="its secret", meaning="How."),
        Credential(
            key="metrics_key", name="ACME_METRICS_KEY", accepted="one", meaning="-", required=False
        ),
    ),
    options=(
        Option(
            key="team",
            name="ACME_TEAM",
            default_words="all",
            accepted="red or blue",
            meaning="-",
            parse=one_of("red", "blue"),
        ),
    ),
    readings=("inventory", "charges", "usage"),
    url_variable="ACME_API_URL",
    default_url="https://api.acme.example",
    scopes=("read",),
)
OTHER = ProviderInfo(
    slug="other",
    title="Other",
    docs="https://docs.other.example",
    hosts=("api.other.example",),
    credentials=(Credential(key="token", name="OTHER_API_TOKEN", accepted="one", meaning="-"),),
    readings=("inventory",),
    url_variable="OTHER_API_URL",
    default_url="https://api.other.example",
    scopes=("read",),
)
PROVIDERS = Providers((ACME, OTHER))
KEYS = {"ACME_ACCESS_KEY": "access-of-acme", "ACME_SECRET_KEY": "secret-of-acme"}


def settings_of(environ, toml="", **options):
    file = check_file(tomllib.loads(toml), PROVIDERS)
    return Settings.from_env(environ, providers=PROVIDERS, file=file, **options)


def faults_of(environ, toml="", **options):
    with pytest.raises(ConfigError) as caught:
        settings_of(environ, toml, **options)
    return {fault.name: fault for fault in caught.value.faults}


def revealed(account):
    return {key: secret.reveal() for key, secret in account.credentials.items()}


def test_credentials_in_the_environment_make_one_account_named_after_the_vendor():
    settings = settings_of(KEYS | {"ACME_TEAM": "blue", "ACME_API_URL": "http://localhost:1"})

    (account,) = settings.accounts
    assert (account.name, account.provider) == ("acme", "acme")
    assert revealed(account) == {"access_key": "access-of-acme", "secret_key": "secret-of-acme"}
    assert account.options == {"team": "blue"}
    assert account.api_url == "http://localhost:1"
    assert account.token.reveal() == "access-of-acme"


def test_each_vendor_with_credentials_has_an_account():
    settings = settings_of(KEYS | {"OTHER_API_TOKEN": "x"})

    assert [account.name for account in settings.accounts] == ["acme", "other"]
    assert settings.accounts[1].api_url == "https://api.other.example"


def test_every_credential_is_a_secret():
    settings = settings_of(KEYS | {"ACME_METRICS_KEY": "metrics-of-acme", "ACME_TEAM": "red"})

    assert set(settings.secrets()) == {"access-of-acme", "secret-of-acme", "metrics-of-acme"}
    assert not [secret for secret in settings.secrets() if secret in repr(settings)]


def test_every_credential_can_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    environ = {"ACME_ACCESS_KEY": "a", "ACME_SECRET_KEY_FILE": str(file)}

    assert revealed(settings_of(environ).accounts[0])["secret_key"] == "from-a-file"


def test_a_half_configured_vendor_is_off_and_names_what_is_missing_while_others_are_read():
    half, other = settings_of({"ACME_ACCESS_KEY": "a", "OTHER_API_TOKEN": "x"}).accounts

    assert (half.name, half.missing) == ("acme", ("ACME_SECRET_KEY",))
    assert (other.name, other.missing) == ("other", ())


def test_half_configured_vendors_alone_are_faults_since_nothing_could_be_read():
    faults = faults_of({"ACME_ACCESS_KEY": "a"})

    assert set(faults) == {"ACME_SECRET_KEY"}
    assert "ACME_ACCESS_KEY" in faults["ACME_SECRET_KEY"].accepted


def test_a_half_configured_vendor_does_not_stop_what_polls_nothing():
    (half,) = settings_of({"ACME_ACCESS_KEY": "a"}, accounts_required=False).accounts

    assert half.missing == ("ACME_SECRET_KEY",)


def test_what_is_optional_alone_makes_no_account():
    settings = settings_of({"ACME_METRICS_KEY": "m", "ACME_TEAM": "red", "OTHER_API_TOKEN": "x"})

    assert [account.name for account in settings.accounts] == ["other"]


def test_no_account_at_all_names_what_each_vendor_needs():
    (name,) = faults_of({})

    assert name == "ACME_ACCESS_KEY and ACME_SECRET_KEY or OTHER_API_TOKEN"


def test_an_option_that_is_not_accepted_is_a_fault():
    assert faults_of(KEYS | {"ACME_TEAM": "green"})["ACME_TEAM"].accepted == "one of red, blue"


ENTRY = """
[[account]]
provider = "acme"
name = "team-b"
access_key_env = "B_ACCESS"
secret_key_env = "B_SECRET"
"""


def test_an_account_of_the_file_names_a_variable_for_each_credential():
    environ = KEYS | {"B_ACCESS": "b1", "B_SECRET": "b2", "ACME_TEAM": "red"}

    first, second = settings_of(environ, ENTRY + 'team = "blue"').accounts

    assert (first.name, first.options) == ("acme", {"team": "red"})
    assert (second.name, second.options) == ("team-b", {"team": "blue"})
    assert revealed(second) == {"access_key": "b1", "secret_key": "b2"}


@pytest.mark.parametrize("value", ['"blue"', '["blue"]'])
def test_an_option_may_be_a_list_of_texts(value):
    environ = {"B_ACCESS": "b1", "B_SECRET": "b2"}

    (account,) = settings_of(environ, f"{ENTRY}team = {value}").accounts

    assert account.options == {"team": "blue"}


@pytest.mark.parametrize("value", ["true", "[1]", "7", '[""]', "[]"])
def test_an_option_of_another_type_is_a_fault_that_says_what_is_accepted(value):
    environ = {"B_ACCESS": "b1", "B_SECRET": "b2"}

    with pytest.raises(ConfigError) as caught:
        settings_of(environ, f"{ENTRY}team = {value}")

    (fault,) = caught.value.faults
    assert fault.name == "account[0].team"


def test_an_account_of_the_file_has_no_option_of_the_default_account():
    environ = {"B_ACCESS": "b1", "B_SECRET": "b2", "ACME_TEAM": "red"}

    (account,) = settings_of(environ, ENTRY).accounts

    assert account.options == {}


def test_an_optional_credential_that_the_file_names_must_be_set():
    environ = {"B_ACCESS": "b1", "B_SECRET": "b2"}

    assert set(faults_of(environ, ENTRY + 'metrics_key_env = "B_METRICS"')) == {"B_METRICS"}


@pytest.mark.parametrize(
    ("toml", "name"),
    [
        (ENTRY.replace('secret_key_env = "B_SECRET"', ""), "account[0].secret_key_env"),
        (ENTRY + 'token_env = "B"', "account[0].token_env"),
        (ENTRY + 'team = "green"', "account[0].team"),
        (ENTRY + "team = 3", "account[0].team"),
        (ENTRY.replace("B_SECRET", "pasted-secret"), "account[0].secret_key_env"),
        (ENTRY.replace('"acme"', '"acmee"'), "account[0].provider"),
    ],
)
def test_each_key_of_an_account_is_checked_against_its_vendor(toml, name):
    faults = check_file(tomllib.loads(toml), PROVIDERS).faults

    assert [fault.name for fault in faults] == [name]
    assert "pasted" not in str(faults)


def test_the_same_credentials_twice_are_a_fault_unless_the_accounts_differ_otherwise():
    same = ENTRY.replace("B_ACCESS", "C_ACCESS").replace("B_SECRET", "C_SECRET")
    environ = KEYS | dict(zip(("C_ACCESS", "C_SECRET"), KEYS.values(), strict=True))

    assert set(faults_of(environ, same)) == {"C_ACCESS"}
    assert len(settings_of(environ, same + 'team = "red"').accounts) == 2


@pytest.mark.parametrize("name", ["OTHER_API_TOKN", "OHTER_API_TOKEN", "ACME_SECRET_KEYS"])
def test_a_slip_in_a_name_is_a_fault_that_names_the_right_one(name):
    fault = faults_of(KEYS | {name: "a secret, perhaps"})[name]

    assert "did you mean" in fault.accepted
    assert "perhaps" not in str(fault)


@pytest.mark.parametrize("name", ["OTHER_BASE_URL", "OTHER_TOKEN", "ACME_URL", "ACME_API_KEY"])
def test_a_name_of_other_programs_is_left_alone(name):
    assert settings_of(KEYS | {name: "x"}) == settings_of(KEYS)


def test_a_slip_in_the_environment_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = KEYS | {"OTHER_API_TOKN": "x", "OTHER_BASE_URL": "x"}

    loaded = load(environ=environ, providers=PROVIDERS)

    assert [warning.partition(" ")[0] for warning in loaded.warnings] == ["OTHER_API_TOKN"]


def test_names_of_the_files_accounts_are_no_reason_to_suspect_others():
    environ = {"B_ACCESS": "b1", "B_SECRET": "b2", "C_SECRET": "of another program"}

    assert settings_of(environ, ENTRY).accounts


@pytest.mark.parametrize(
    ("given", "right", "expected"),
    [
        ("ABC", "ABC", False),
        ("AB", "ABC", True),
        ("ABCD", "ABC", True),
        ("AXC", "ABC", True),
        ("ACB", "ABC", True),
        ("BAC", "ABC", True),
        ("CBA", "ABC", False),
        ("A", "ABC", False),
        ("", "A", True),
    ],
)
def test_a_slip_is_one_letter_or_two_neighbours_swapped(given, right, expected):
    assert is_one_slip(given, right) is expected


def intervals(environ, toml=""):
    settings = settings_of(environ, toml)
    account = settings.accounts[-1]
    return tuple(settings.interval_s(account, it) for it in ("inventory", "charges", "usage"))


def test_each_reading_has_its_own_interval():
    assert intervals(KEYS) == (300, 86_400, 3_600)
    assert intervals(KEYS | {"COST_REFRESH_INTERVAL_S": "600"}) == (300, 600, 600)


def test_an_account_of_the_file_may_have_intervals_of_its_own():
    toml = ENTRY + 'inventory_interval = "2m"\ncharges_interval = "6h"\nusage_interval = 90\n'

    assert intervals({"B_ACCESS": "a", "B_SECRET": "b"}, toml) == (120, 21_600, 90)


@pytest.mark.parametrize("interval", ['"soon"', "-1", "true", "1.5"])
def test_an_interval_that_is_none_is_a_fault(interval):
    environ = {"B_ACCESS": "a", "B_SECRET": "b"}

    assert set(faults_of(environ, ENTRY + f"usage_interval = {interval}")) == {
        "account[0].usage_interval"
    }


def test_an_interval_of_a_reading_that_the_vendor_does_not_have_is_a_fault():
    toml = """
[[account]]
provider = "other"
name = "b"
token_env = "B_TOKEN"
charges_interval = "1h"
"""

    assert set(faults_of({"B_TOKEN": "b"}, toml)) == {"account[0].charges_interval"}


CHOOSING = replace(ACME, needs_option=("team",))
OF_FILE = replace(ACME, file_only=True)
ACME_ENTRY = (
    '[[account]]\nprovider = "acme"\nname = "a"\n'
    'access_key_env = "ACME_ACCESS_KEY"\nsecret_key_env = "ACME_SECRET_KEY"\n'
)


def accounts_of(info, environ, toml=""):
    providers = Providers((info, OTHER))
    file = check_file(tomllib.loads(toml), providers)
    environ = environ | {"OTHER_API_TOKEN": "of-other"}
    settings = Settings.from_env(environ, providers=providers, file=file)
    return [account.name for account in settings.accounts]


def test_credentials_alone_make_no_account_of_a_vendor_that_needs_an_option():
    assert accounts_of(CHOOSING, KEYS) == ["other"]
    assert accounts_of(CHOOSING, KEYS | {"ACME_TEAM": "red"}) == ["acme", "other"]


def test_an_entry_without_the_option_that_its_vendor_needs_is_a_fault():
    with pytest.raises(ConfigError, match=r"account\[0\]\.team"):
        accounts_of(CHOOSING, KEYS, ACME_ENTRY)


def test_only_the_file_makes_an_account_of_a_vendor_that_says_so():
    assert accounts_of(OF_FILE, KEYS) == ["other"]
    assert accounts_of(OF_FILE, KEYS, ACME_ENTRY) == ["other", "a"]


def test_an_account_named_as_its_vendor_can_use_the_vendors_own_variables():
    toml = '[[account]]\nprovider = "acme"\nname = "acme"\nusage_interval = "2m"\n'

    (account,) = settings_of({**KEYS, "ACME_TEAM": "red"}, toml).accounts

    assert {key: it.reveal() for key, it in account.credentials.items()} == {
        "access_key": "access-of-acme",
        "secret_key": "secret-of-acme",
    }
    assert account.options == {"team": "red"}
    assert account.intervals == {"usage": 120}


def test_an_account_named_as_its_vendor_needs_the_vendors_variables():
    toml = '[[account]]\nprovider = "acme"\nname = "acme"\n'

    (fault,) = faults_of({}, toml).values()

    assert "account[0]" in str(fault)


def test_an_account_of_another_name_must_name_its_variables():
    toml = '[[account]]\nprovider = "other"\nname = "team-b"\n'

    assert "account[0].token_env" in faults_of({"OTHER_API_TOKEN": "a"}, toml)
