"""`[[custom]]` in costmon.toml: definitions, and faults that name the key and what to write."""

import pytest

from costmon.config import Settings
from costmon.config.file import check_file
from costmon.errors import ConfigError
from costmon.providers import catalog

COLUMNS = {"BilledCost": "cost", "BillingCurrency": "'USD'", "ServiceName": "'Acme'"}
CHARGES = {"path": "/costs", "rows": "data", "columns": COLUMNS}
ACME = {
    "name": "acme",
    "url": "https://api.acme.example",
    "headers": {"Authorization": "Bearer {ACME_TOKEN}"},
    "charges": [CHARGES],
}
TOKEN = "token-of-acme-0123456789"
REMOVED = object()


def changed(table, **keys):
    return {key: value for key, value in {**table, **keys}.items() if value is not REMOVED}


def faults(*tables):
    file = check_file({"custom": list(tables)}, catalog.declarations())
    assert not (file.faults and file.custom)
    return {fault.name: str(fault.accepted) for fault in file.faults}


def settings(environ, *tables, **options):
    providers = catalog.declarations()
    file = check_file({"custom": list(tables)}, providers)
    return Settings.from_env(environ, providers=providers, file=file, **options)


def test_a_definition_is_an_account():
    (account,) = settings({"ACME_TOKEN": TOKEN}, ACME).accounts

    assert (account.name, account.provider) == ("acme", "custom")
    assert account.api_url == "https://api.acme.example"
    assert account.credentials["ACME_TOKEN"].reveal() == TOKEN


def test_its_secrets_are_hidden_everywhere():
    loaded = settings({"ACME_TOKEN": TOKEN}, ACME)

    assert TOKEN in loaded.secrets()
    assert TOKEN not in repr(loaded)


def test_a_secret_may_be_in_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)

    (account,) = settings({"ACME_TOKEN_FILE": str(file)}, ACME).accounts

    assert account.credentials["ACME_TOKEN"].reveal() == TOKEN


def test_a_variable_that_is_missing_is_named():
    with pytest.raises(ConfigError, match=r"ACME_TOKEN.*is required by custom\[0\] \(acme\)"):
        settings({}, ACME)


def test_a_variable_in_a_path_is_no_secret_and_needed():
    table = changed(ACME, charges=[changed(CHARGES, path="/orgs/{ACME_ORG}/costs")])

    with pytest.raises(ConfigError, match="ACME_ORG"):
        settings({"ACME_TOKEN": TOKEN}, table)

    (account,) = settings({"ACME_TOKEN": TOKEN, "ACME_ORG": "team-1"}, table).accounts
    assert account.options["settings"] == {"ACME_ORG": "team-1"}
    assert list(account.credentials) == ["ACME_TOKEN"]


def test_a_shipped_definition_is_used_twice_with_other_variables():
    tables = (
        {"use": "linode"},
        {"use": "linode", "name": "linode-b", "variables": {"LINODE_TOKEN": "LINODE_TOKEN_B"}},
    )

    found = settings({"LINODE_TOKEN": "token-a", "LINODE_TOKEN_B": "token-b"}, *tables).accounts

    assert [account.name for account in found] == ["linode", "linode-b"]
    assert [account.credentials["LINODE_TOKEN"].reveal() for account in found] == [
        "token-a",
        "token-b",
    ]


def test_two_accounts_that_read_the_same_would_count_twice():
    tables = ({"use": "linode"}, {"use": "linode", "name": "linode"})

    with pytest.raises(ConfigError, match="a name that no other account uses"):
        settings({"LINODE_TOKEN": "token-a"}, *tables)


def test_intervals_are_set_for_each_reading():
    (account,) = settings({"ACME_TOKEN": TOKEN}, changed(ACME, charges_interval="6h")).accounts

    assert account.intervals == {"charges": 21_600.0}


@pytest.mark.parametrize(
    ("keys", "name", "accepted"),
    [
        ({"name": REMOVED}, "name", "a name for the account"),
        ({"name": "Acme!"}, "name", "1 to 40 of a-z, 0-9 and -"),
        ({"url": REMOVED}, "url", "a base URL such as"),
        ({"url": "http://api.acme.example"}, "url", "https://"),
        ({"url": "https://user:x@api.acme.example"}, "url", "without user, password"),
        ({"urls": "x"}, "urls", "did you mean"),
        ({"charges": REMOVED}, "charges", "[[custom.charges]], or [[custom.usage]]"),
        ({"charges": {"path": "/x"}}, "charges", "with two brackets"),
        ({"charges": [CHARGES] * 21}, "charges", "at most 20 tables"),
        ({"headers": {"X-Key": "sk-live-1"}}, "headers.X-Key", "the name of a variable"),
        ({"headers": {"Authorization": "Bearer {token}"}}, "headers.Authorization", "{ACME_TOKEN}"),
        ({"headers": {"X Y": "{ACME_TOKEN}"}}, "headers.X Y", "a header's name"),
        ({"basic": ["A"]}, "basic", '["ACME_KEY", "ACME_SECRET"]'),
        ({"variables": {"ACME_TOKE": "B"}}, "variables.ACME_TOKE", "ACME_TOKEN"),
        ({"variables": {"ACME_TOKEN": "sk-1"}}, "variables.ACME_TOKEN", "ACME_TOKEN_TEAM_B"),
        ({"days": 0}, "days", "from 1 to 366"),
        ({"days": 30}, "charges[0].columns.ChargePeriodStart", "needed with `days`"),
        ({"complete_after": "soon"}, "complete_after", "a duration"),
        ({"gaps": {"tax": 1}}, "gaps.tax", "a text in quotes"),
        ({"use": "digitalocean"}, "use", "one of linode, neon"),
    ],
)
def test_a_key_that_is_not_right_is_named_with_what_to_write(keys, name, accepted):
    found = faults(changed(ACME, **keys))

    assert accepted in found[f"custom[0].{name}"]


@pytest.mark.parametrize(
    ("keys", "name", "accepted"),
    [
        ({"path": REMOVED}, "path", 'such as "/usage"'),
        ({"path": "costs"}, "path", 'such as "/usage"'),
        ({"path": "/costs?all=1"}, "path", "without query"),
        ({"path": "/../admin"}, "path", "without query"),
        ({"path": "/costs/{begin}"}, "path", "{start}, {end}"),
        ({"path": "//evil.example/{start:week}"}, "path", ":unix"),
        ({"rows": REMOVED}, "rows", "`data`"),
        ({"rows": "data["}, "rows", "a JMESPath expression"),
        ({"rows": "x" * 501}, "rows", "at most 500 characters"),
        ({"rows": "nosuch(data"}, "rows", "a JMESPath expression"),
        ({"row": "data"}, "row", "did you mean rows"),
        ({"params": {"from": 7}}, "params.from", "a text in quotes"),
        ({"params": {"from": "{now}"}}, "params.from", "{start}"),
        ({"scale": 0}, "scale", '"0.01" for cents'),
        ({"basis": "guess"}, "basis", "billed, metered or list_price"),
        ({"paging": {"param": "page"}}, "paging.cursor", "one of cursor, pages and link"),
        ({"paging": {"cursor": "next"}}, "paging.param", "the parameter"),
        ({"paging": {"link": "next", "size": 1}}, "paging.size", "is not a key"),
        ({"columns": {}}, "columns.BilledCost", "such as `cost`"),
        ({"columns": {**COLUMNS, "Cost": "x"}}, "columns.Cost", "is not a column"),
        ({"columns": {**COLUMNS, "BillingCurrency": "USD["}}, "columns.BillingCurrency", "'USD'"),
        (
            {"columns": {**COLUMNS, "ConsumedQuantity": "n"}},
            "columns.ConsumedUnit",
            "both ConsumedQuantity and ConsumedUnit",
        ),
    ],
)
def test_a_key_of_a_request_that_is_not_right_is_named(keys, name, accepted):
    found = faults(changed(ACME, charges=[changed(CHARGES, **keys)]))

    assert accepted in found[f"custom[0].charges[0].{name}"]


def test_a_part_of_a_quantity_that_is_missing_is_named():
    table = changed(ACME, usage=[{"path": "/x", "rows": "@", "columns": {"quota": "'a'"}}])

    assert set(faults(table)) == {
        "custom[0].usage[0].columns.unit",
        "custom[0].usage[0].columns.used",
    }


def test_beside_use_stands_only_what_is_the_accounts_own():
    found = faults({"use": "linode", "headers": {}})

    assert found["custom[0].headers"].startswith("nothing: the definition says it")


def test_a_secret_in_a_path_is_refused():
    table = changed(ACME, charges=[changed(CHARGES, path="/costs/{ACME_TOKEN}")])

    assert "must not be a secret" in faults(table)["custom[0].headers"]


def test_a_fault_shows_no_value_that_may_be_a_secret():
    table = changed(ACME, headers={"Authorization": "Bearer sk-live-1"}, variables={"A": "sk-live"})
    file = check_file({"custom": [table]}, catalog.declarations())

    assert "sk-live" not in repr(file.faults)


def test_a_definition_may_say_how_often_and_the_account_wins():
    tables = ({"use": "linode"}, {"use": "vultr", "charges_interval": "6h"})

    found = settings({"LINODE_TOKEN": "token-a", "VULTR_API_KEY": "token-b"}, *tables).accounts

    assert [account.intervals for account in found] == [{"charges": 3600.0}, {"charges": 21_600.0}]


def test_what_an_account_reads_is_what_its_definition_has():
    environ = {"NEON_API_KEY": "token-n", "NEON_ORG_ID": "org-1", "VULTR_API_KEY": "token-v"}

    found = settings(environ, {"use": "neon"}, {"use": "vultr"}).accounts

    assert [account.readings for account in found] == [("usage",), ("charges",)]


def test_a_variable_of_a_path_may_begin_as_those_of_costmon():
    table = changed(ACME, charges=[changed(CHARGES, path="/orgs/{COSTMON_ACME_ORG}/costs")])

    (account,) = settings({"ACME_TOKEN": TOKEN, "COSTMON_ACME_ORG": "team-1"}, table).accounts

    assert account.options["settings"] == {"COSTMON_ACME_ORG": "team-1"}
