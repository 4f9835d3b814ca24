import pytest

from costmon.api import create_app, create_metrics_app
from costmon.api.sessions import COOKIE, SESSION_S, Sessions
from costmon.config import Secret
from costmon.errors import ConfigError
from costmon.testing import FakeClock

CURRENT = "/api/v1/costs/current"
PROTECTED = ["/", CURRENT, "/api/v1/actors", "/readyz", "/metrics", "/openapi.json", "/nothing"]


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8090", "127.0.0.1:1", "[::1]", "[::1]:8090", "localhost.", "ours:80"],
)
def test_our_own_names_are_answered(world, host):
    world.listen(allowed_hosts=("ours",))

    assert world.client().get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.5",
        "[::1",
        "localhost:",
        "localhost:port",
        "user@localhost",
        "localhost, evil.example",
        "[::1]evil",
        "localhost\n",
        "",
    ],
)
def test_another_name_is_a_misdirected_request(world, host):
    client = world.client()

    answer = client.get("/healthz", environ_overrides={"HTTP_HOST": host})

    assert answer.status_code == 421
    assert set(answer.json) == {"error", "message"}


def test_beyond_loopback_a_plain_address_is_answered_but_no_unknown_name(guarded):
    client = guarded.client()

    assert client.get("/healthz", headers={"Host": "10.0.0.5:8090"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "[fd00::5]:8090"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("create", [create_app, create_metrics_app])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "costmon.example"])
def test_beyond_loopback_there_is_no_application_that_everybody_may_read(world, create, host):
    world.listen(host=host)

    with pytest.raises(ConfigError, match="COSTMON_API_TOKEN"):
        create(world.context())


@pytest.mark.parametrize("path", PROTECTED)
def test_without_the_token_nothing_is_told(guarded, path):
    guarded.poll()

    answer = guarded.client().get(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(answer.json) == {"error", "message"}


def test_without_the_token_nothing_is_done(guarded):
    assert guarded.client().post("/refresh").status_code == 401
    assert guarded.metrics_client().post("/refresh").status_code == 401
    assert guarded.requests == []


def test_scraping_may_need_no_token_and_everything_else_still_does(guarded):
    guarded.listen(scrape_needs_token=False)
    guarded.poll()
    scraper = guarded.metrics_client()

    assert scraper.get("/metrics", headers={"Host": "localhost:9210"}).status_code == 200
    assert scraper.post("/refresh", headers={"Host": "localhost:9210"}).status_code == 202
    assert scraper.get("/metrics", headers={"Host": "evil.example"}).status_code == 421
    forged = {"Host": "localhost:9210", "Origin": "http://evil.example"}
    assert scraper.post("/refresh", headers=forged).status_code == 403
    assert guarded.client().get("/metrics").status_code == 401
    assert guarded.client().post("/refresh").status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic {}", "{}", "Bearer {}x", "Bearer \xff"]
)
def test_a_wrong_token_is_refused(guarded, token, header):
    answer = guarded.client().get("/api/v1/actors", headers={"Authorization": header.format(token)})

    assert answer.status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_everything(guarded, token, scheme):
    guarded.poll()
    client = guarded.client()

    for path in PROTECTED[:-1]:
        answer = client.get(path, headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code == 200, path


def test_a_token_may_have_any_letters(world):
    world.listen(api_token=Secret("schlüssel-✓"))

    answer = world.client().get(
        "/api/v1/actors",
        headers={"Authorization": "Bearer schlüssel-✓".encode().decode("latin-1")},
    )

    assert answer.status_code == 200


def test_a_token_is_required_on_loopback_too_when_there_is_one(guarded):
    guarded.listen(host="127.0.0.1")

    assert guarded.client().get("/api/v1/actors").status_code == 401


def test_liveness_needs_no_token(guarded):
    assert guarded.client().get("/healthz").status_code == 200
    assert guarded.metrics_client().get("/healthz").status_code == 200


def test_a_browser_is_sent_to_the_login_form(guarded):
    client = guarded.client()

    sent = client.get("/", headers={"Accept": "text/html,*/*"})
    form = client.get("/login")

    assert (sent.status_code, sent.headers["Location"]) == (303, "/login")
    assert form.status_code == 200
    assert 'type="password"' in form.text


def test_logging_in_opens_the_page_with_a_guarded_cookie(guarded, token):
    guarded.poll()
    client = guarded.client()

    answer = client.post("/login", data={"token": token})

    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert token not in cookie
    assert client.get("/").status_code == 200
    own_page = {"Origin": "http://localhost"}
    assert client.post("/api/v1/refresh", headers=own_page).status_code == 202


@pytest.mark.parametrize(
    ("peer", "forwarded", "is_secure"),
    [
        ("127.0.0.1", "https", True),
        ("::1", "HTTPS", True),
        ("::ffff:127.0.0.1", "https", True),
        ("127.0.0.1", "http, https", True),
        ("127.0.0.1", "https, http", False),
        ("127.0.0.1", "http", False),
        ("127.0.0.1", "", False),
        ("192.0.2.7", "https", False),
        ("", "https", False),
    ],
)
def test_behind_tls_the_cookie_is_secure_when_a_trusted_proxy_says_so(
    guarded, token, peer, forwarded, is_secure
):
    answer = guarded.client().post(
        "/login",
        data={"token": token},
        headers={"X-Forwarded-Proto": forwarded},
        environ_overrides={"REMOTE_ADDR": peer},
    )

    assert ("; Secure" in answer.headers["Set-Cookie"]) is is_secure


def test_a_session_ends(guarded, token):
    client = guarded.client()
    client.post("/login", data={"token": token})

    guarded.clock.advance(SESSION_S + 1)

    assert client.get("/").status_code == 401


@pytest.mark.parametrize(
    "cookie", ["", "x", ".", "9999999999.", "9999999999.00", "a.b.c", "\u0663"]
)
def test_a_forged_session_is_refused(guarded, cookie):
    client = guarded.client()
    client.set_cookie(COOKIE, cookie)

    assert client.get("/").status_code == 401


def test_a_session_of_another_token_is_refused():
    clock = FakeClock()

    assert Sessions("one", clock).valid(Sessions("one", clock).issue())
    assert not Sessions("one", clock).valid(Sessions("two", clock).issue())


def test_a_longer_session_cannot_be_made_from_a_valid_one():
    sessions = Sessions("one", FakeClock())
    until, _, signature = sessions.issue().partition(".")

    assert not sessions.valid(f"{int(until) + 1}.{signature}")


def test_guessing_is_slowed_down(guarded, token):
    client = guarded.client()
    for _ in range(5):
        assert client.post("/login", data={"token": "guess"}).status_code == 401

    refused = client.post("/login", data={"token": token})
    guarded.clock.advance(61)
    welcome = client.post("/login", data={"token": token})

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert welcome.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/refresh", "/api/v1/refresh"])
def test_another_sites_page_may_not_write(world, headers, path):
    answer = world.client().post(path, headers=headers)

    assert answer.status_code == 403
    assert world.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_programs_may_write(world, headers):
    assert world.client().post("/refresh", headers=headers).status_code == 202


def test_another_site_may_not_log_anybody_in(guarded, token):
    answer = guarded.client().post(
        "/login", data={"token": token}, headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", ["/", CURRENT, "/nothing", "/static/costmon.css", "/metrics", "/static/../page.py"]
)
def test_every_answer_is_hardened(world, path):
    headers = world.client().get(path, buffered=True).headers

    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Permissions-Policy" in headers
    assert "Access-Control-Allow-Origin" not in headers


def test_refusals_are_hardened_too(world):
    answer = world.client().get("/", headers={"Host": "evil.example"})

    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_that_is_too_large_is_refused(guarded):
    answer = guarded.client().post("/login", data={"token": "x" * 100_000})

    assert answer.status_code == 413
    assert set(answer.json) == {"error", "message"}


def test_the_token_is_in_no_answer(guarded, token):
    guarded.poll()
    guarded.fail()
    client = guarded.client()
    authorized = {"Authorization": f"Bearer {token}"}

    for path in [*PROTECTED, "/healthz", "/login", "/api/v1/providers", "/api/v1/summary"]:
        for headers in ({}, authorized):
            answer = client.get(path, headers=headers)
            assert token not in answer.text
            assert token not in str(answer.headers)
    assert token not in repr(guarded.settings)
