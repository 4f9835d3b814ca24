"""The meter's page: its Python runs and prints what it says, its options are all there."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import costmon.meter
from costmon.meter.options import Options

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "meter.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _own_recording(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    costmon.meter.reset()
    yield
    costmon.meter.stop()


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_prints_what_it_says(block):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "block", "exec"), {"__name__": "block"})  # noqa: S102 - our own page

    said = re.findall(r"^\s*print\(.*\)  # (.*)$", block, re.MULTILINE)
    assert printed.getvalue().splitlines() == said


@pytest.mark.parametrize("option", Options._fields)
def test_each_option_is_on_the_page(option):
    assert f"`{option}`" in PAGE.read_text("utf-8")


def test_every_public_name_can_be_imported():
    missing = [name for name in costmon.meter.__all__ if not hasattr(costmon.meter, name)]

    assert not missing
