"""`[[manual]]` in costmon.toml: what it may say, and every way of saying it wrong, all at once."""

import datetime as dt
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.config.file import check_file
from costmon.config.settings import Settings
from costmon.domain.subscription import Subscription
from costmon.errors import ConfigError
from costmon.providers import catalog

PROVIDERS = catalog.declarations()
VPS = "[[manual]]\nname = 'VPS'\nprovider = 'ionos'\namount = 6.00\ncurrency = 'EUR'\n"


def read(text):
    return check_file(tomllib.loads(text, parse_float=Decimal), PROVIDERS)


def faults_of(text):
    return {fault.name: fault.accepted for fault in read(text).faults}


def test_five_lines_are_a_monthly_price():
    (entry,) = read(VPS).manual

    assert entry == Subscription(
        name="VPS",
        provider="ionos",
        service="VPS",
        amount=Decimal("6.00"),
        currency="EUR",
        per="month",
    )


def test_everything_can_be_said():
    text = """
        [[manual]]
        name = "domain"
        provider = "ovh"
        service = "Domains"
        amount = "11.99"
        currency = "eur"
        per = "year"
        since = 2024-02-01
        until = "2030-02-01"
        renews_on = 2027-02-01
        cancel_by = "3d"
        remind = 21
        balance = 50
        used = 12.5
        used_on = 2026-11-20
        note = "example.org"
        """

    (entry,) = read(text).manual

    assert entry == Subscription(
        name="domain",
        provider="ovh",
        service="Domains",
        amount=Decimal("11.99"),
        currency="EUR",
        per="year",
        since=dt.date(2024, 2, 1),
        until=dt.date(2030, 2, 1),
        renews_on=dt.date(2027, 2, 1),
        cancel_by=3,
        remind_days=21,
        balance=Decimal(50),
        used=Decimal("12.5"),
        used_on=dt.date(2026, 11, 20),
        note="example.org",
    )


@pytest.mark.parametrize(
    ("line", "name", "accepted"),
    [
        ("nmae = 'x'", "nmae", "did you mean name?"),
        ("renew_on = 2027-01-01", "renew_on", "did you mean renews_on?"),
        ("service = ''", "service", "a text in quotes"),
        ("service = 7", "service", "a text in quotes"),
        ('note = "a\\nb"', "note", "one line"),
        ("per = 'quarter'", "per", "one of week, month, year, once"),
        ("per = 12", "per", "one of week, month, year, once"),
        ("per = 'year'", "renews_on", "needed per year"),
        ("per = 'week'", "renews_on", "needed per week"),
        ("per = 'once'", "since", "the day it is paid"),
        ("per = 'once'\nsince = 2026-01-01\nrenews_on = 2027-01-01", "renews_on", "nothing"),
        ("since = 'soon'", "since", "a date such as 2026-03-15"),
        ("since = 2026-01-01T10:00:00Z", "since", "a date such as 2026-03-15"),
        ("since = 20260101", "since", "a date such as 2026-03-15"),
        ("since = 0001-01-01", "since", "a date from 2000-01-01"),
        ("since = 2026-02-01\nuntil = 2026-02-01", "until", "a day after `since`"),
        ("cancel_by = '3 days'", "cancel_by", "days before the next charge"),
        ("cancel_by = 3", "cancel_by", "days before the next charge"),
        ("remind = '3d'", "remind", "a number of days"),
        ("remind = true", "remind", "a number of days"),
        ("remind = 1000", "remind", "a number of days"),
        ("used = 3", "balance", "what was paid in advance"),
        ("balance = 5\nused = 1\nused_on = 2026-01-02", "used_on", "a day after `since`"),
        ("since = 2026-01-02\nused_on = 2026-02-02", "used_on", "on which `used` was seen"),
        ("balance = -1", "balance", "an amount from 0"),
    ],
)
def test_each_key_is_checked(line, name, accepted):
    found = faults_of(VPS + line)

    assert list(found) == [f"manual[0].{name}"]
    assert accepted in found[f"manual[0].{name}"]


@pytest.mark.parametrize("key", ["name", "provider", "amount", "currency"])
def test_what_is_needed_is_named(key):
    lines = [line for line in VPS.splitlines() if not line.startswith(f"{key} ")]

    assert faults_of("\n".join(lines)) == {f"manual[0].{key}": "a value: it is needed"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("provider", "'IONOS'"),
        ("provider", "'a b'"),
        ("amount", "-6"),
        ("amount", "'6,00'"),
        ("amount", "nan"),
        ("amount", "true"),
        ("currency", "'EURO'"),
        ("currency", "'€'"),
    ],
)
def test_a_wrong_value_of_what_is_needed_is_a_fault(key, value):
    lines = [
        f"{key} = {value}" if line.startswith(f"{key} ") else line for line in VPS.splitlines()
    ]

    assert list(faults_of("\n".join(lines))) == [f"manual[0].{key}"]


def test_all_faults_are_told_at_once():
    text = VPS.replace("6.00", "-1") + "per = 'x'\n" + VPS.replace("EUR", "E") + "[[manul]]\nx = 1"

    found = faults_of(text)

    assert set(found) == {"manual[0].amount", "manual[0].per", "manual[1].currency", "manul"}
    assert "did you mean manual?" in found["manul"]


def test_two_entries_of_a_vendor_have_two_names():
    assert list(faults_of(VPS + VPS)) == ["manual[1].name"]
    assert faults_of(VPS + VPS.replace("ionos", "ovh")) == {}


def test_one_bracket_too_few_is_told():
    assert "[[manual]]" in faults_of("[manual]\nname = 'x'")["manual"]


def test_the_entries_are_one_account_that_needs_no_token():
    settings = Settings.from_env({}, providers=PROVIDERS, file=read(VPS))

    (account,) = settings.accounts
    assert (account.name, account.provider, account.credentials) == ("manual", "manual", {})
    assert account.options["entries"] == read(VPS).manual


def test_without_entries_there_is_no_such_account():
    settings = Settings.from_env({"DO_API_TOKEN": "dop_v1_x"}, providers=PROVIDERS)

    assert [account.name for account in settings.accounts] == ["digitalocean"]


def test_an_account_table_for_them_is_refused():
    found = faults_of("[[account]]\nprovider = 'manual'\nname = 'mine'")

    assert found == {"account[0].provider": "[[manual]] tables, and no account"}


def test_another_account_cannot_have_their_name():
    file = read(VPS + "[[account]]\nprovider = 'digitalocean'\nname = 'manual'\ntoken_env = 'T_1'")

    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"T_1": "dop_v1_x"}, providers=PROVIDERS, file=file)

    assert [fault.name for fault in caught.value.faults] == ["account[0].name"]


def test_the_examples_of_the_example_file_are_right():
    example = (Path(__file__).parents[2] / "costmon.example.toml").read_text("utf-8")
    start, end = example.index("# [[manual]]"), example.index("# Where alerts are sent")
    lines = [line.removeprefix("#").strip() for line in example[start:end].splitlines()]

    file = read("\n".join(lines))

    assert file.faults == ()
    assert [entry.per for entry in file.manual] == ["month", "year", "once"]
