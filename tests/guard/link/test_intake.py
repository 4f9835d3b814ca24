"""A link and the service's own intake, over its own socket."""

import datetime as dt
import time
from collections.abc import Mapping
from decimal import Decimal

import pytest

from costmon.clock import SystemClock
from costmon.domain.budget import Budget
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.intake.clerk import Clerk
from costmon.intake.server import IntakeServer
from costmon.state import meters
from costmon.state.published import Published, Watched
from tests.guard.link.source import NOW, row

BUDGET = PolicyBudget(Budget("host:*", "10", "month", "USD"), "file", None)
CIRCUIT = Circuit("global", "open", "a loop", "ann", NOW, NOW + dt.timedelta(hours=1), 0)


class Intake:
    """What the intake took, and what it tells."""

    def __init__(self, path):
        self.path = path
        self.reports = []
        self.policy: Watched[Policy | None] = Watched(None)
        self.confirmed: Published[Mapping[str, int]] = Published({})
        clerk = Clerk(
            tell_policy=self._take,
            policy=self.policy,
            confirmed=self.confirmed,
            tell_meters=lambda _message: None,
            meters=Published(meters.first("e")),
            is_draining=lambda: False,
            clock=SystemClock(),
        )
        self.server = IntakeServer(path, clerk, SystemClock())

    def _take(self, message):
        self.reports.append(message.report)
        self.confirmed.publish({message.report.guard: message.report.sequence})


@pytest.fixture
def intake(tmp_path):
    made = Intake(tmp_path / "r.sock")
    made.server.start()
    yield made
    made.policy.close()
    assert made.server.close()


def test_what_a_guard_reports_is_what_the_intake_takes(intake, source, linked):
    source.spend(*(row(f"key:k{n}") for n in range(450)))
    link = linked(source, f"unix:{intake.path}")
    link.touch()
    _until(lambda: link.numbers().rows == 450 and link.numbers().waiting == 0)
    link.close(2.0)

    rows = [each for report in intake.reports for each in report.rows]
    assert len(rows) == 450
    assert sum(each.spent for each in rows) == Decimal("0.013") * 450
    assert link.numbers().set_aside == 0


def test_what_the_service_decides_reaches_the_guard_within_a_second(intake, source, linked):
    link = linked(source, f"unix:{intake.path}")
    assert not link.first_policy(5.0)  # the service has not read its database yet
    intake.policy.publish(Policy("r1", (BUDGET,), ()))
    source.wait_for(lambda: source.policies)
    time.sleep(0.2)

    began_s = time.monotonic()
    intake.policy.publish(Policy("r2", (BUDGET,), (CIRCUIT,)))
    source.wait_for(lambda: len(source.policies) == 2)
    took_s = time.monotonic() - began_s
    link.close(2.0)

    assert source.policies == [Policy("r1", (BUDGET,), ()), Policy("r2", (BUDGET,), (CIRCUIT,))]
    assert took_s < 1.0


def _until(happened, timeout_s=8.0):
    until_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.01)
