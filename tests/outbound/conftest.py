import random
from contextlib import ExitStack

import pytest

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.testing import StubServer


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


@pytest.fixture
def open_door(server):
    """Make doors to the server; what they pause is collected, not waited for."""
    with ExitStack() as stack:

        def make(**changes):
            pauses = []

            def pause(seconds):
                pauses.append(seconds)
                return True

            settings = {
                "provider": "digitalocean",
                "base_url": server.url,
                "headers": {"Authorization": "Bearer dop_v1_planted"},
                "clock": SystemClock(),
                "rng": random.Random(7),
                "pause": pause,
                "beat": lambda: None,
                "limits": OutboundLimits(read_timeout_s=0.3, deadline_s=1.0, max_bytes=100_000),
            }
            door = HttpOutbound(**{**settings, **changes})
            stack.callback(door.close)
            return door, pauses

        yield make
