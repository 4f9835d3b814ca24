"""One Prometheus and one Alertmanager for all tests here, on a stand-in for costmon."""

import time

import pytest

from tests.deploy.contract import Exposition
from tests.deploy.stack import BINARIES, exporter, missing_binaries, monitoring


@pytest.fixture(scope="session")
def costmon():
    """What costmon says at /metrics: a test changes it, with names of its own."""
    return Exposition(now_s=time.time())


@pytest.fixture(scope="session")
def stack(costmon, tmp_path_factory):
    """Prometheus scraping the stand-in, Alertmanager behind it, and a webhook behind that."""
    if missing := missing_binaries(*BINARIES):
        pytest.skip(f"not installed: {', '.join(missing)}")
    with (
        exporter(costmon.text) as address,
        monitoring(address, tmp_path_factory.mktemp("monitoring")) as running,
    ):
        yield running
