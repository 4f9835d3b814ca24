"""The simulated vendors that have charges and usage, behind one HTTP server on loopback."""

import datetime as dt
import hmac
from collections.abc import Mapping

from costmon.clock import Clock
from costmon.demo.answer import Answer, Request
from costmon.demo.loopback import LoopbackServer
from costmon.demo.openai import OpenAIOrganization
from costmon.demo.server import DEMO_TOKEN
from costmon.demo.supabase import QUERY, SupabaseOrganization
from costmon.demo.vercel import VercelTeam

_BASES = {"openai": "/openai/v1", "supabase": "/supabase", "vercel": "/vercel"}
_UNKNOWN = b'{"error": {"code": "not_found", "message": "There is nothing here."}}'
_REFUSED = b'{"error": {"code": "forbidden", "message": "The token is not accepted."}}'
_NOT_READ = b'{"error": {"code": "method_not_allowed", "message": "This can only be read."}}'


class BillingServer:
    """OpenAI, Supabase and Vercel, each under a path of its own.

    Attributes:
        token: What must be sent as the bearer token.
    """

    def __init__(self, clock: Clock, *, seed: int = 1, token: str = DEMO_TOKEN) -> None:
        self.token = token
        self._clock = clock
        self._started_at = clock.now()
        self._started_s = clock.monotonic_s()
        self._vendors: Mapping[str, OpenAIOrganization | SupabaseOrganization | VercelTeam] = {
            "openai": OpenAIOrganization(seed, self._started_at),
            "supabase": SupabaseOrganization(seed),
            "vercel": VercelTeam(seed),
        }
        self._http = LoopbackServer(self._respond)

    @property
    def urls(self) -> Mapping[str, str]:
        """Return the base URL of each vendor."""
        return {vendor: self._http.base_url + base for vendor, base in _BASES.items()}

    def start(self) -> Mapping[str, str]:
        """Begin to answer and return the base URLs."""
        self._http.start()
        return self.urls

    def stop(self) -> None:
        """Stop; no thread and no connection is left."""
        self._http.stop()

    def _respond(self, request: Request) -> Answer:
        if not hmac.compare_digest(request.authorization.encode(), f"Bearer {self.token}".encode()):
            return Answer(status=401, body=_REFUSED)
        if request.method != "GET" and request.path != _BASES["supabase"] + QUERY:
            return Answer(status=405, body=_NOT_READ)
        for vendor, base in _BASES.items():
            path = request.path.removeprefix(base)
            if path != request.path:
                answer = self._vendors[vendor].answer(path, request, self._now())
                return answer or Answer(status=404, body=_UNKNOWN)
        return Answer(status=404, body=_UNKNOWN)

    def _now(self) -> dt.datetime:
        elapsed = dt.timedelta(seconds=self._clock.monotonic_s() - self._started_s)
        return self._started_at + elapsed
