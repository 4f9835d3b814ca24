"""JSON of others, with exact numbers and faults that say where."""

import json
from decimal import Decimal

from costmon.errors import InputError
from costmon.pricing.instances.formats.imported import bounded

# Powers of ten: beyond them products of two prices would leave what decimals can hold.
_FINEST = -20
_MOST = 12


def parsed(text: str) -> object:
    """Return a document; numbers with a point are decimals.

    Raises:
        InputError: It is not JSON, nested too deeply, or has an invalid number.
    """
    try:
        found: object = json.loads(
            bounded(text), parse_float=Decimal, parse_int=_integer, parse_constant=_refused
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        words = (
            str(error)
            if isinstance(error, ValueError)
            else "nested too deeply, or a number is too large"
        )
        raise InputError(f"the price list is not valid JSON: {words[:200]}") from None
    return found


def mapping(value: object, path: str) -> dict[str, object]:
    """Return an object.

    Raises:
        InputError: It is not valid; the error names `path`.
    """
    if not isinstance(value, dict):
        raise InputError(f"the price list has no object at {path}")
    return value


def sequence(value: object, path: str) -> list[object]:
    """Return a list.

    Raises:
        InputError: It is not valid; the error names `path`.
    """
    if not isinstance(value, list):
        raise InputError(f"the price list has no list at {path}")
    return value


def text_at(value: object, path: str) -> str:
    """Return a text.

    Raises:
        InputError: It is not valid; the error names `path`.
    """
    if not isinstance(value, str):
        raise InputError(f"the price list has no text at {path}")
    return value


def number(value: object, path: str) -> Decimal:
    """Return a number of a size that prices and sizes have; it may be 0 or below.

    Raises:
        InputError: It is not valid; the error names `path`.
    """
    if isinstance(value, Decimal) and (not value or _FINEST <= value.adjusted() <= _MOST):
        return value
    raise InputError(f"the price list has no number at {path}")


def _integer(digits: str) -> Decimal:
    return Decimal(digits)


def _refused(word: str) -> object:
    raise ValueError(f"{word} is not a number")
