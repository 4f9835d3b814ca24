"""List what the service is made of."""

from dataclasses import dataclass
from typing import Literal

ComponentKind = Literal["actor", "endpoint", "function", "provider", "channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of the service.

    Attributes:
        kind: What sort of part.
        name: What it is called.
        description: What it does, in one line.
    """

    kind: ComponentKind
    name: str
    description: str
