"""What an account of Vercel may say besides its token."""

import pytest

from costmon.config.file import check_file
from costmon.providers import catalog

ENTRY = {"provider": "vercel", "name": "web", "token_env": "WEB_TOKEN"}


def options_of(**options):
    file = check_file({"account": [{**ENTRY, **options}]}, catalog.declarations())
    assert file.faults == ()
    return file.accounts[0].options


@pytest.mark.parametrize("value", [True, "true", "TRUE"])
def test_included_credit_is_switched_on_as_one_writes_it(value):
    assert options_of(included_credit=value) == {"included_credit": "true"}


@pytest.mark.parametrize("team", ["team_Kf3wQ81mZr", "acme-web"])
def test_a_team_is_an_id_or_a_slug(team):
    assert options_of(team_id=team) == {"team_id": team}


@pytest.mark.parametrize("team", ["", "https://vercel.com/acme", "a b", 7])
def test_what_is_no_team_is_a_fault(team):
    file = check_file({"account": [{**ENTRY, "team_id": team}]}, catalog.declarations())

    assert [fault.name for fault in file.faults] == ["account[0].team_id"]
