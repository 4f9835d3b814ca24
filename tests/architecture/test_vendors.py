"""No vendor is special but in its own package and in the answers that are documented for it."""

import re
import runpy
from pathlib import Path

import pytest

import costmon
from costmon.providers import catalog
from costmon.testing.provider_contract import (
    ChargesContract,
    InventoryContract,
    ReadingContract,
    UsageContract,
)

PACKAGE = Path(costmon.__file__).parent
TESTS = Path(__file__).parents[1] / "providers"
AT_HOME = (
    "providers/digitalocean/",
    # Simulated vendors, and what tests of them are made of.
    "demo/",
    "testing/",
    # The documented answers of /api/v1/costs/current and /api/v1/summary.
    "api/schemas/costs.py",
    "api/schemas/resources.py",
)


# DigitalOcean is the demo's vendor and has a threshold of its own; manual entries and custom
# sources are no vendors.
VENDORS = sorted(set(catalog.built_in().slugs) - {"custom", "digitalocean", "manual"})
KNOWING_VENDORS = (
    "providers/",
    "demo/",
    "testing/",
    # Written by `make docs`.
    "domain/vendor_hosts.py",
    # Amounts of rules that name none, and the names of an imported file: before a vendor is read.
    "domain/rule.py",
    "cli/init_import.py",
    # Prices and answers of models, whoever bills them.
    "pricing/",
    "guard/",
)


@pytest.mark.parametrize("slug", VENDORS)
def test_no_other_code_names_a_vendor(slug):
    naming = {
        path.relative_to(PACKAGE).as_posix()
        for pattern in ("*.py", "*.html", "*.js")
        for path in PACKAGE.rglob(pattern)
        if re.search(rf"""["']{slug}["']""", path.read_text("utf-8"))
    }

    assert any(name.startswith(f"providers/{slug}") for name in naming)
    assert sorted(name for name in naming if not name.startswith(KNOWING_VENDORS)) == []


def contracts() -> set[tuple[str, str]]:
    """Return the vendors and readings for which there is a subclass of the contract."""
    kinds: dict[str, type] = {
        "inventory": InventoryContract,
        "charges": ChargesContract,
        "usage": UsageContract,
    }
    found = [
        thing
        for path in TESTS.rglob("test_*contract*.py")
        for thing in runpy.run_path(str(path)).values()
        if isinstance(thing, type) and issubclass(thing, ReadingContract)
    ]
    return {
        (one.slug, reading)
        for one in found
        for reading, kind in kinds.items()
        if issubclass(one, kind) and one.__name__.startswith("Test") and "slug" in dir(one)
    }


def test_each_reading_of_each_vendor_keeps_to_the_contract():
    # Manual entries are read from a file, and requests to AWS are counted: there is nothing to ask.
    offered = {
        (info.slug, reading)
        for info in catalog.built_in().infos
        for reading in info.readings
        if info.credentials
    }

    assert offered
    assert offered - contracts() == {("aws", "usage")}


def test_only_its_provider_and_its_documented_answer_know_what_a_droplet_is():
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for pattern in ("*.py", "*.html")
        for path in PACKAGE.rglob(pattern)
        if re.search(r"\bdroplet\b", path.read_text("utf-8"), re.IGNORECASE)
    }

    assert knowing, "the word is looked for in the wrong place"
    assert sorted(name for name in knowing if not name.startswith(AT_HOME)) == []
