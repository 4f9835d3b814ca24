"""Who may decide: attacks by a program of another user, a hostile page, and a leaked link."""

import inspect
import json
import os
import shutil
import subprocess

import pytest

from costmon.api import HttpServer, sessions
from costmon.api.middleware import OPEN_WRITES
from costmon.api.sessions import COOKIE, LINK_S, LoginLinks
from costmon.messages import GuardReported, OpenCircuit
from costmon.testing import FakeClock
from tests.api.samples import policy, report_bytes

OPEN = {"state": "open", "reason": "attack", "author": "root"}
CIRCUIT = "/api/v1/circuits/global"
OWN_PAGE = {"Origin": "http://localhost"}
LINKS = "/api/v1/login-links"


def writes(app):
    return sorted(
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
    )


def signed_in(world):
    browser = world.stranger()
    path = world.client_of(browser.application).post(LINKS).json["data"]["path"]
    assert browser.get(path).status_code == 303
    return browser


def test_every_write_but_those_listed_needs_the_token(world):
    stranger = world.stranger()

    open_writes = {
        path
        for method, path in writes(stranger.application)
        if stranger.open(path.replace("<", "").replace(">", ""), method=method).status_code != 401
    }

    assert open_writes == OPEN_WRITES, "the login form refuses by itself"
    assert [type(message) for message in world.told] == []


def test_reading_refreshing_reporting_and_obeying_need_no_token_on_loopback(world):
    world.poll()
    stranger = world.stranger()

    for path in (
        "/",
        "/guard",
        "/alerts",
        "/meter",
        "/api/v1/costs/current",
        "/metrics",
        "/readyz",
    ):
        assert stranger.get(path).status_code == 200, path
    assert stranger.post("/refresh").status_code == 202
    told = stranger.get("/api/v1/guard/policy")
    assert (told.status_code, told.headers["Costmon-Authenticated"]) == (200, "false")


def test_a_report_without_the_token_is_taken_and_marked(world):
    taken = [
        world.stranger().post("/api/v1/guard/reports", data=report_bytes()),
        world.client().post("/api/v1/guard/reports", data=report_bytes()),
    ]

    assert [answer.status_code for answer in taken] == [202, 202]
    assert [answer.headers["Costmon-Authenticated"] for answer in taken] == ["false", "true"]
    assert [message.authenticated for message in world.told] == [False, True]
    assert all(isinstance(message, GuardReported) for message in world.told)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong-but-long-enough"},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "root"},
        {"costmon.author": "root", "Costmon-Author": "root", "REMOTE-USER": "root"},
        {"Cookie": f"{COOKIE}=9999999999.{'0' * 64}"},
        {"Origin": "http://localhost", "Referer": "http://localhost/guard"},
    ],
)
def test_a_program_that_knows_everything_but_the_token_decides_nothing(world, headers):
    answer = world.stranger().put(CIRCUIT, json=OPEN, headers=headers)

    assert answer.status_code == 401
    assert world.told == []


def test_the_author_is_who_was_authenticated_and_not_who_the_request_names(world):
    world.client().put(CIRCUIT, json=OPEN, headers={"Costmon-Author": "root"})
    signed_in(world).post("/guard/circuits", data={**OPEN, "scope": "global"}, headers=OWN_PAGE)

    assert [command.author for command in world.told] == ["alice", "alice"]


def test_a_link_signs_one_browser_in_once(world):
    browser = world.stranger()
    answer = world.client_of(browser.application).post(LINKS)
    path = answer.json["data"]["path"]

    first = browser.get(path)
    thief = browser.application.test_client()
    again = thief.get(path)

    assert answer.status_code == 201
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    assert again.status_code == 401
    assert "Set-Cookie" not in again.headers
    assert thief.put(CIRCUIT, json=OPEN, headers=OWN_PAGE).status_code == 401
    assert browser.put(CIRCUIT, json=OPEN, headers=OWN_PAGE).status_code == 202


def test_a_link_ends_and_looking_at_its_head_does_not_use_it(world):
    client = world.client()
    browser = client.application.test_client()
    path, late = (client.post(LINKS).json["data"]["path"] for _ in range(2))

    assert browser.head(path).status_code == 200
    assert browser.get(path).status_code == 303
    world.clock.advance(LINK_S)
    assert browser.get(late).status_code == 401


@pytest.mark.parametrize("query", ["code=", "code=x", "code=" + "A" * 43, "code=a&code=b"])
def test_a_guessed_link_signs_nobody_in(world, query):
    world.client().post(LINKS)

    answer = world.stranger().get(f"/login?{query}")

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_only_a_few_links_wait_and_none_is_kept_in_the_clear():
    links = LoginLinks(FakeClock())
    codes = [links.make() for _ in range(50)]

    assert not any(code in repr(vars(links)) for code in codes)
    assert sum(links.use(code) for code in codes) == 20


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:9999"},
        {"Referer": "http://evil.example/"},
        {"Referer": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/guard/circuits", "/guard/budgets", LINKS])
def test_a_hostile_page_cannot_use_the_session_of_a_signed_in_browser(world, path, headers):
    browser = signed_in(world)

    answer = browser.post(path, data={**OPEN, "scope": "global"}, headers=headers)

    assert answer.status_code in {401, 403, 421}
    assert world.told == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Referer": "http://localhost/guard"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_our_own_page_may_decide_in_a_signed_in_browser(world, headers):
    answer = signed_in(world).put(CIRCUIT, json=OPEN, headers=headers)

    assert answer.status_code == 202
    assert [type(command) for command in world.told] == [OpenCircuit]


def test_a_browser_that_is_not_signed_in_is_led_to_the_form(world):
    answer = world.stranger().post("/guard/circuits", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


def test_pages_offer_forms_to_those_who_are_signed_in(world):
    world.policy.publish(policy())

    assert "<form" not in world.stranger().get("/guard").text
    shown = signed_in(world).get("/guard").text
    assert 'action="/guard/circuits"' in shown
    assert "signed in as alice" in shown


def test_secrets_are_compared_in_constant_time():
    assert "compare_digest" in inspect.getsource(sessions.same_secret)
    assert "==" not in inspect.getsource(sessions.Sessions) + inspect.getsource(LoginLinks)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_second_user_of_this_machine_reads_and_decides_nothing(world):
    world.poll()
    server = HttpServer(world.app(), "127.0.0.1", 0, "http")
    server.prepare()
    server.start()

    def status(*options):
        sent = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *options]
        return subprocess.run(sent, user=65534, capture_output=True, text=True, check=True).stdout

    base = f"http://127.0.0.1:{server.port}"
    try:
        answers = [
            status(f"{base}/api/v1/costs/current"),
            status("-X", "POST", f"{base}/refresh"),
            status("-X", "PUT", "-d", json.dumps(OPEN), f"{base}{CIRCUIT}"),
            status("-X", "POST", f"{base}{LINKS}"),
        ]
    finally:
        assert server.stop(5)

    assert answers == ["200", "202", "401", "401"]
    assert world.told == []
