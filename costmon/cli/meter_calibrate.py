"""`costmon meter calibrate`: compare this machine's CPU with a cloud vCPU."""

import argparse
from decimal import Decimal, InvalidOperation

from costmon.cli.guard_tables import to_json
from costmon.errors import InputError
from costmon.meter.calibration import calibrate


def run(arguments: argparse.Namespace) -> int:
    """Use 0.2 s of CPU time and print the factor.

    Raises:
        InputError: `--reference-ns` is not valid.
    """
    text = arguments.reference_ns
    found = calibrate(reference_ns=None if text is None else _nanoseconds(text))
    if arguments.json:
        print(to_json(found._asdict()))
        return 0
    print(f"cpu_factor {found.cpu_factor} ({found.low} to {found.high})")
    print(f"ns per round {found.ns_per_round}")
    print(found.text)
    return 0


def _nanoseconds(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(
            f"--reference-ns {text!r} is not a number: use the `ns per round` that "
            "`costmon meter calibrate` printed on the target machine"
        ) from None
