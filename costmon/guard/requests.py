"""Guard requests: one lease for every request that is sent, including retries and redirects.

```python
session = GuardedSession(guard, costing=Costing(per_call="0.002"))
session.post("https://api.example.com/v1/things", json={...})
```

or, for one vendor only, `session.mount("https://api.openai.com/", GuardAdapter(guard))`. Refusals
(`CallRefused`) are raised unchanged, never as a `requests.ConnectionError`. Streams are settled
when they end, are closed or are garbage-collected.
"""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from costmon.guard.clients.costing import Costing
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.urllib3 import guard_manager


class GuardAdapter(HTTPAdapter):
    """An `HTTPAdapter` whose requests, including each retry, need a guard's permission.

    Args:
        guard: The guard that allows or refuses each call.
        costing: What requests cost.
        options: Those of `HTTPAdapter`.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        costing: Costing | None = None,
        **options: Any,
    ) -> None:
        self._guard = guard
        self._costing = costing or Costing()
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Create the guarded pools."""
        super().init_poolmanager(*args, **options)
        guard_manager(self.poolmanager, self._guard, self._costing)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the guarded pools of a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        if not known:
            guard_manager(manager, self._guard, self._costing)
        return manager


class GuardedSession(requests.Session):
    """A `Session` whose requests need a guard's permission.

    Args:
        guard: The guard that allows or refuses each call.
        costing: What requests cost.
        options: Those of the `HTTPAdapter`, such as `max_retries`.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        costing: Costing | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        for prefix in ("https://", "http://"):
            self.mount(prefix, GuardAdapter(guard, costing, **options))
