"""Who is let in: decided by headers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.dashboard.access import refusal

TOKEN = "right"
OWN = {
    "Host": "localhost:7777",
    "Origin": "http://localhost:7777",
    "X-Costmon-Token": TOKEN,
    "Sec-Fetch-Site": "same-origin",
}
RECORDING = "/api/v1/meter/recording"


def refused(method="GET", path="/api/v1/meter", **changes):
    headers = {**OWN, **{name.replace("_", "-"): value for name, value in changes.items()}}
    found = refusal(method, path, lambda name: headers.get(name, ""), TOKEN)
    return None if found is None else found.status


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7777", "127.0.0.1:80", "[::1]:7777"])
def test_names_of_this_machine_are_answered(host):
    assert refused(Host=host, Origin="") is None
    assert refused(Host=host, Origin=f"http://{host}") is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:7777", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_a_name_that_only_resolves_to_this_machine_is_not(host):
    assert refused(Host=host) == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_others_may_link_here_but_neither_read_nor_order(site):
    assert refused(path="/", Sec_Fetch_Site=site) is None
    assert refused(Sec_Fetch_Site=site) == 403
    assert refused("POST", RECORDING, Sec_Fetch_Site=site) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_a_page_of_another_origin_may_neither_read_nor_order(origin):
    assert refused(Origin=origin) == 403
    assert refused("POST", RECORDING, Origin=origin) == 403


def test_an_order_needs_the_token_of_the_page():
    assert refused("POST", RECORDING) is None
    assert refused("POST", RECORDING, X_Costmon_Token="") == 403
    assert refused("POST", RECORDING, X_Costmon_Token="wrong") == 403


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_the_door(host, origin, token):
    assert refused("POST", RECORDING, Host=host, Origin=origin, X_Costmon_Token=token) != 200
