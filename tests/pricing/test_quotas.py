"""The quotas that come with costmon."""

from costmon.pricing.quotas import known_quotas


def test_each_quota_of_a_plan_is_there_once():
    names = [(quota.provider, quota.plan, quota.quota) for quota in known_quotas()]

    assert len(names) == len(set(names)) > 20


def test_each_quota_says_from_where_and_when():
    assert all(quota.limit > 0 and quota.source and quota.as_of for quota in known_quotas())
