"""Importing the meter costs a host program little, and nothing that it has not got already."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "email",
    "http",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "socket",
    "tempfile",
    "urllib",
    "uuid",
}

_LOADED = """
import sys
sys.path.insert(0, {root!r})
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


def loaded(module: str) -> set[str]:
    """Return what importing `module` loads where there is nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LOADED.format(root=str(ROOT), module=module)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.process
@pytest.mark.parametrize("module", ["costmon.meter", "costmon.meter.wsgi", "costmon.meter.flask"])
def test_it_loads_the_standard_library_and_ours_alone_and_nothing_heavy_of_it(module):
    found = loaded(module)

    assert {name.partition(".")[0] for name in found} <= {"costmon", *sys.stdlib_module_names}
    assert sorted(found & HEAVY) == []


@pytest.mark.process
def test_the_asgi_adapter_adds_nothing_to_what_asyncio_loads():
    found = loaded("costmon.meter.asgi") - loaded("asyncio")

    assert {name.partition(".")[0] for name in found} <= {"costmon", *sys.stdlib_module_names}
    assert sorted(found & HEAVY) == []


@pytest.mark.process
def test_importing_it_alone_loads_none_of_its_rooms():
    assert {name for name in loaded("costmon.meter") if name.startswith("costmon.")} == {
        "costmon.errors",
        "costmon.meter",
    }
