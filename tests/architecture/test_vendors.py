"""No vendor is special but in its own package and in the answers that are documented for it."""

import re
from pathlib import Path

import costmon

PACKAGE = Path(costmon.__file__).parent
AT_HOME = (
    "providers/digitalocean/",
    # Simulated vendors, and what tests of them are made of.
    "demo/",
    "testing/",
    # The documented answers of /api/v1/costs/current and /api/v1/summary.
    "api/schemas/costs.py",
    "api/schemas/resources.py",
)


def test_only_its_provider_and_its_documented_answer_know_what_a_droplet_is():
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for pattern in ("*.py", "*.html")
        for path in PACKAGE.rglob(pattern)
        if re.search(r"\bdroplet\b", path.read_text("utf-8"), re.IGNORECASE)
    }

    assert knowing, "the word is looked for in the wrong place"
    assert sorted(name for name in knowing if not name.startswith(AT_HOME)) == []
