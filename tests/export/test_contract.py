"""What docs/metrics.md says that vendors bring is what is exported, in the same words."""

import re

from costmon.export.findings import FindingCollector
from tests.deploy.contract import ROOT
from tests.export import test_charges, test_deliveries, test_forecast, test_limits, test_prometheus


def documented():
    """Return labels, unit and help of each metric in the table of what the vendors bring."""
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*)\| ?([a-z]*) \| (.+) \|$", text, flags=re.MULTILINE
    )
    return {
        re.sub("_(total|info)$", "", name): (kind, set(re.findall("[a-z_]+", labels)), unit, text)
        for name, kind, labels, unit, text in rows
    }


def exported():
    """Return the same of each metric that is exported when everything is known."""
    charges = test_charges.Scraped(test_charges.everything(), snapshot=test_charges.charged())
    collectors = (
        charges.collector,
        charges.metrics,
        test_forecast.everything(),
        test_limits.everything(),
        test_deliveries.everything(),
        FindingCollector(opened=lambda: ()),
        test_prometheus.collector(test_prometheus.everything()),
    )
    families = [family for made in collectors for family in made.collect()]
    assert len({family.name for family in families}) == len(families), "exported twice"
    return {
        family.name: (
            family.type,
            set(family.samples[0].labels) if family.type != "info" else {"version"},
            family.unit,
            family.documentation,
        )
        for family in families
    }


def test_what_the_vendors_bring_is_exported_as_documented():
    promised, found = documented(), exported()

    assert len(promised) > 15
    assert {name: found.get(name) for name in promised} == promised
