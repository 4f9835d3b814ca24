"""What every journey starts from."""

import pytest

from costmon.clock import SystemClock
from costmon.demo.server import DemoServer
from tests.journeys.service import TOKEN


@pytest.fixture
def vendor():
    server = DemoServer(SystemClock(), token=TOKEN)
    server.start()
    yield server
    server.stop()
