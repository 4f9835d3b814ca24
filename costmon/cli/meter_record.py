"""`costmon meter record`: start, stop or reset the recording of an application's workers."""

import argparse
import secrets

from costmon.cli.meter_source import snapshot_from
from costmon.clock import SystemClock
from costmon.meter.dashboard.actions import control_for
from costmon.meter.reporting.source import FileSource

_DONE = {
    "start": "will start a new recording",
    "stop": "will stop recording and keep its figures",
    "reset": "will reset its recording",
}


def run(arguments: argparse.Namespace) -> int:
    """Leave the order where workers look each second.

    Raises:
        NothingMeasuredError: No such application is measured here.
        OSError: The order cannot be written.
    """
    seen = snapshot_from(None, arguments.service)
    control = control_for(
        arguments.do,
        seen,
        recording=secrets.token_hex(8),
        issued_at=SystemClock().epoch_s(),
    )
    FileSource().order(seen.service, control)
    print(f"{seen.service} {_DONE[arguments.do]} within a second or two")
    return 0
