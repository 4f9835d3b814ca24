"""Pictures and videos that are paid by the piece or by the second, by what a request asks for.

Their answers have no usage. Where the size or the quality makes a price, the list names the model
with them: `hd/1024x1792/dall-e-3`, `4k/veo-3.1-generate`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from costmon.guard.usage_parsing.usage import NoCountError, seconds_of
from costmon.pricing.llm import LlmUsage, Rates

WIRES = frozenset(("images", "predict", "videos"))

# What a request asks for that does not say it.
_USUAL_SECONDS = {"videos": Decimal(4), "predict": Decimal(8)}
_USUAL_PICTURES = {"images": 1, "predict": 4}
_LONGEST = 20


def names_of(wire: str, fields: Mapping[str, Any], family: str) -> tuple[str, ...]:
    """Return the names of a model with what is asked of it, the most exact first."""
    if wire not in WIRES:
        return ()
    asked = {**_parameters(fields), **fields}
    quality = _word(asked.get("quality") or asked.get("resolution"))
    size = _word(asked.get("size"))
    both = f"{quality}/{size}" if quality and size else ""
    return tuple(f"{one}/{family}" for one in (both, size, quality) if one)


def pieces_of(wire: str, fields: Mapping[str, Any], choices: int, rates: Rates) -> LlmUsage | None:
    """Return the pictures or the seconds of video of a request; `None`: not paid so."""
    asked = {**_parameters(fields), **fields}
    if rates.pictures is not None and wire in _USUAL_PICTURES:
        said = any(asked.get(name) is not None for name in ("n", "sampleCount", "numberOfImages"))
        return LlmUsage(pictures=choices if said else _USUAL_PICTURES[wire])
    if rates.seconds is not None and wire in _USUAL_SECONDS:
        try:
            seconds = seconds_of(asked, "seconds", "durationSeconds")
        except NoCountError:
            seconds = Decimal(0)  # the vendor will refuse it
        return LlmUsage(seconds=(seconds or _USUAL_SECONDS[wire]) * choices)
    return None


def _parameters(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    found = fields.get("parameters")
    return found if isinstance(found, dict) else {}


def _word(value: object) -> str:
    return value.lower() if isinstance(value, str) and len(value) <= _LONGEST else ""
