"""docs/adding-a-provider.md shows the code of the example, and names what is stable."""

import importlib
import re
import textwrap
from pathlib import Path

import pytest

from costmon.providers.base import CONTRACT

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "provider-acme"
TEXT = (ROOT / "docs" / "adding-a-provider.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(python|toml)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
STABLE = dict(re.findall(r"^\| `(costmon\.[\w.]+)` \| (.*) \|$", TEXT, re.MULTILINE))


def test_each_block_is_from_the_example():
    sources = {
        "python": [path.read_text("utf-8") for path in EXAMPLE.rglob("*.py")],
        "toml": [(EXAMPLE / "pyproject.toml").read_text("utf-8")],
    }

    assert len(BLOCKS) >= 6
    assert [
        textwrap.shorten(block, 60)
        for language, block in BLOCKS
        if not any(block in source for source in sources[language])
    ] == []


@pytest.mark.parametrize(("name", "names"), STABLE.items(), ids=STABLE)
def test_what_is_stable_exists_and_is_all(name, names):
    module = importlib.import_module(name)
    listed = re.findall(r"`(\w+)`", names)

    assert [one for one in listed if not hasattr(module, one)] == []
    assert set(getattr(module, "__all__", listed)) == set(listed)


def test_the_example_is_written_for_this_contract():
    declared = (EXAMPLE / "src" / "costmon_acme" / "__init__.py").read_text("utf-8")

    assert f"\ncontract = {CONTRACT}\n" in declared


def test_a_collector_can_be_small():
    lines = [path.read_text("utf-8").count("\n") for path in (EXAMPLE / "src").rglob("*.py")]

    assert max(lines) <= 150
    assert sum(lines) <= 200
