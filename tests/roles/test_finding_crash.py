"""The process dies while it finds runaway spend, stores that or tells of it."""

import pytest

from tests.roles.finding_crash import campaign


@pytest.mark.process
@pytest.mark.timeout(300)
def test_kill_9_loses_no_finding_and_tells_none_twice(tmp_path):
    findings, alerts, _, faults = campaign(
        f"sqlite:///{tmp_path}/costmon.db", kills=3, seed=20261129
    )

    assert faults == []
    assert findings > 3
    assert alerts > findings
