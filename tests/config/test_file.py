"""`costmon.toml`: what it may say, and every way of saying it wrong."""

import tomllib
from decimal import Decimal

import pytest

from costmon.config import Providers
from costmon.config.file import check_file, read_file
from costmon.providers import digitalocean

PROVIDERS = Providers((digitalocean.info,))


def faults_of(text):
    content = tomllib.loads(text, parse_float=Decimal)
    return {fault.name: fault for fault in check_file(content, PROVIDERS).faults}


def test_prices_are_kept_exact(tmp_path):
    path = tmp_path / "costmon.toml"
    path.write_text('[prices.digitalocean]\n"droplet:x" = 12.10\n"database:y" = "0.07"\n')

    prices = read_file(path, required=True, providers=PROVIDERS).prices

    assert prices == {
        "digitalocean": {"droplet:x": Decimal("12.10"), "database:y": Decimal("0.07")}
    }


def test_retention_is_days_by_table():
    file = check_file({"retention": {"cycles": 30, "rollups": "forever"}}, PROVIDERS)

    assert file.retention == {"cycles": 30.0, "rollups": float("inf")}


def test_an_account_needs_provider_name_and_the_variable_of_its_token():
    faults = faults_of("[[account]]\n")

    assert set(faults) == {"account[0].provider", "account[0].name", "account[0].token_env"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[account]\nname = 'x'", "account"),
        ("prices = 3", "prices"),
        ("retention = 3", "retention"),
        ("prices.digitalocean = 3", "prices.digitalocean"),
        ("[prices.digitalocean]\nx = 1", 'prices.digitalocean."x"'),
        ("[prices.digitalocean]\n'a:b' = -1", 'prices.digitalocean."a:b"'),
        ("[prices.digitalocean]\n'a:b' = true", 'prices.digitalocean."a:b"'),
        ("[prices.digitalocean]\n'a:b' = nan", 'prices.digitalocean."a:b"'),
        ("[prices.digitalocaen]\n'a:b' = 1", "prices.digitalocaen"),
        ("[retention]\ncycles = 0", "retention.cycles"),
        ("[retention]\ncycles = true", "retention.cycles"),
        ("[retention]\ncycles = 'x'", "retention.cycles"),
        ("[retention]\ncycles = nan", "retention.cycles"),
        ("[retention]\ncycles = 1e9", "retention.cycles"),
        ("[retention]\ncycels = 3", "retention.cycels"),
        ("[[budget]]\nlimit = 3", "budget[0].scope"),
        ("[[bugdet]]\nlimit = 3", "bugdet"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(text, name):
    assert set(faults_of(text)) == {name}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("name = 'Team B'", "account[0].name"),
        ("name = ''", "account[0].name"),
        ("name = '" + "x" * 41 + "'", "account[0].name"),
        ("provider = 'digitalocaen'", "account[0].provider"),
        ("token_env = 'dop_v1_pasted_by_mistake'", "account[0].token_env"),
        ("api_url = 'http://example.com'", "account[0].api_url"),
        ("api_url = 3", "account[0].api_url"),
        ("tokn_env = 'X'", "account[0].tokn_env"),
    ],
)
def test_each_key_of_an_account_is_checked(line, name):
    good = {"provider": "digitalocean", "name": "b", "token_env": "DO_B"}
    entry = good | tomllib.loads(line)

    faults = check_file({"account": [entry]}, PROVIDERS).faults

    assert [fault.name for fault in faults] == [name]
    assert "pasted_by_mistake" not in str(faults[0])


def test_a_misspelt_table_gets_the_right_name():
    assert "did you mean retention?" in faults_of("[retentoin]\ncycles = 3")["retentoin"].accepted


def test_a_file_that_is_not_toml_says_where(tmp_path):
    path = tmp_path / "costmon.toml"
    path.write_text("[prices\n")

    (fault,) = read_file(path, required=False, providers=PROVIDERS).faults

    assert "line 1" in fault.accepted
