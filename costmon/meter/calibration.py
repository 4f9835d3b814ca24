"""Compare this machine's CPU with a cloud vCPU, to set `cpu_factor`.

A fixed loop of Python (dictionaries, text, calls and integers, as in web handlers) runs for 0.2 s
of this thread's CPU time, in ten parts; the median of the parts is the time of a round. The time of
a round on a cloud vCPU, divided by that, is the factor.

Accuracy: runs differ by 1 % within a process, and by up to 7 % between processes. A Python built
without optimisations took 30 % longer on the same CPU, which is correct, since handlers take longer
too. The reference is the weak part: it is one core of one recent cloud machine, while many vCPUs on
offer are half of an older core, at about half the speed. So the actual value may be between 0.8 and
2 times the factor, and the result says so. For a better figure, calibrate on a machine of the
target type, with the same Python, and use its time per round as the reference: then the error is
about 10 %.
"""

import sys
from collections.abc import Callable
from decimal import Context, Decimal
from time import thread_time_ns
from typing import NamedTuple

from costmon.errors import InputError

REFERENCE = "one core of an AMD EPYC 9004 as a KVM vCPU, Debian's CPython 3.11"
REFERENCE_NS = Decimal(128)
"""Time of a round on the reference; measured in November 2026 in four processes: 127 to 129."""

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
    """The result of a calibration.

    Attributes:
        cpu_factor: CPU seconds on the reference for one CPU second on this machine.
        low: Lower bound of the factor.
        high: Upper bound of the factor.
        ns_per_round: Time of a round on this machine.
        rounds: Number of rounds that were run.
        reference_ns: Time of a round on the reference.
        reference: Description of the reference.
        python: The Python version.
        text: The result and its accuracy, in full sentences.
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
        reference_ns: `ns_per_round` of a calibration on the target machine; `None`: the built-in
            reference.
        read_ns: CPU time of this thread.

    Raises:
        InputError: The reference is not above 0, or this thread's CPU clock does not advance.
    """
    if reference_ns is not None and not (reference_ns.is_finite() and reference_ns > 0):
        raise InputError(
            f"reference_ns={reference_ns} is not valid: use a number of nanoseconds above 0"
        )
    parts = [_part(read_ns) for _ in range(_PARTS)]
    by_pace = sorted(Decimal(spent_ns) / rounds for spent_ns, rounds in parts)
    here_ns = (by_pace[_PARTS // 2 - 1] + by_pace[_PARTS // 2]) / 2
    wanted_ns = REFERENCE_NS if reference_ns is None else reference_ns
    least, most = _UNSURE if reference_ns is None else _UNSURE_OF_OWN
    factor = wanted_ns / here_ns
    low, high = _THREE_DIGITS.multiply(factor, least), _THREE_DIGITS.multiply(factor, most)
    shown = _THREE_DIGITS.plus(factor)
    name = REFERENCE if reference_ns is None else "the reference machine"
    python = ".".join(str(part) for part in sys.version_info[:3])
    advice = (
        ", since machine types differ. For a better figure, run this on the target machine "
        "type and use its ns per round as the reference."
        if reference_ns is None
        else ", provided that the same Python runs on both machines."
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
            f"One round of the test loop took {here_ns:.1f} ns of CPU time here (Python {python}) "
            f"and takes {wanted_ns:.1f} ns on {name}. The factor is {shown}; the actual value "
            f"may be anywhere from {low} to {high}{advice}"
        ),
    )


def _part(read_ns: Callable[[], int]) -> tuple[int, int]:
    """Run for a tenth of the budget; return the CPU time in ns and the number of rounds."""
    began = read_ns()
    for batch in range(1, _MOST_BATCHES + 1):
        _work(_ROUNDS)
        spent_ns = read_ns() - began
        if spent_ns * _PARTS >= BUDGET_S * _NS:
            return spent_ns, batch * _ROUNDS
    raise InputError(
        "the CPU clock of this thread does not advance, so this machine cannot be calibrated: "
        "set cpu_factor by hand"
    )


def _work(rounds: int) -> int:
    found: dict[str, int] = {}
    for number in range(rounds):
        key = f"k{number % _KEYS}"
        found[key] = found.get(key, 0) + len(key)
    return sum(found.values())
