"""A status says what it cannot see."""

from costmon.guard import Budget, Guard, GuardStoreError


def test_a_status_while_the_store_is_away_names_the_fault_and_shows_no_figures(tmp_path):
    path = tmp_path / "guard.db"
    with Guard(f"sqlite:///{path}", [Budget("global", "1", "day")]) as guard:
        guard.reserve("global", "0.01").settle()
        path.unlink()

        status = guard.status()

    assert status.scopes is None
    assert status.leases is None
    assert "guard.db" in (status.store_fault or "")


def test_calls_that_are_refused_because_the_store_is_away_are_counted(tmp_path):
    path = tmp_path / "guard.db"
    with Guard(f"sqlite:///{path}", [Budget("global", "1", "day")]) as guard:
        guard.reserve("global", "0.01").settle()
        path.unlink()
        path.mkdir()
        refused = 0
        for _ in range(3):
            try:
                guard.reserve("global", "0.01")
            except GuardStoreError:
                refused += 1

        counts = guard.refused()

    assert refused == 3
    assert [(count.scope, count.reason, count.refused) for count in counts] == [
        ("global", "store", 3)
    ]
