"""What vendors tell of the fixed prices they charge next, in the details of resources.

A resource has one of the three dates, `price` or `renewal_price` such as `11.99 USD`, and `period`
such as `1 year` or `P12M`. Whatever has them is reminded of as a manual entry is.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from costmon.domain.amount import is_number
from costmon.domain.resource import Resource
from costmon.domain.subscription import Subscription

FIRST_BILLING = "first_billing"
NEXT_BILLING = "next_billing"
ENDS = "ends"
PRICE = "price"
RENEWAL_PRICE = "renewal_price"
PERIOD = "period"

_DATES = {FIRST_BILLING, NEXT_BILLING, ENDS}
# Further ahead, an anniversary within a period of several years would be taken for its end.
_SOON = dt.timedelta(days=60)
_PERIOD = re.compile(r"P?(?P<number>\d{1,4}) ?(?P<unit>[MY])", re.IGNORECASE)
_MONTHS = 12
_CURRENCY = re.compile("[A-Z]{3}")


def renewing(
    resources: Iterable[Resource], entries: Iterable[Subscription], today: dt.date
) -> Iterator[Subscription]:
    """Return what vendors charge or end soon; those whose price is not known are left out.

    Args:
        resources: Of all accounts.
        entries: The manual entries: one of the same vendor and name replaces what the vendor tells.
        today: In people's time zone.
    """
    dated = [
        (one, details) for one in resources if not _DATES.isdisjoint(details := dict(one.details))
    ]
    names = Counter((one.provider, one.name) for one, _ in dated)
    known = {(one.provider, one.name) for one in entries}
    for one, details in dated:
        kind = min(_DATES & details.keys())
        due, price = _date(details[kind]), _price(details)
        if due is None or price is None or (one.provider, one.name) in known:
            continue
        if today <= due <= today + _SOON:
            is_unique = names[one.provider, one.name] == 1
            yield Subscription(
                name=one.name if is_unique else f"{one.name} ({one.id})",
                provider=one.provider,
                service=one.kind,
                amount=price[0],
                currency=price[1],
                per="year" if _is_yearly(details.get(PERIOD, "")) else "month",
                since=due if kind == FIRST_BILLING else None,
                until=due if kind == ENDS else None,
                renews_on=due,
            )


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _price(details: Mapping[str, str]) -> tuple[Decimal, str] | None:
    amount, _, currency = details.get(RENEWAL_PRICE, details.get(PRICE, "")).partition(" ")
    try:
        price = Decimal(amount)
    except InvalidOperation:
        return None
    is_price = is_number(price) and price >= 0 and _CURRENCY.fullmatch(currency)
    return (price, currency) if is_price else None


def _is_yearly(period: str) -> bool:
    found = _PERIOD.match(period)
    if found is None:
        return False
    number = int(found["number"])
    return number >= _MONTHS if found["unit"] in "mM" else number > 0
