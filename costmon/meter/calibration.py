"""Compare this machine's processor with a cloud's vCPU, for `cpu_factor`.

A fixed piece of Python (dictionary, text, calls and whole numbers, as web handlers are made of) is
run for 0.2 s of this thread's CPU time, in ten parts; the median of the parts is what a round
takes. What a round takes on a cloud's vCPU, divided by that, is the factor.

How good that is: within a process runs differ by 1 %, from one process to the next by up to 7 %. A
Python that was built without optimisations took 30 % longer on the same processor, which is as it
should be: so do the handlers. The reference is the weak part. It is one core of one recent cloud
machine, and many a vCPU that is rented today is half of an older core, at about half the pace. So
what is meant may lie between 0.8 and 2 times the factor, and that is what is said. To do better,
run the same on a machine of the type that is meant, with the Python that is meant, and give what a
round took there as the reference: then 10 % is left.
"""

import sys
from collections.abc import Callable
from decimal import Context, Decimal
from time import thread_time_ns
from typing import NamedTuple

from costmon.errors import InputError

REFERENCE = "one core of an AMD EPYC 9004 as a KVM vCPU, Debian's CPython 3.11"
REFERENCE_NS = Decimal(128)
"""What a round takes on the reference; measured in November 2026 in four processes: 127 to 129."""

BUDGET_S = 0.2

_PARTS = 10
_ROUNDS = 500
_MOST_BATCHES = 100_000
_UNSURE = (Decimal("0.8"), Decimal(2))
_UNSURE_OF_OWN = (Decimal("0.9"), Decimal("1.1"))
_KEYS = 64
_SHOWN = Decimal("0.01")
_THREE_DIGITS = Context(prec=3)
_NS = 1_000_000_000


class Calibration(NamedTuple):
    """What this machine's processor is worth in a cloud's.

    Attributes:
        cpu_factor: CPU seconds that the reference needs for one of this machine.
        low: The factor may be as low as this.
        high: It may be as high as this.
        ns_per_round: What a round took here.
        rounds: That were run.
        reference_ns: What a round takes on the reference.
        reference: What that is, in words.
        python: The version that ran.
        text: How it was found and how good it is, in sentences.
    """

    cpu_factor: Decimal
    low: Decimal
    high: Decimal
    ns_per_round: Decimal
    rounds: int
    reference_ns: Decimal
    reference: str
    python: str
    text: str


def calibrate(
    *, reference_ns: Decimal | None = None, read_ns: Callable[[], int] = thread_time_ns
) -> Calibration:
    """Run for 0.2 s of CPU time, and return the factor.

    Args:
        reference_ns: `ns_per_round` of a calibration on the machine that is meant; `None`: the
            reference that comes with costmon.
        read_ns: CPU time of this thread.

    Raises:
        InputError: The reference is not above 0, or this thread's CPU clock stands still.
    """
    if reference_ns is not None and not (reference_ns.is_finite() and reference_ns > 0):
        raise InputError(f"reference_ns={reference_ns}: accepted: nanoseconds above 0")
    parts = [_part(read_ns) for _ in range(_PARTS)]
    by_pace = sorted(Decimal(spent_ns) / rounds for spent_ns, rounds in parts)
    here_ns = (by_pace[_PARTS // 2 - 1] + by_pace[_PARTS // 2]) / 2
    wanted_ns = REFERENCE_NS if reference_ns is None else reference_ns
    least, most = _UNSURE if reference_ns is None else _UNSURE_OF_OWN
    factor = wanted_ns / here_ns
    low, high = _THREE_DIGITS.multiply(factor, least), _THREE_DIGITS.multiply(factor, most)
    shown = _THREE_DIGITS.plus(factor)
    name = REFERENCE if reference_ns is None else "the machine that was measured before"
    python = ".".join(str(part) for part in sys.version_info[:3])
    advice = (
        ", since types of machines differ: run this on the type that is meant, and give its "
        "figure as the reference."
        if reference_ns is None
        else ", if the same Python runs on both."
    )
    return Calibration(
        cpu_factor=shown,
        low=low,
        high=high,
        ns_per_round=here_ns.quantize(_SHOWN),
        rounds=sum(rounds for _, rounds in parts),
        reference_ns=wanted_ns,
        reference=name,
        python=python,
        text=(
            f"A round of the test loop took {here_ns:.1f} ns of CPU time here (Python {python}), "
            f"and takes {wanted_ns:.1f} ns on {name}. The factor is {shown}; it may be "
            f"anything from {low} to {high}{advice}"
        ),
    )


def _part(read_ns: Callable[[], int]) -> tuple[int, int]:
    """Run a tenth of the budget; return the CPU time it took in ns, and the rounds."""
    began = read_ns()
    for batch in range(1, _MOST_BATCHES + 1):
        _work(_ROUNDS)
        spent_ns = read_ns() - began
        if spent_ns * _PARTS >= BUDGET_S * _NS:
            return spent_ns, batch * _ROUNDS
    raise InputError(
        "this thread's CPU clock stands still, so this machine cannot be calibrated here: "
        "set cpu_factor by hand"
    )


def _work(rounds: int) -> int:
    found: dict[str, int] = {}
    for number in range(rounds):
        key = f"k{number % _KEYS}"
        found[key] = found.get(key, 0) + len(key)
    return sum(found.values())
