"""What is different between two inventories of one account, in words for humans."""

from collections.abc import Iterator
from decimal import Decimal
from heapq import nlargest

from costmon.domain.money import shown
from costmon.domain.resource import Inventory, Resource

MOST_CHANGES = 10
_LONGEST_NAME = 60


def changes(old: Inventory | None, new: Inventory) -> tuple[str, ...]:
    """Say which resources appeared, left or changed their price, largest amount first.

    At most `MOST_CHANGES` lines: when there is more, the last line says how much more. Nothing is
    said without an `old` inventory to compare with.
    """
    if old is None:
        return ()
    found = list(_differences(old, new))
    if len(found) <= MOST_CHANGES:
        told = nlargest(MOST_CHANGES, found, key=_amount)
        return tuple(words for _, words in told)
    told = nlargest(MOST_CHANGES - 1, found, key=_amount)
    return (*(words for _, words in told), f"and {len(found) - len(told)} smaller changes")


def plain(name: str) -> str:
    """Return a vendor's text as one short line that is safe in a terminal and a log."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:200])
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def _amount(difference: tuple[Decimal, str]) -> Decimal:
    return difference[0]


def _differences(old: Inventory, new: Inventory) -> Iterator[tuple[Decimal, str]]:
    before = {(r.kind, r.id): r for r in old.resources}
    for resource in new.resources:
        known = before.pop((resource.kind, resource.id), None)
        if known is None:
            yield _size(resource), f"{_label(resource)} appeared: {_price(resource, sign='+')}"
        elif (known.monthly_cost, known.currency) != (resource.monthly_cost, resource.currency):
            yield _price_change(known, resource)
    for resource in before.values():
        yield _size(resource), f"{_label(resource)} left: {_price(resource, sign='-')}"


def _price_change(known: Resource, resource: Resource) -> tuple[Decimal, str]:
    words = f"{_label(resource)} changed from {_price(known)} to {_price(resource)}"
    if (
        known.monthly_cost is None
        or resource.monthly_cost is None
        or known.currency != resource.currency
    ):
        return max(_size(known), _size(resource)), words
    return abs(resource.monthly_cost - known.monthly_cost), words


def _label(resource: Resource) -> str:
    facts = ", ".join(plain(fact) for fact in (resource.size, resource.region) if fact)
    name = plain(resource.name or resource.id)
    kind = resource.kind.replace("_", " ")
    return f"{kind} {name} ({facts})" if facts else f"{kind} {name}"


def _price(resource: Resource, sign: str = "") -> str:
    if resource.monthly_cost is None:
        return "price unknown"
    return f"{sign}{shown(resource.monthly_cost)} {resource.currency} a month"


def _size(resource: Resource) -> Decimal:
    return resource.monthly_cost if resource.monthly_cost is not None else Decimal()
