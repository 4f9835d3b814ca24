"""Let tasks that a request starts count for it, whatever loop they run on.

The loop's task factory is the documented place for that; one that was there before is still asked.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from costmon.meter.measuring.measure import CURRENT
from costmon.meter.measuring.steps import Followed

_Factory = Callable[..., Any]


class FollowingFactory:
    """Makes tasks as they were made before, of coroutines that are measured."""

    __slots__ = ("__weakref__", "before")

    def __init__(self, before: _Factory | None) -> None:
        self.before = before

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        **options: Any,
    ) -> Any:
        """Return the task."""
        context = options.get("context")
        measure = CURRENT.get() if context is None else context.get(CURRENT)
        if measure is not None and measure.is_followed:
            coroutine = Followed(coroutine, measure)
        if self.before is not None:
            return self.before(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)


def follow_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Install the factory on a loop, again when somebody else has replaced it."""
    factory = loop.get_task_factory()
    if type(factory) is not FollowingFactory:
        loop.set_task_factory(FollowingFactory(factory))


def leave_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Put back the factory that was there before ours."""
    factory = loop.get_task_factory()
    if isinstance(factory, FollowingFactory):
        loop.set_task_factory(factory.before)
