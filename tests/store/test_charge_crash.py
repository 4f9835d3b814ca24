"""The process dies in the middle of a window of charges."""

import pytest

from tests.store.charge_crash import campaign


@pytest.mark.process
@pytest.mark.timeout(300)
def test_kill_9_at_any_point_of_a_window_leaves_the_old_rows_or_the_new_ones(url):
    _, _, faults = campaign(url, kills=5, seed=20261121)

    assert faults == []
