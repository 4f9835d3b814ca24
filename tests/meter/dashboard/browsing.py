"""A real browser, and what it must never do: say an error, break a rule, or leave loopback."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")


@contextlib.contextmanager
def chromium() -> "Iterator[Browser]":
    """Start the browser; skip, with the reason, where it or its driver is missing."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            # Root has no sandbox in a container; only our own pages are opened.
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Witness:
    """Hears everything that a page does besides being shown."""

    def __init__(self, page: "Page") -> None:
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.errors.append(f"raised {error}"))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.errors.append(f"{kind}: {text}")

    def is_content(self, *expected: str) -> None:
        """Assert that nothing happened but what was expected."""
        unexpected = [it for it in self.errors if not any(part in it for part in expected)]
        assert not unexpected
        assert self.hosts <= {"127.0.0.1", "localhost"}
