"""The guard's page and the README: every block of Python runs, and prints what it says."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest

import costmon.guard
import costmon.meter
from costmon.guard import Guard
from tests.guard.link.service import Service, running

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "guard"
PAGES = ("docs/guard.md", "README.md")

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name in PAGES
    for number, block in enumerate(_BLOCK.findall((ROOT / name).read_text("utf-8")), 1)
]


@pytest.fixture
def vendor(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from pretend_vendor import PretendVendor

    with PretendVendor() as vendor:
        yield vendor
    sys.modules.pop("pretend_vendor")


def on_loopback(block, vendor_url, service_url):
    """Return a block that calls the pretended vendor where it names a real one."""
    named = re.sub(r"https://api\.(?:example|openai)\.com", vendor_url, block)
    named = named.replace("host:api.example.com", "host:127.0.0.1")
    return named.replace("http://127.0.0.1:8090", service_url)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_prints_what_it_says(block, vendor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    printed = io.StringIO()
    with running(Service(), "127.0.0.1") as url, contextlib.redirect_stdout(printed):
        code = on_loopback(block, vendor.url, url)
        space = {"__name__": "block"}
        exec(compile(code, "block", "exec"), space)  # noqa: S102 - our own page
        for guard in [one for one in space.values() if isinstance(one, Guard)]:
            guard.close()
        costmon.meter.stop()

    said = re.findall(r"^\s*print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert printed.getvalue().splitlines() == said


def test_every_public_name_is_on_the_page():
    page = (ROOT / "docs" / "guard.md").read_text("utf-8")

    assert [name for name in costmon.guard.__all__ if name not in page] == []


def test_every_client_that_can_be_guarded_has_an_example():
    page = (ROOT / "docs" / "guard.md").read_text("utf-8")
    clients = re.findall(r"`costmon\.guard\.(requests|httpx|urllib3|aiohttp|botocore)`", page)

    assert [name for name in clients if not (EXAMPLES / f"with_{name}.py").exists()] == []
    assert len(clients) == 5
