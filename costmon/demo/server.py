"""A simulated DigitalOcean account that real HTTP clients can read."""

import datetime as dt
import hmac
from dataclasses import replace

from costmon.clock import Clock
from costmon.demo.account import answer, kind_of
from costmon.demo.answer import Answer, Request, refusal
from costmon.demo.fault import Faults
from costmon.demo.fleet import Fleet
from costmon.demo.holdings import Holdings
from costmon.demo.loopback import LoopbackServer
from costmon.demo.ratelimit import RateLimit

DEMO_TOKEN = "demo-token"

# The vendor serves 5,000 an hour. A demo polls every few seconds and would have used that up in
# half an hour, so the simulated account is a larger customer.
_HOURLY = 100_000


class DemoServer:
    """The account behind an HTTP server on loopback.

    Attributes:
        token: What must be sent as the bearer token.
        faults: Switches that make it misbehave.
    """

    def __init__(
        self, clock: Clock, *, seed: int = 1, token: str = DEMO_TOKEN, hourly_limit: int = _HOURLY
    ) -> None:
        """Prepare the account; its droplets come and go from now on.

        Args:
            clock: Moves the account.
            seed: The same seed gives the same account.
            token: What is accepted as the bearer token.
            hourly_limit: Requests served within any hour before 429.
        """
        self.token = token
        self.faults = Faults()
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._started_at = clock.now()
        self._fleet = Fleet(seed=seed, started_at=self._started_at)
        self._limit = RateLimit(hourly_limit, clock=clock)
        self._http = LoopbackServer(self._respond)

    @property
    def base_url(self) -> str:
        """Return scheme and authority, such as `http://127.0.0.1:43210`."""
        return self._http.base_url

    @property
    def holdings(self) -> Holdings:
        """Return what the account holds now: what a client should find."""
        elapsed = dt.timedelta(seconds=self._clock.monotonic_s() - self._started_s)
        return self._fleet.at(self._started_at + elapsed)

    def start(self) -> str:
        """Begin to answer and return the base URL."""
        self._http.start()
        return self.base_url

    def stop(self) -> None:
        """Stop; no thread and no connection is left."""
        self.faults.end_waits()
        self._http.stop()

    def _respond(self, request: Request) -> Answer | None:
        served, limit_headers = self._limit.take()
        if not hmac.compare_digest(request.authorization.encode(), f"Bearer {self.token}".encode()):
            reply = refusal(401, "unauthorized", "Unable to authenticate you.")
        elif not served:
            reply = refusal(429, "too_many_requests", "API rate limit exceeded.")
        else:
            reply = answer(request, self.holdings, base_url=self.base_url)
        spoiled = self.faults.spoil(reply, kind_of(request.path))
        if spoiled is None:
            return None
        return replace(spoiled, headers={**limit_headers, **spoiled.headers})
