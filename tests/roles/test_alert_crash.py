"""The process dies while it raises, stores or delivers alerts."""

import pytest

from tests.roles.alert_crash import campaign


@pytest.mark.process
@pytest.mark.timeout(300)
def test_kill_9_loses_no_alert_and_tells_none_twice(tmp_path):
    alerts, groups, _, faults = campaign(f"sqlite:///{tmp_path}/costmon.db", kills=3, seed=20261121)

    assert faults == []
    assert alerts > 3
    assert groups > 0
