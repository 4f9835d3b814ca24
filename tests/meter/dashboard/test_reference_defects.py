"""What was wrong with the reference's dashboard, each by its symptom: here it is right.

The numbers are those of the list of its defects.
"""

import re
import socket

import pytest

from costmon.meter.dashboard.assets import FOLDER
from tests.meter.dashboard.conftest import Figures, ask, port_of
from tests.meter.dashboard.samples import HOSTILE, measured

EVIL = "http://evil.example"


def test_1_the_page_is_there_after_an_install(dashboard):
    # What is beside the modules is in the wheel: tests/architecture/test_wheel.py compares.
    answer = ask(port_of(dashboard()), "/")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert FOLDER.is_relative_to(FOLDER.parents[2])
    assert b"Cost by route" in answer.body


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_2_nothing_is_loaded_from_elsewhere(path):
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"(?i)\b(?:https?:)?//[a-z]+\.|@import|@font-face|url\(", text)


def test_21_another_sites_page_can_neither_read_nor_erase(dashboard, figures):
    port = port_of(dashboard())
    order = '{"action": "start"}'

    read = ask(port, headers={"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    erase = ask(port, "/api/v1/meter/recording", "POST", order, {"Origin": EVIL})
    rebound = ask(port, headers={"Host": "evil.example:7777"})
    preflight = ask(port, "/api/v1/meter/recording", "OPTIONS", headers={"Origin": EVIL})

    assert (read.status, erase.status, rebound.status) == (403, 403, 421)
    assert preflight.status == 501
    assert not figures.told
    for answer in (read, erase, rebound, preflight):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_22_one_idle_connection_freezes_nothing(dashboard):
    port = port_of(dashboard(patience_s=30.0))

    with socket.create_connection(("127.0.0.1", port)):
        assert ask(port, "/").status == 200
        assert ask(port).status == 200


def test_23_a_name_with_quotes_is_text_and_a_failure_is_said(dashboard, caplog):
    # Names as text are looked at in a browser: test_browser.py.
    figures = Figures(measured(1, service=HOSTILE))
    port = port_of(dashboard(figures))
    assert ask(port).headers["Content-Type"] == "application/json"
    script = (FOLDER / "meter.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)

    figures.error = RuntimeError("the disk is gone")

    assert ask(port, "/api/v1/meter?users=7").status == 500
    assert "the disk is gone" in caplog.text
