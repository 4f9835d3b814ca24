"""Cache conversions of amounts to nano-units."""

from collections.abc import Callable

from costmon.domain.amount import Amount

_MOST = 4096


class NanoCache(dict[str, int]):
    """Nano-units by amount as text: a dictionary that fills itself, so that a hit is one look-up.

    Only texts are cached: 1, True and 1.0 would be the same key.
    """

    def __init__(self, convert: Callable[[Amount], int]) -> None:
        super().__init__()
        self._convert = convert

    def of(self, amount: Amount) -> int:
        """Convert an amount of any type to nano-units.

        Raises:
            AmountError: It is not a valid amount.
        """
        return self._convert(amount)

    def __missing__(self, amount: Amount) -> int:
        nano = self._convert(amount)
        if not isinstance(amount, str):
            return nano
        if len(self) >= _MOST:
            self.clear()
        self[amount] = nano
        return nano
