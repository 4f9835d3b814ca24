from prometheus_client import CollectorRegistry

from costmon.export.findings import FindingCollector
from tests.alerts.findings import spend_finding


def samples(opened):
    registry = CollectorRegistry()
    registry.register(FindingCollector(opened=lambda: opened))
    return {
        sample.labels["severity"]: sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_open_findings_are_counted_by_severity_and_the_same_money_once():
    opened = (spend_finding(), spend_finding(id="part", part_of=spend_finding().id))

    assert samples(opened) == {"info": 0, "warning": 0, "critical": 1}


def test_what_has_not_been_read_is_absent_and_not_zero():
    assert samples(None) == {}
