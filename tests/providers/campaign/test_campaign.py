"""All vendors at once, for a few simulated days with faults; `make soak` runs an hour of it."""

from tests.providers.campaign.run import campaign
from tests.providers.campaign.vendors import VENDORS


def test_what_all_vendors_charge_is_recorded_to_the_last_digit_whatever_fails(tmp_path):
    results = campaign(3, seed=1, folder=tmp_path)

    assert {slug: it.recorded for slug, it in results.items()} == {
        slug: it.charged for slug, it in results.items()
    }
    assert len(results) == 17
    assert all(it.charged for it in results.values())
    assert sum(it.faults for it in results.values()) > 10
    assert sum(it.failed.total() for it in results.values()) > 0
    for slug, vendor in VENDORS.items():
        assert max(results[slug].requests.values()) <= (vendor.per_day or 1_000)
