"""How fresh the charges of each account are."""

from dataclasses import replace

from costmon.domain.charge_report import ChargeFreshness
from costmon.state import fold
from costmon.state.charge_freshness import charge_readings
from costmon.state.charges import nothing_known
from costmon.testing.clock import START


def stored(account, provider):
    return ChargeFreshness(
        account=account,
        provider=provider,
        observed_at=START,
        known_since=START,
        complete_through=None,
        last_complete_day=None,
        day_zone="UTC",
        gaps=(),
    )


def readings_of(*freshness):
    start = fold.Start(name="manual", provider="manual", intervals={"charges": 3600.0})
    accounts = fold.first((start,), {}, now=START, demo=False).accounts
    charges = replace(nothing_known(START, START.date()), freshness=freshness)
    return charge_readings(charges, accounts, START)


def test_an_account_with_charges_of_several_vendors_has_an_entry_for_each():
    found = readings_of(stored("manual", "ionos"), stored("manual", "anthropic"))

    assert [(it.account, it.provider) for it in found] == [
        ("manual", "ionos"),
        ("manual", "anthropic"),
    ]
    assert {it.reason for it in found} == {"the first poll has not ended yet"}
    assert {it.observed_at for it in found} == {START}


def test_an_account_that_was_never_read_has_an_entry_that_says_so():
    (found,) = readings_of()

    assert (found.account, found.provider, found.observed_at) == ("manual", "manual", None)


def test_charges_of_an_account_that_is_gone_are_not_read_any_more():
    _, gone = readings_of(stored("old", "vercel"))

    assert (gone.account, gone.state) == ("old", "off")
    assert gone.reason == "its charges are not read any more"
