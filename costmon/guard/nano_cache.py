"""Turn the same few amounts into nano-units quickly, again and again."""

from collections.abc import Callable

from costmon.domain.amount import Amount

_MOST = 4096


class NanoCache(dict[str, int]):
    """Nano-units by amount as text: a dictionary that fills itself, so that a hit is one look-up.

    Only texts are kept: 1, True and 1.0 would be one key.
    """

    def __init__(self, convert: Callable[[Amount], int]) -> None:
        super().__init__()
        self._convert = convert

    def of(self, amount: Amount) -> int:
        """Return nano-units of an amount of any kind.

        Raises:
            AmountError: It is none.
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
