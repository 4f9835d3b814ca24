"""OpenAI's own specification, served by prism, which refuses a request that it does not allow."""

import datetime as dt
import random
import shutil
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples of the specification are of 2024-11-01.
NOW = dt.datetime(2024, 11, 1, 10, 0, tzinfo=dt.UTC)
PRISM = shutil.which("prism")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        PRISM is None,
        reason="prism is not installed: npm install --global @stoplight/prism-cli",
    ),
]


@pytest.fixture(scope="module")
def url(unused_port_of_module):
    command = [str(PRISM), "mock", "--port", str(unused_port_of_module), str(SPECIFICATION)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert any("Prism is listening" in line for line in server.stdout or ()), "it ended"
            yield f"http://127.0.0.1:{unused_port_of_module}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def unused_port_of_module():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def openai(url):
    outbound = HttpOutbound(
        provider="openai",
        base_url=url,
        headers=catalog.modules()["openai"].info.authentication({"token": "sk-admin-example"}),
        clock=SystemClock(),
        rng=random.Random(1),
        pause=lambda _seconds: True,
        beat=lambda: None,
        limits=OutboundLimits(),
    )
    with closing(outbound):
        setup = ProviderSetup(outbound=outbound, prices={}, options={})
        yield catalog.create("openai", setup)


def test_costs_of_the_specification_are_read(openai):
    window = next(openai.charges("work", NOW, NOW))

    assert [row.billed_cost for row in window.charges] == [Decimal("0.06")]
    assert window.charges[0].billing_currency == "USD"


def test_usage_of_the_specification_is_read(openai):
    used = {one.quota: one.used for one in openai.usage("work", NOW).quantities}

    assert used["input_tokens"] == 1_000
    assert used["cached_input_tokens"] == 400
    assert used["images"] == 2
    assert used["code_interpreter_sessions"] == 1
