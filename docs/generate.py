"""Write what is rendered from the code: `.env.example` and the README's table of settings.

Run by `make docs`; the drift tests render the same texts and compare.
"""

import re
from pathlib import Path

from costmon.config.document import env_example, settings_table
from costmon.providers import catalog

ROOT = Path(__file__).resolve().parent.parent


def between(text: str, mark: str, content: str) -> str:
    """Return `text` with what stands between the two comments of `mark` replaced."""
    pattern = re.compile(f"(<!-- {mark}: begin[^>]*-->\n).*?(<!-- {mark}: end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{content}{match[2]}", text)


def main() -> None:
    """Write the files."""
    providers = catalog.declarations()
    (ROOT / ".env.example").write_text(env_example(providers), "utf-8")
    readme = ROOT / "README.md"
    readme.write_text(
        between(readme.read_text("utf-8"), "settings", settings_table(providers)), "utf-8"
    )


if __name__ == "__main__":
    main()
