"""What every guarded client keeps to: one table, six libraries, mounted and installed."""

import gzip
import json
import socket
import threading
from decimal import Decimal

import pytest

from costmon.clock import SystemClock
from costmon.guard import Budget, BudgetRefused, Guard
from costmon.guard.clients.costing import Costing
from tests.guard.clients.drivers import DRIVERS
from tests.guard.clients.wire_server import Script, WireServer, events, whole

CHAT = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
ASKED = json.dumps(CHAT).encode()
JSON = {"content-type": "application/json"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
ANSWER = {"model": "gpt-4o-2024-08-06", "choices": [{"message": {"content": "x"}}], "usage": USAGE}
PRICE = Decimal("0.000225")
BOUND = Decimal("2.5") * (len(ASKED) + 1100) / 10**6 + Decimal("0.001")


def delta(text):
    return {"choices": [{"index": 0, "delta": {"content": text}}], "usage": None}


@pytest.fixture
def server():
    with WireServer() as running:
        yield running


@pytest.fixture
def guard():
    with Guard(budgets=[Budget("global", "1", "total")]) as made:
        yield made


@pytest.fixture(params=DRIVERS)
def driver(request, guard):
    made = DRIVERS[request.param](guard, None)
    yield made
    made.close()


@pytest.fixture
def drive(request, guard):
    """Return a function that makes a driver with a costing."""
    made = []

    def make(name, **options):
        made.append(DRIVERS[name](guard, Costing(**options)))
        return made[-1]

    yield make
    for one in made:
        one.close()


every = pytest.mark.parametrize("name", DRIVERS)
threaded = pytest.mark.parametrize(
    "name", [name for name in DRIVERS if "async" not in name and "aiohttp" not in name]
)
uploading = pytest.mark.parametrize("name", [name for name in DRIVERS if "botocore" not in name])


def usage(guard):
    now = SystemClock().now()
    rows = guard.usage(now.replace(year=2020), now.replace(year=now.year + 1), "global")
    return (
        sum(row.requests for row in rows),
        sum(row.failed for row in rows),
        sum(row.bytes_in for row in rows),
        sum(row.bytes_out for row in rows),
    )


def test_an_answer_is_settled_by_its_usage(driver, guard, server):
    url = server.answer("/v1/chat/completions", whole(ANSWER))

    received = driver.send("POST", url, ASKED, JSON)

    assert json.loads(received.body) == ANSWER
    assert guard.spent("global", "total") == PRICE
    assert guard.spent("model:gpt-4o") == guard.spent("host:127.0.0.1") == PRICE
    assert guard.held("global", "total") == 0
    assert usage(guard) == (1, 0, len(received.body), len(ASKED))


def test_a_zipped_answer_is_counted_as_sent_and_settled_by_its_usage(driver, guard, server):
    url = server.answer("/v1/chat/completions", whole(ANSWER, zipped=True))

    received = driver.send("POST", url, ASKED, JSON)

    body = received.body
    assert json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) == ANSWER
    assert guard.spent("global", "total") == PRICE
    assert usage(guard)[2] == len(gzip.compress(json.dumps(ANSWER).encode()))


def test_a_stream_is_settled_at_its_end(driver, guard, server):
    last = {"choices": [], "usage": USAGE}
    url = server.answer("/v1/chat/completions", events(delta("a"), delta("b"), last))

    received = driver.send("POST", url, ASKED, JSON)

    assert received.body.endswith(b"data: [DONE]\n\n")
    assert guard.spent("global", "total") == PRICE


def test_while_a_stream_is_open_its_worst_case_is_held(driver, guard, server):
    url = server.answer("/v1/chat/completions", endless(server))

    stream = driver.open("POST", url, ASKED)
    held = guard.held("global", "total")
    stream.first()
    stream.close()

    assert held == BOUND
    assert guard.held("global", "total") == 0


def endless(server):
    """Return a stream that says something and then waits for the test to end."""

    def pieces():
        yield b"data: " + json.dumps(delta("Once upon")).encode() + b"\n\n"
        server.leaving.wait(10)

    return lambda _: Script(pieces(), headers={"content-type": "text/event-stream"})


def test_a_stream_that_is_closed_early_is_charged_by_what_was_seen(driver, guard, server):
    url = server.answer("/v1/chat/completions", endless(server))

    stream = driver.open("POST", url, ASKED)
    stream.first()
    stream.close()

    assert 0 < guard.spent("global", "total") < BOUND
    assert usage(guard)[:2] == (1, 0)


# httpx2 2.16 itself complains of its dropped generators, without any guard, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_that_is_dropped_without_close_is_charged(driver, guard, server):
    url = server.answer("/v1/chat/completions", endless(server))

    stream = driver.open("POST", url, ASKED)
    stream.first()
    stream.drop()

    assert guard.held("global", "total") == 0
    assert 0 < guard.spent("global", "total") < BOUND


def test_an_answer_that_is_cut_off_is_charged_and_failed(driver, guard, server):
    url = server.answer("/v1/chat/completions", events(delta("a"), done=False, cut=True))

    with pytest.raises(Exception, match=r".*"):
        driver.send("POST", url, ASKED, JSON)

    assert 0 < guard.spent("global", "total") <= BOUND
    assert guard.held("global", "total") == 0
    assert usage(guard)[:2] == (1, 1)


def test_a_call_without_any_answer_is_charged_at_its_estimate(driver, guard, server):
    url = server.answer("/v1/chat/completions", Script(silent=True))

    with pytest.raises(Exception, match=r".*"):
        driver.send("POST", url, ASKED, JSON)

    assert guard.spent("global", "total") == BOUND
    assert usage(guard)[:2] == (1, 1)


def test_without_a_connection_nothing_is_charged(driver, guard):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    with pytest.raises(Exception, match=r".*"):
        driver.send("POST", f"http://127.0.0.1:{port}/v1/chat/completions", ASKED, JSON)

    assert guard.spent("global", "total") == guard.held("global", "total") == 0
    assert usage(guard)[0] == 0


def test_a_fault_of_the_server_costs_nothing_and_is_failed(driver, guard, server):
    url = server.answer("/v1/chat/completions", whole({"error": "oops"}, status=500))

    assert driver.send("POST", url, ASKED, JSON).status == 500

    assert guard.spent("global", "total") == 0
    assert usage(guard)[:2] == (1, 1)


def test_a_rejection_by_a_vendor_costs_nothing_but_is_counted(driver, guard, server):
    url = server.answer("/v1/chat/completions", whole({"error": "slow down"}, status=429))

    driver.send("POST", url, ASKED, JSON)

    assert guard.spent("global", "total") == 0
    assert usage(guard)[:2] == (1, 1)


def test_a_refusal_is_raised_as_it_is_and_sends_nothing(driver, guard, server):
    url = server.answer("/v1/chat/completions", whole(ANSWER))
    guard.set_budget(Budget("global", "0.000001", "total"))

    with pytest.raises(BudgetRefused) as refused:
        driver.send("POST", url, ASKED, JSON)

    assert refused.value.scope == "global"
    assert refused.value.estimate == BOUND
    assert server.count == 0
    assert server._server._open == set()


def test_each_redirect_is_a_lease(driver, guard, server):
    url = server.answer("/old", Script(status=307, headers={"location": "/new"}, chunked=False))
    server.answer("/new", whole({"ok": True}))

    assert driver.send("GET", url).status == 200

    assert server.count == usage(guard)[0] == 2


@every
def test_each_call_costs_its_price_and_bytes_both_ways(name, drive, guard, server):
    driver = drive(name, per_call="0.01", per_gb_out="1000", per_gb_in="2000", unknown_bytes=100)
    url = server.answer("/things", Script([b"12345"], chunked=False))

    driver.send("POST", url, b"123")

    assert guard.spent("global", "total") == Decimal("0.010013")


@uploading
def test_a_body_that_is_made_while_it_is_sent_is_counted(name, drive, guard, server):
    driver = drive(name, per_gb_out="1000", unknown_bytes=100)
    url = server.answer("/things", Script([b""], chunked=False))

    driver.send("POST", url, iter([b"123", b"4567"]))

    assert server.got[0].body == b"1234567"
    assert guard.spent("global", "total") == Decimal("0.000007")
    assert usage(guard)[3] == 7


def test_nothing_about_the_request_or_the_answer_is_changed(driver, guard, server):
    url = server.answer("/things", whole({"ok": True}, x_request_id="17"))
    headers = {"x-mine": "1", "accept-encoding": "identity"}

    received = driver.send("GET", url, None, headers)

    assert headers == {"x-mine": "1", "accept-encoding": "identity"}
    assert server.got[0].headers["x-mine"] == "1"
    assert not [name for name in server.got[0].headers if "federation" in name]
    assert {key.lower(): value for key, value in received.headers.items()}["x-request-id"] == "17"
    assert received.body == b'{"ok": true}'


@every
def test_listed_hosts_are_told_the_estimate_in_a_header(name, drive, guard, server):
    driver = drive(name, per_call="0.25", cost_headers_to=("127.0.0.1",))
    url = server.answer("/things", whole({}))
    headers = {"x-mine": "1"}

    driver.send("GET", url, None, headers)

    assert server.got[0].headers["x-federation-cost-estimate"] == "0.25"
    assert server.got[0].headers["x-mine"] == "1"
    assert headers == {"x-mine": "1"}


@every
def test_a_trusted_host_may_say_what_a_call_cost(name, drive, guard, server):
    driver = drive(name, trusted_hosts=("127.0.0.1",), default_estimate="0.5")
    url = server.answer("/any", whole({}, x_litellm_response_cost="0.0125"))

    driver.send("POST", url, b"{}")

    assert guard.spent("global", "total") == Decimal("0.0125")


@every
def test_the_word_of_another_host_is_not_taken(name, drive, guard, server):
    driver = drive(name, trusted_hosts=("llm.example",), default_estimate="0.5")
    url = server.answer("/any", whole({}, x_litellm_response_cost="0"))

    driver.send("POST", url, b"{}")

    assert guard.spent("global", "total") == Decimal("0.5")


@every
def test_a_function_of_the_program_may_say_what_a_call_cost(name, drive, guard, server):
    driver = drive(
        name,
        estimate=lambda call: "0.5" if call.method == "POST" else None,
        settle=lambda call, answer: json.loads(answer.body)["cents"] / Decimal(100),
        scopes=("key:batch", "tag:run=7"),
    )
    url = server.answer("/any", whole({"cents": 3}))

    driver.send("POST", url, b"{}")

    assert guard.spent("key:batch") == guard.spent("tag:run=7") == Decimal("0.03")


@every
def test_a_function_that_fails_does_not_spoil_the_answer(name, drive, guard, server, caplog):
    driver = drive(name, default_estimate="0.5", settle=lambda call, answer: 1 / 0)
    url = server.answer("/any", whole({"ok": True}))

    assert driver.send("POST", url, b"{}").body == b'{"ok": true}'

    assert guard.spent("global", "total") == Decimal("0.5")
    assert "cannot be calculated" in caplog.text


@threaded
def test_64_threads_of_5_ms_calls_spend_no_more_than_the_cap(name, drive, server):
    with Guard(budgets=[Budget("global", "0.10", "total")]) as guard:
        client = DRIVERS[name](guard, Costing(per_call="0.01"))
        url = server.answer("/paid", server.slow(0.005))
        refused = []

        def call():
            try:
                client.send("GET", url)
            except BudgetRefused as error:
                refused.append(error)

        threads = [threading.Thread(target=call) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()

        assert server.count == 10
        assert len(refused) == 54
        assert guard.spent("global", "total") == Decimal("0.10")
