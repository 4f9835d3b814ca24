"""All children of the supervisor, and how to find one."""

from collections.abc import Iterator, Sequence

from costmon.actors.child import Child
from costmon.domain.child import ChildStatus


class Children:
    """All children of a supervisor, in start order."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = tuple(children)

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children)

    def __reversed__(self) -> Iterator[Child]:
        return reversed(self._children)

    @property
    def known(self) -> tuple[str, ...]:
        """Every name and every role, sorted."""
        return tuple(sorted({name for child in self for name in (child.name, child.role)}))

    def matching(self, wanted: object) -> tuple[Child, ...]:
        """Return the child of that full name, else all of that role; nobody for any other value."""
        named = tuple(child for child in self if child.name == wanted)
        return named or tuple(child for child in self if child.role == wanted)

    def holder(self, name: str, generation: int) -> Child | None:
        """Return the child if that is its present incarnation, not one that was replaced."""
        for child in self:
            if child.name == name and child.mailbox.holder == generation:
                return child
        return None

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Return the status of each."""
        return tuple(child.status() for child in self)
