"""`costmon meter record`: start, stop or reset the recording in every worker."""

import argparse
import secrets

from costmon.cli.meter_source import snapshot_from
from costmon.clock import SystemClock
from costmon.meter.dashboard.actions import control_for
from costmon.meter.reporting.source import FileSource

_DONE = {
    "start": "starts a new recording",
    "stop": "stops recording and keeps its figures",
    "reset": "resets its figures",
}


def run(arguments: argparse.Namespace) -> int:
    """Write the command to the file that workers check every second.

    Raises:
        NothingMeasuredError: No such application is measured on this machine.
        OSError: The file cannot be written.
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
