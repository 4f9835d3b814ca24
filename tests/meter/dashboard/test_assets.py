"""The files of the page: all there, all our own, and of one look with the service's pages."""

import re
from pathlib import Path

import pytest

import costmon.web
from costmon.meter.dashboard.assets import FOLDER, asset, main_html, page

FILES = sorted(path.name for path in FOLDER.iterdir())


def test_every_file_is_served_or_part_of_the_page():
    assert {name for name in FILES if asset(name) is None} == {"main.html", "page.html"}


@pytest.mark.parametrize("name", ["../server.py", "", "page.html", "meter.js/", "METER.JS"])
def test_nothing_else_is_a_file(name):
    assert asset(name) is None


def test_the_pages_placeholders_are_all_filled():
    text = page("token", "1.2.3").decode()

    assert "@" not in re.sub(r"@media[^{]*", "", text)
    assert 'content="token"' in text
    assert "costmon 1.2.3" in text
    assert main_html() in text


def test_every_rule_of_the_look_is_the_services_own():
    # The meter may run where the service is not installed to be served from: it has a copy.
    ours = (FOLDER / "look.css").read_text("utf-8").splitlines()
    theirs = Path(costmon.web.__file__).with_name("static") / "costmon.css"

    assert set(ours) <= set(theirs.read_text("utf-8").splitlines())
    assert (FOLDER / "icon.svg").read_bytes() == theirs.with_name("icon.svg").read_bytes()


def test_every_element_that_the_script_looks_for_is_on_the_page():
    script = (FOLDER / "meter.js").read_text("utf-8")
    asked = set(re.findall(r'\b(?:at|say)\("([\w-]+)"', script)) - {"pill"}

    assert asked <= set(re.findall(r' id="([\w-]+)"', main_html()))
    assert 'id="pill"' in page("", "").decode()
