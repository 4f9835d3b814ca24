"""A slice of the campaign of faults; `make soak` runs ten minutes of it."""

import pytest

from tests.journeys.campaign import Campaign

pytestmark = pytest.mark.process


def test_kill_9_and_a_flipped_byte_in_the_journal_cost_one_observation(tmp_path):
    campaign = Campaign(tmp_path, seed=1, may_fill=False)

    figures = campaign.run(0, ["damaged_journal"])

    assert figures.violations() == []
    assert figures.set_aside == 1
    assert len(figures.acknowledged) > 4
    assert figures.requests > 5
