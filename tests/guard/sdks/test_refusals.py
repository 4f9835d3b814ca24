"""Each SDK says at once that a call was refused, with the guard's text; nothing is sent.

These SDKs are not installed for the other tests: `make compat COMPAT=sdks` runs this.
"""

import http.server
import threading
from typing import Any

import pytest

from costmon.guard import Budget, BudgetRefused, Costing, Guard
from costmon.guard.clients.exchange import refusal_in

KEY = "key-of-a-test"
COSTING = Costing(estimate=lambda _: "1", scopes=["key:sdk"])
QUESTION: Any = [{"role": "user", "content": "Why?"}]


class Vendor(http.server.ThreadingHTTPServer):
    """Counts what is asked."""

    asked = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Any

    def do_POST(self):
        self.server.asked += 1
        self.send_response(500)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def vendor():
    with Vendor(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(vendor):
    return f"http://127.0.0.1:{vendor.server_address[1]}"


@pytest.fixture
def guard():
    with Guard(budgets=[Budget("key:sdk", "0.50", "day")]) as guard:
        yield guard


def client_of(guard):
    """Return a guarded client of the library that the SDKs of this environment use."""
    try:
        from costmon.guard.httpx2 import guarded_client
    except ImportError:
        from costmon.guard.httpx import guarded_client  # type: ignore[assignment]  # the same interface
    return guarded_client(guard, costing=COSTING)


def by_openai(guard, url):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", http_client=client_of(guard))
    client.chat.completions.create(model="gpt-4o", messages=QUESTION)


def by_anthropic(guard, url):
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(api_key=KEY, base_url=url, http_client=client_of(guard))
    client.messages.create(model="claude-sonnet-4-5", max_tokens=10, messages=QUESTION)


def by_google(guard, url):
    genai = pytest.importorskip("google.genai")

    options = genai.types.HttpOptions(base_url=url)
    client = genai.Client(api_key=KEY, http_options=options)
    with guard.install(COSTING):
        client.models.generate_content(model="gemini-2.5-flash", contents="Why?")


def by_mistral(guard, url):
    library = pytest.importorskip("mistralai.client")
    client = library.Mistral(api_key=KEY, server_url=url, client=client_of(guard))
    client.chat.complete(model="mistral-small-latest", messages=QUESTION)


def by_boto3(guard, url):
    boto3 = pytest.importorskip("boto3")
    from costmon.guard.botocore import guard_client

    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="id",
        aws_secret_access_key=KEY,
    )
    guard_client(client, guard, COSTING)
    client.converse(
        modelId="anthropic.claude-3-haiku-20240307-v1:0",
        messages=[{"role": "user", "content": [{"text": "Why?"}]}],
    )


# SDKs warn of models that their vendors will switch off some day.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("ask", [by_openai, by_anthropic, by_google, by_mistral, by_boto3])
def test_a_refusal_is_final_and_readable(guard, vendor, url, ask):
    with pytest.raises(Exception, match="key:sdk") as caught:
        ask(guard, url)

    assert isinstance(refusal_in(caught.value), BudgetRefused)
    assert vendor.asked == 0
    assert sum(count.refused for count in guard.refused()) == 1, "it was not tried again"
