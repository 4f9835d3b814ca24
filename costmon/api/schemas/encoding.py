"""Encode answers as JSON: money is a number with two decimals, `null` is "unknown", never 0."""

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import msgspec

from costmon.domain.money import shown
from costmon.intake.answer import Answer

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(answer: Answer | Sequence[Answer]) -> bytes:
    """Return an answer as JSON; half a surrogate pair, which UTF-8 has no form for, becomes `?`."""
    try:
        return _encoder.encode(answer)
    except UnicodeEncodeError:
        return _encoder.encode(_mended(answer))


def encoded_amount(amount: Decimal) -> Decimal:
    """Return an amount as it is shown, encoded already: msgspec copies it into what it encodes.

    It stands where a `Decimal` stands in an answer, so that a figure that thousands of rows share
    is rounded and written out once.
    """
    return cast("Decimal", msgspec.Raw(_encoder.encode(shown(amount))))


def _mended(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list():
            return [_mended(item) for item in value]
        case msgspec.Struct():
            fields = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            return {shown: _mended(getattr(value, name)) for shown, name in fields}
        case _:
            return value
