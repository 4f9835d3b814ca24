"""Everything that can be wrong with a vendor, in one table: each fault is its own kind of error.

One vendor with charges on pages stands for all of them; the contract suite holds each vendor to the
faults that depend on its answers. A price that is null or negative is in the tests of droplets:
that item is unpriced, and the others are not.
"""

import gzip
import json
import random
import re
import socket
from contextlib import closing

import pytest

from costmon.clock import SystemClock
from costmon.errors import (
    ProviderAuthError,
    ProviderFrozenError,
    ProviderNetworkError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderRateLimitError,
    ProviderSchemaError,
    ProviderServerError,
    ProviderTimeoutError,
)
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.providers.breaker import LONGEST_RETRY_AFTER_S, Breaker
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import NOW
from tests.providers.openai import answers as openai

COSTS = "/organization/costs"
LIMITS = OutboundLimits(
    read_timeout_s=0.2, deadline_s=0.5, max_bytes=100_000, attempts=2, budget_s=75.0
)
DAY_S = "86400"


def with_cost(**changes):
    """Return a good answer in which the first amount has other fields."""
    cost = openai.cost(0.06, "gpt-5.2, input")
    cost["amount"] = {name: v for name, v in {**cost["amount"], **changes}.items() if v != "gone"}
    return Reply.json(openai.page([openai.bucket("2026-11-19", [cost])]))


def with_text(value):
    """Return a good answer whose first amount is written so, as no JSON library would."""
    body = json.dumps(openai.page([openai.bucket("2026-11-19", [openai.cost(0.06, "x")])]))
    return Reply(body=body.replace("0.06", value).encode())


def endless(asked):
    number = int(asked.query.get("page", "0")) + 1
    return Reply.json(openai.page([], str(number)))


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def read(base_url):
    """Read the charges of an account; return what was asked to wait beside them."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        return True

    outbound = HttpOutbound(
        provider="openai",
        base_url=base_url,
        headers={"Authorization": "Bearer sk-admin-planted"},
        clock=SystemClock(),
        rng=random.Random(1),
        pause=pause,
        beat=lambda: None,
        limits=LIMITS,
    )
    with closing(outbound):
        provider = catalog.create("openai", ProviderSetup(outbound=outbound, prices={}, options={}))
        return tuple(provider.charges("work", NOW, NOW)), pauses


def fault_of(base_url, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        read(base_url)

    assert type(caught.value) is error
    assert caught.value.provider == "openai"
    assert "planted" not in str(caught.value)
    return caught.value


FAULTS = {
    "silence": (Reply(delay_s=5.0), ProviderTimeoutError, "no response within"),
    "a dripping body": (
        Reply(body=b" " * 1000, drip_s=0.02),
        ProviderTimeoutError,
        "not complete within",
    ),
    "a body that stalls": (Reply(body=b"{}", drip_s=5.0), ProviderTimeoutError, "stalled"),
    "a reset": (Reply(body=b"{}", cut_at=0), ProviderNetworkError, "cut off"),
    "a short body": (Reply(body=b"{" * 100, cut_at=50), ProviderNetworkError, "cut off"),
    "a huge body": (Reply(body=b" " * 200_000), ProviderSchemaError, "larger than 100000 bytes"),
    "a gzip bomb": (
        Reply(body=gzip.compress(bytes(20_000_000)), headers={"content-encoding": "gzip"}),
        ProviderSchemaError,
        "larger than 100000 bytes",
    ),
    "HTML with 200": (
        Reply(body=b"<html>", headers={"content-type": "text/html"}),
        ProviderSchemaError,
        "expected JSON, got 'text/html'",
    ),
    "HTML that says it is JSON": (Reply(body=b"<html>"), ProviderSchemaError, "malformed"),
    "an empty body": (Reply(body=b""), ProviderSchemaError, "truncated"),
    "other JSON": (Reply.json([1]), ProviderSchemaError, "Expected `object`, got `array`"),
    "an error with 200": (Reply.json({"error": "x"}), ProviderSchemaError, "missing required"),
    "a missing field": (with_cost(value="gone"), ProviderSchemaError, ".amount.value"),
    "another type": (with_cost(value=[]), ProviderSchemaError, ".amount.value"),
    "NaN": (with_text("NaN"), ProviderSchemaError, "malformed"),
    "NaN as a text": (with_cost(value="NaN"), ProviderSchemaError, ".amount"),
    "an infinite amount": (with_cost(value="Infinity"), ProviderSchemaError, ".amount"),
    "more digits than can be kept": (with_text("1e-400"), ProviderSchemaError, ".amount"),
    "a null amount": (with_cost(value=None), ProviderSchemaError, ".amount.value"),
    "an unknown currency": (with_cost(currency="tokens"), ProviderSchemaError, "currency"),
    "a repeated cursor": (
        Reply.json(openai.page([], "page_2")),
        ProviderSchemaError,
        "the cursor to the next page repeats",
    ),
    "a redirect to another host": (
        Reply(status=302, headers={"location": "http://127.0.0.2:9/?key=planted"}),
        ProviderSchemaError,
        "redirect",
    ),
    "401": (Reply.json({}, status=401), ProviderAuthError, "401"),
    "403": (Reply.json({}, status=403), ProviderPermissionError, "403"),
    "404": (Reply.json({}, status=404), ProviderNotFoundError, "404"),
    "410": (Reply.json({}, status=410), ProviderFrozenError, "410"),
    "429": (Reply.json({}, status=429), ProviderRateLimitError, "429"),
    "500": (Reply.json({}, status=500), ProviderServerError, "500"),
    "503": (Reply.json({}, status=503), ProviderServerError, "503"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_vendor_is_an_error_of_its_kind(server, name):
    reply, error, words = FAULTS[name]
    server.answer(COSTS, reply)

    fault_of(server.url, error, words)


def test_a_listing_without_end_is_a_schema_error(server, monkeypatch):
    monkeypatch.setattr("costmon.providers.reading._MOST_PAGES", 20)
    server.script(COSTS, endless)

    fault_of(server.url, ProviderSchemaError, "more than 20 pages")


def test_a_negative_amount_is_money_back_and_no_fault(server):
    server.answer(COSTS, with_cost(value=-1.5))

    (window,), _ = read(server.url)

    assert [str(row.billed_cost) for row in window.charges] == ["-1.5"]


def test_a_name_that_is_not_found_is_a_network_error(monkeypatch):
    def not_found(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)

    fault_of("https://vendor.invalid", ProviderNetworkError, "Name or service not known")


def test_a_refused_connection_is_a_network_error(unused_port):
    fault_of(f"http://127.0.0.1:{unused_port}", ProviderNetworkError, "Connection refused")


def test_a_failure_of_tls_is_a_network_error(server):
    url = server.url.replace("http:", "https:")

    fault_of(url, ProviderNetworkError, "could not be reached")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked_for", [DAY_S, "999999999999", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_an_absurd_wait_is_kept_for_an_hour_and_a_refresh_asks_again(server, status, asked_for):
    server.answer(COSTS, Reply.json({}, status=status, **{"retry-after": asked_for}))
    error = ProviderRateLimitError if status == 429 else ProviderServerError

    failed = fault_of(server.url, error, str(status))

    assert failed.retry_after_s == float(DAY_S)
    breaker = Breaker().after_failure(0.0, retryable=True, retry_after_s=failed.retry_after_s)
    assert not breaker.allows(LONGEST_RETRY_AFTER_S - 1)
    assert breaker.allows(LONGEST_RETRY_AFTER_S)
    assert breaker.allows_by_hand(60.0)


@pytest.mark.parametrize("asked_for", ["-5", "soon", "NaN", "1e9", ""])
def test_a_wait_that_cannot_be_read_is_as_if_none_was_asked_for(server, asked_for):
    server.answer(COSTS, Reply.json({}, status=429, **{"retry-after": asked_for}))

    failed = fault_of(server.url, ProviderRateLimitError, "429")

    assert failed.retry_after_s is None
