"""Whatever is sent, no answer is a 5xx that the API's document does not list."""

import datetime as dt
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from costmon.api.document import DescribedView
from costmon.api.history import parse_query
from costmon.api.queries import QueryError
from tests.api.conftest import World

ODD = [
    "",
    "0",
    "-1",
    "1e999",
    "NaN",
    "9" * 40,
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31",
    "9999-12-31T23:59:59-14:00",
    "2026-W01",
    "20261121T",
    "2026-11-21T10:00:00+25:00",
    "\x00",
    "\ud800",
    "é\u202e",
    "[",
    "http://[",
    "//[",
    "global",
    "host:[::1",
    "host:*",
    "tag:a=",
    "tag:" + "x" * 500,
    "account:%",
    "provider:\n",
    "day",
    "rolling:0h",
    "rolling:" + "9" * 30 + "h",
    "USD",
    "open",
]
ODD_BODIES = [
    b"",
    b"\xff",
    b"null",
    b"[]",
    b"{}",
    b"[" * 20_000,
    b'{"author": "\\ud800"}',
    b'{"duration_s": 1e400}',
    b'{"duration_s": 99999999999999999999999999}',
    b'{"scope": "\\u0000", "limit": "NaN", "period": "day"}',
]
HEADERS = [
    "Origin",
    "Referer",
    "Cookie",
    "Authorization",
    "If-None-Match",
    "Accept",
    "Accept-Encoding",
    "Content-Type",
    "Sec-Fetch-Site",
    "X-Forwarded-Proto",
    "Range",
]
DOCUMENTED_5XX = {503}


def a_route_of(app):
    """Return the views and methods that are not just 404s."""
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods & {"GET", "POST", "PUT", "DELETE", "HEAD"})
    ]


_WORLD = World()
_WORLD.poll()
_APP = _WORLD.app()
_ROUTES = a_route_of(_APP)
_text = st.one_of(st.sampled_from(ODD), st.text(max_size=30))
_body = st.one_of(
    st.sampled_from(ODD_BODIES),
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(
            [
                "scope",
                "state",
                "reason",
                "author",
                "expires_in_s",
                "limit",
                "period",
                "currency",
                "warn",
                "block",
                "duration_s",
                "action",
                "service",
                "guard",
                "rows",
                "sent_at",
            ]
        ),
        st.one_of(_text, st.none(), st.integers(), st.floats(), st.lists(st.integers())),
    ).map(lambda fields: json.dumps(fields).encode("utf-8", "surrogatepass")),
)


def fields_of(view):
    query = view.description.query if isinstance(view, DescribedView) else None
    return [] if query is None else list(query.__struct_encode_fields__)


def own_names_of(path):
    [rule] = [rule for rule, method in _ROUTES if rule.rule == path and method == "GET"]
    return [name for name in fields_of(_APP.view_functions[rule.endpoint]) if name != "wait"]


def names_of(view):
    return [*fields_of(view), "from", "to", "step", "group_by", "wait", "author", "token", "code"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_odd_request_is_answered_with_an_undocumented_5xx(data):
    rule, method = data.draw(st.sampled_from(_ROUTES))
    view = _APP.view_functions[rule.endpoint]
    path = re.sub(r"<[^>]+>", lambda _part: data.draw(_text).replace("\ud800", "x"), rule.rule)
    names = st.sampled_from(names_of(view))
    query = dict(data.draw(st.dictionaries(names, _text)))
    query.pop("wait", None)  # a valid one would wait
    raw_headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), _text, max_size=3))
    headers = {
        name: text.encode("latin-1", "replace").decode("latin-1").translate({10: 32, 13: 32})
        for name, text in raw_headers.items()
    }
    sent = {}
    if method in {"POST", "PUT"}:
        form = data.draw(st.one_of(st.none(), st.dictionaries(names, _text, max_size=4)))
        if form is None:
            sent["data"] = data.draw(_body)
        else:
            sent["data"] = {k: v.encode("utf-8", "surrogatepass") for k, v in form.items()}

    answer = _WORLD.client_of(_APP).open(
        path.encode("utf-8", "replace").decode() or "/",
        method=method,
        query_string={k: v.encode("utf-8", "surrogatepass") for k, v in query.items()},
        headers=headers,
        buffered=True,
        **sent,
    )

    assert answer.status_code < 500 or answer.status_code in DOCUMENTED_5XX, answer.text


def test_each_odd_value_of_each_parameter_is_answered_without_a_5xx():
    client = _WORLD.client_of(_APP)
    paths = [rule.rule for rule, method in _ROUTES if method == "GET" and "<" not in rule.rule]

    failed = [
        (path, name, value)
        for path in paths
        for name in own_names_of(path)
        for value in ODD
        if client.get(
            path, query_string={name: value.encode("utf-8", "surrogatepass")}, buffered=True
        ).status_code
        >= 500
    ]

    assert failed == []


@pytest.mark.parametrize("name", HEADERS)
def test_each_odd_value_of_a_header_is_answered_without_a_5xx(name):
    client = _WORLD.client_of(_APP)
    printable = [value for value in ODD if value.isascii() and value.isprintable()]

    for path in ("/", "/login", "/api/v1/costs/current", "/refresh"):
        for value in printable:
            method = "POST" if path == "/refresh" else "GET"
            answer = client.open(path, method=method, headers={name: value}, buffered=True)
            assert answer.status_code < 500, (path, value)


@pytest.mark.parametrize("to", ["0001-01-01", "0001-01-02", "0001-01-31", "9999-12-31"])
@pytest.mark.parametrize("path", ["/api/v1/costs/history", "/api/v1/charges"])
def test_the_first_and_the_last_day_are_accepted_or_refused(world, path, to):
    assert world.client().get(path, query_string={"to": to}).status_code in {200, 400}


@pytest.mark.parametrize("origin", ["http://[", "//[", "http://[::1", "null", "\x00"])
def test_an_origin_that_is_no_url_is_another_site(world, origin):
    assert world.client().post("/refresh", headers={"Origin": origin}).status_code == 403


@given(to=st.datetimes(timezones=st.just(dt.UTC)), start=st.none() | st.datetimes())
def test_every_time_makes_a_query_or_a_query_error(to, start):
    given_ = {"to": to.isoformat()} | ({"from": start.isoformat()} if start else {})

    try:
        query = parse_query(MultiDict(given_), dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
    except QueryError:
        return  # what is accepted is in its text

    assert query.period.start < query.period.end
