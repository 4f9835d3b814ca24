"""Every example runs by itself, ends by itself, and shows what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "guard"
LAST_LINES = {
    "activitypub_delivery.py": "the server received 6 activities",
    "agent_loop.py": "stopped at 1.00 USD of 1.00, after 50 calls of 0.02",
    "with_aiohttp.py": "the vendor got 3 requests",
    "with_anything.py": "the vendor got 4 requests",
    "with_botocore.py": "the vendor got 3 requests",
    "with_httpx.py": "afterwards 0.006 USD spent and 0.00 held",
    "with_httpx_async.py": "5 of 20 calls were allowed, and the vendor got 5 requests",
    "with_requests.py": "the vendor got 3 requests",
    "with_urllib3.py": "the vendor received 11 objects",
}


def test_each_example_is_known_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*LAST_LINES, "pretend_vendor.py"}


@pytest.mark.process
@pytest.mark.parametrize("name", LAST_LINES)
def test_the_example_runs_and_shows_what_it_says(name):
    ran = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == LAST_LINES[name]
