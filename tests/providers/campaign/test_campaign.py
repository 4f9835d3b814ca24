"""All vendors at once, for a few simulated days with faults; `make soak` runs an hour of it."""

from tests.providers.campaign.run import campaign
from tests.providers.campaign.vendors import VENDORS


def test_what_all_vendors_charge_and_count_is_recorded_to_the_last_digit_whatever_fails(tmp_path):
    results = campaign(2, seed=1, folder=tmp_path, usage_hours=12)

    assert {slug: it.recorded for slug, it in results.items()} == {
        slug: it.charged for slug, it in results.items()
    }
    assert {slug: it.counted for slug, it in results.items()} == {
        slug: it.used for slug, it in results.items()
    }
    assert {slug: it.listed for slug, it in results.items()} == {
        slug: it.monthly for slug, it in results.items()
    }
    assert not any(it.wrong for it in results.values())
    assert len(results) == 17
    for slug, it in results.items():
        assert it.charged or slug == "hetzner"
        assert sum(it.used.values()) or slug in {"hostinger", "scaleway"}
    assert sum(it.faults for it in results.values()) > 10
    assert sum(it.failed.total() for it in results.values()) > 0
    for slug, vendor in VENDORS.items():
        assert max(results[slug].requests.values()) <= (vendor.per_day or 5_000)
