"""Vendors' own specifications, served by prism, which refuses a request that they do not allow."""

import random
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import Provider, ProviderSetup

PRISM = shutil.which("prism")
MADE_UP = ("--dynamic", "--seed", "costmon")

needs_prism = [
    pytest.mark.process,
    pytest.mark.skipif(
        PRISM is None,
        reason="prism is not installed: npm install --global @stoplight/prism-cli",
    ),
]
"""The marks of a module that mocks a vendor: `pytestmark = needs_prism`."""


@contextmanager
def mocked(specification: Path, *options: str) -> Iterator[str]:
    """Serve a specification on loopback and return the base URL.

    Args:
        specification: An OpenAPI document.
        options: Of prism: without any, it answers with the examples of the specification;
            `MADE_UP` makes answers up from its schemas, the same at every run.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(PRISM), "mock", "--port", str(port), *options, str(specification)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert any("Prism is listening" in line for line in server.stdout or ()), "it ended"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def provider(
    vendor: str,
    url: str,
    credentials: Mapping[str, str],
    options: Mapping[str, object] | None = None,
) -> Iterator[Provider]:
    """Make the provider of an account that reads `url`."""
    info = catalog.modules()[vendor].info
    with ExitStack() as clients:

        def connect(base_url: str, headers: Mapping[str, str]) -> HttpOutbound:
            outbound = HttpOutbound(
                provider=vendor,
                base_url=base_url,
                headers=headers,
                read_only_posts=info.read_only_posts,
                clock=SystemClock(),
                rng=random.Random(1),
                pause=lambda _seconds: True,
                beat=lambda: None,
                limits=OutboundLimits(),
            )
            return clients.enter_context(closing(outbound))

        setup = ProviderSetup(
            outbound=connect(url, info.authentication(credentials)),
            prices={},
            options=options or {},
            credentials=credentials,
            connect=connect,
        )
        yield catalog.create(vendor, setup)
