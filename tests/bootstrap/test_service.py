"""What the service hands to the policy actor: reports give way to decisions."""

import pytest
from structlog.testing import capture_logs

from costmon.bootstrap.components import components
from costmon.bootstrap.service import Service
from costmon.bootstrap.tree import POLICY, POLICY_CAPACITY, POLICY_REPORTS, guard_of
from costmon.config.settings import Settings
from costmon.messages import CloseCircuit, GuardReported
from costmon.providers import catalog
from costmon.testing import FakeClock
from costmon.testing.spend import guard_report

PROVIDERS = catalog.declarations()


@pytest.fixture
def settings(tmp_path):
    return Settings.from_env(
        {"DO_API_TOKEN": "dop_v1_0123456789abcdef", "COSTMON_STATE_DIR": str(tmp_path)},
        providers=PROVIDERS,
    )


@pytest.fixture
def service(settings):
    """A service whose actors do not run, so that what they are told waits."""
    made = Service(settings, clock=FakeClock(), on_scan=lambda: None)
    yield made
    for part in (made.journal, made.decision_journal, made.store):
        part.close()


def test_reports_leave_room_for_what_people_decide(service):
    with capture_logs() as lines:
        for number in range(POLICY_REPORTS + 5):
            report = guard_report(1, guard=f"g{number}")
            service.tell_policy(GuardReported(report=report))
        for number in range(POLICY_CAPACITY - POLICY_REPORTS):
            service.tell_policy(
                CloseCircuit(id=f"c{number}", scope="global", reason="", author="ann")
            )

    assert service.system.addresses[POLICY].waiting == POLICY_CAPACITY
    assert [line["event"] for line in lines] == ["bootstrap.report_dropped"] * 5


def test_turning_readers_away_ends_every_wait_for_a_policy(service):
    service.turn_away()

    assert service.policy.wait(lambda _known: True, 60.0) is None


def test_only_reports_are_superseded():
    assert guard_of(GuardReported(report=guard_report(1, guard="g7"))) == "g7"
    assert guard_of(CloseCircuit(id="c", scope="global", reason="", author="ann")) is None


def test_the_policy_actor_is_one_of_the_components(settings):
    assert ("actor", "policy") in {(it.kind, it.name) for it in components(settings)}
