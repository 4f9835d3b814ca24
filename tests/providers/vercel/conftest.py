import datetime as dt
import random
from contextlib import closing

import pytest

from costmon.clock import SystemClock
from costmon.outbound import HttpOutbound, OutboundLimits
from costmon.providers import catalog
from costmon.providers.base import ProviderSetup
from costmon.testing import Reply, StubServer
from tests.providers.vercel import answers

TOKEN = "vercel-token-planted-0123456789"


class Vendor:
    """A server that is Vercel, and the provider that reads it."""

    def __init__(self, server, options):
        self._server = server
        self._options = options
        self.months = {}
        self.pauses = []
        server.script("/v1/billing/charges", self._charges)
        server.answer("/v6/deployments", Reply.json(answers.deployments([])))

    def _charges(self, asked):
        return self.months.get(
            asked.query["from"][:7], Reply.json(answers.refused("costs_not_found"), status=404)
        )

    def bill(self, month, rows):
        """Answer a month with rows."""
        headers = {"content-type": "application/jsonl"}
        self.months[month] = Reply(body=answers.jsonl(rows), headers=headers)

    @property
    def asked(self):
        """Return the windows that were asked for."""
        return [
            (asked.query["from"], asked.query["to"])
            for asked in self._server.asked
            if asked.path == "/v1/billing/charges"
        ]

    def __call__(self, read):
        """Return what `read` makes of a provider."""
        outbound = HttpOutbound(
            provider="vercel",
            base_url=self._server.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            clock=SystemClock(),
            rng=random.Random(1),
            pause=self._pause,
            beat=lambda: None,
            limits=OutboundLimits(read_timeout_s=2.0, deadline_s=5.0),
        )
        with closing(outbound):
            setup = ProviderSetup(outbound=outbound, prices={}, options=self._options)
            return read(catalog.create("vercel", setup))

    def _pause(self, seconds):
        self.pauses.append(seconds)
        return True

    def charges(self, now, known_through=None):
        """Return all windows."""
        return self(lambda provider: list(provider.charges("web", now, known_through)))

    def usage(self, now):
        """Return the reading."""
        return self(lambda provider: provider.usage("web", now))


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


@pytest.fixture
def vendor(server):
    return Vendor(server, {"team_id": answers.TEAM})


@pytest.fixture
def make_vendor(server):
    return lambda **options: Vendor(server, options)


@pytest.fixture
def noon():
    """Noon of 15 November 2026 in Los Angeles."""
    return dt.datetime(2026, 11, 15, 20, tzinfo=dt.UTC)
