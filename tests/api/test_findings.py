from costmon.errors import StoreUnavailableError
from tests.alerts.findings import spend_finding

FINDINGS = "/api/v1/findings"


def test_findings_are_listed_with_their_figures_and_contributors(world):
    world.findings = (spend_finding(),)

    answer = world.client().get(FINDINGS).json

    assert answer["meta"] == {"count": 1}
    (row,) = answer["data"]
    assert (row["scope"], row["unit"], row["state"]) == ("global", "USD", "opened")
    assert (row["observed"], row["expected"], row["burned"]) == (50.0, 0.5, 49.5)
    assert row["contributors"] == [{"scope": "tag:a", "observed": 49.0, "expected": 0.25}]
    assert row["since"] == "2026-03-10T08:20:00Z"


def test_findings_that_cannot_be_read_are_not_an_empty_list(world):
    world.history_error = StoreUnavailableError("the database is away")

    answer = world.client().get(FINDINGS)

    assert answer.status_code == 503
    assert "data" not in answer.json
