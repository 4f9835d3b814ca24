"""Attribute asyncio tasks to the request that starts them.

This uses the loop's task factory; a previous factory is still called.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from costmon.meter.measuring.measure import CURRENT
from costmon.meter.measuring.steps import Followed

_Factory = Callable[..., Any]


class FollowingFactory:
    """A task factory that wraps coroutines to measure them."""

    __slots__ = ("__weakref__", "before")

    def __init__(self, before: _Factory | None) -> None:
        self.before = before

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        **options: Any,
    ) -> Any:
        """Create a task."""
        context = options.get("context") if options else None
        measure = CURRENT.get() if context is None else context.get(CURRENT)
        if measure is not None and measure.is_followed:
            coroutine = Followed(coroutine, measure)
        if self.before is not None:
            return self.before(loop, coroutine, **options)
        if not options:
            return asyncio.Task(coroutine, loop=loop)
        return asyncio.Task(coroutine, loop=loop, **options)


def follow_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Install the factory on a loop, also if another one has replaced it."""
    factory = loop.get_task_factory()
    if type(factory) is not FollowingFactory:
        loop.set_task_factory(FollowingFactory(factory))


def leave_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Restore the previous factory."""
    factory = loop.get_task_factory()
    if isinstance(factory, FollowingFactory):
        loop.set_task_factory(factory.before)
