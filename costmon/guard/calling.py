"""The calling half of `Guard`: health, retries, deliveries, client libraries."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from costmon.clock import EpochClock
from costmon.guard.errors import CallRefused
from costmon.guard.notices import Notices
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.base import Store

if TYPE_CHECKING:
    from costmon.guard.attempt import Reserver
    from costmon.guard.clients.costing import Costing
    from costmon.guard.clients.gatekeeper import Gatekeeper
    from costmon.guard.health.health import Health
    from costmon.guard.install import Installation
    from costmon.guard.off_loop import OffLoop
    from costmon.guard.records import Records
    from costmon.guard.retries.retrier import Retrier

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Calling(ABC):
    """Health, retries, records and wrappers of a guard, each created when first used."""

    clock: EpochClock
    currency: str
    rng: random.Random
    store: Store
    _notices: Notices
    _rulebook: Rulebook

    def __init__(self, *, judges_hosts: bool = True) -> None:
        self._judges_hosts = judges_hosts
        self._making = threading.RLock()
        self._health: Health | None = None
        self._retrier: Retrier | None = None
        self._off_loop: OffLoop | None = None
        self._attentive = False

    @property
    def off_loop(self) -> "OffLoop":
        """Return the threads in which coroutines use the store."""
        from costmon.guard.off_loop import OffLoop

        with self._making:
            if self._off_loop is None:
                self._off_loop = OffLoop(self._may_block)
                # The ends of earlier calls are recorded before the next call.
                self._attentive = self._attentive or self._may_block()
            return self._off_loop

    @property
    def health(self) -> "Health":
        """Return the health of hosts, which refuses calls to those in quarantine."""
        from costmon.guard.health.health import Health

        with self._making:
            if self._health is None:
                self._health = Health(
                    self.store,
                    clock=self.clock,
                    rng=self.rng,
                    tell=self._notices.tell,
                    noted=self._noted,
                    enabled=self._judges_hosts,
                )
            return self._health

    @property
    def retries(self) -> "Retrier":
        """Return the retrier; its `policy` and `budget` may be replaced."""
        from costmon.guard.retries.retrier import Retrier

        with self._making:
            if self._retrier is None:
                self._retrier = Retrier(
                    self._reserver(),
                    self.health,
                    clock=self.clock,
                    rng=self.rng,
                    noted=self._noted,
                )
            return self._retrier

    @property
    def records(self) -> "Records":
        """Return costs, health and configuration by host and by period, as records."""
        from costmon.guard.records import Records

        return Records(self.store, rulebook=self._rulebook, health=self.health, clock=self.clock)

    def retry(self, host: str, fn: Callable[[], T], **options: Any) -> T:
        """Call `fn`, and retry it while it fails and retries are allowed; see `Retrier.run`."""
        return self.retries.run(host, fn, **options)

    async def aretry(self, host: str, fn: Callable[[], Awaitable[T]], **options: Any) -> T:
        """Do as `retry` does in asyncio; see `Retrier.arun`."""
        return await self.retries.arun(host, fn, **options)

    def deliver(self, fn: F, **options: Any) -> F:
        """Return `fn(instance_url, activity_json)` guarded by the budgets; see `Deliverer.wrap`."""
        from costmon.guard.delivery import Deliverer

        deliverer = Deliverer(self._reserver(), self.health, self.retries, clock=self.clock)
        return deliverer.wrap(fn, **options)

    def install(self, costing: "Costing | None" = None) -> "Installation":
        """Guard all supported client libraries of this program; see `costmon.guard.install`."""
        from costmon.guard.install import install

        return install(cast("Gatekeeper", self), costing)

    def refuse(self, refused: CallRefused) -> CallRefused:
        """Count a refusal, and return it."""
        return self._noted(refused, self.clock.epoch_s())

    def price_notice(self, kind: str, name: str, text: str) -> None:
        """Tell something about the price of calls of one name, once."""
        self._notices.tell("unpriced", "global", f"{name}: {text}", once=(kind, name))

    def learnt_model(self, deployment: str) -> str | None:
        """Return the model that answered for a deployment of any guard on the store."""
        return self.store.read("model", deployment)

    def learn_model(self, deployment: str, model: str) -> None:
        """Remember the model that answered for a deployment, for all guards on the store."""
        self.store.update("model", deployment, lambda _: model)

    @abstractmethod
    def _may_block(self) -> bool:
        """Return whether using the store or the service may take long."""

    @abstractmethod
    def _reserver(self) -> "Reserver":
        """Return the guard itself."""

    def _noted(self, refused: CallRefused, at_s: float) -> CallRefused:
        """Count a refusal made at a second since 1970, and return it."""
        if self._notices.refuse(refused, refused.reason, refused.scope, at_s):
            self._tell(refused)
        return refused

    def _tell(self, refused: CallRefused) -> None:
        self._notices.tell("refused", refused.scope, str(refused))
