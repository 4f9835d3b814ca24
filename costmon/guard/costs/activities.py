"""Kinds of activities, and the cloud resources that each uses.

`delivery` and `http_request` are transfer only; the others are ActivityPub's, with the reads and
writes of a server that keeps its state in DynamoDB. Inbound ones also invoke a function; outbound
ones are handled by the sender.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from costmon.errors import UnknownActivityError

Direction = Literal["outbound", "inbound"]


class Resources(NamedTuple):
    """What one activity uses, besides transfer.

    Attributes:
        invocations: Invocations of a function.
        reads: Items read from the database.
        writes: Items written to it.
        puts: Objects stored.
        puts_per_attachment: Objects stored for each attachment.
    """

    invocations: int = 0
    reads: int = 0
    writes: int = 0
    puts: int = 0
    puts_per_attachment: int = 0


class Activity(NamedTuple):
    """A kind of activity.

    Attributes:
        name: As in the usage rows.
        outbound: Resources used to send one.
        inbound: Resources used to receive one.
    """

    name: str
    outbound: Resources
    inbound: Resources

    def resources(self, direction: Direction) -> Resources:
        """Return the resources used in a direction."""
        return self.inbound if direction == "inbound" else self.outbound


class Activities:
    """An immutable registry of kinds of activities; `extended` returns a larger one."""

    __slots__ = ("_kinds",)

    def __init__(self, kinds: Iterable[Activity]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __iter__(self) -> Iterator[Activity]:
        return iter(self._kinds.values())

    def get(self, name: str) -> Activity:
        """Return a kind by its name.

        Raises:
            UnknownActivityError: It is unknown; the error lists the known kinds.
        """
        found = self._kinds.get(name)
        if found is None:
            raise UnknownActivityError(str(name)[:60], tuple(sorted(self._kinds)))
        return found

    def extended(self, *kinds: Activity) -> "Activities":
        """Return a registry with more kinds; kinds with a known name replace the old ones."""
        return Activities((*self._kinds.values(), *kinds))


def stored(name: str, *, reads: int, writes: int, puts_per_attachment: int = 0) -> Activity:
    """Return a kind with the same database use in both directions, and a function for inbound."""
    outbound = Resources(reads=reads, writes=writes, puts_per_attachment=puts_per_attachment)
    return Activity(name, outbound, outbound._replace(invocations=1))


_ON_THE_WIRE = (Resources(), Resources(invocations=1))

ACTIVITIES = Activities(
    (
        Activity("delivery", *_ON_THE_WIRE),
        Activity("http_request", *_ON_THE_WIRE),
        stored("Create", reads=0, writes=1, puts_per_attachment=1),
        stored("Follow", reads=1, writes=2),
        # Changing, answering or undoing something reads it first.
        *(
            stored(name, reads=1, writes=1)
            for name in (
                "Like",
                "Announce",
                "Update",
                "Delete",
                "Accept",
                "Reject",
                "Undo",
                "Add",
                "Remove",
                "Block",
            )
        ),
        stored("Flag", reads=0, writes=1),
        stored("Move", reads=2, writes=2),
    )
)
"""Follow, Like, Announce, Update, Delete and Create as published for the reference system."""
