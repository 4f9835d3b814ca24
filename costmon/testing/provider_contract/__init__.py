"""What every provider keeps to, as tests over real HTTP on loopback.

A provider's test module makes one subclass for each kind of reading that the vendor has; its name
begins with `Test`, it says what the vendor answers, and it gets the cases:

- `InventoryContract`: what exists now,
- `ChargesContract`: what was billed,
- `UsageContract`: quantities,
- `CursorCases`, besides one of these: listings that go on with a cursor.

pytest shows the values of a failed assertion when the subclass's conftest calls
`pytest.register_assert_rewrite("costmon.testing.provider_contract")`.
"""

from costmon.testing.provider_contract.charges import AmountForms, ChargesContract
from costmon.testing.provider_contract.inventory import InventoryContract
from costmon.testing.provider_contract.reading import (
    CursorCases,
    Digits,
    Failure,
    Place,
    ReadingContract,
)
from costmon.testing.provider_contract.usage import UsageContract
from costmon.testing.provider_contract.vendor import ACCOUNT, NOW, Answer, Recording, Vendor

__all__ = [
    "ACCOUNT",
    "NOW",
    "AmountForms",
    "Answer",
    "ChargesContract",
    "CursorCases",
    "Digits",
    "Failure",
    "InventoryContract",
    "Place",
    "ReadingContract",
    "Recording",
    "UsageContract",
    "Vendor",
]
