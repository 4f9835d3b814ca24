"""A program that calls a paid API under a guard, and gets into a loop after a while.

`python -m costmon.demo.program SERVICE BURN_AFTER_S` runs until its standard input ends. It pays 24
cents an hour at first, a hundred times that in the loop. Its calls go nowhere; its guard is real:
it reports to the service and obeys its circuits.
"""

import sys
import threading

from costmon.clock import SystemClock
from costmon.demo.past import APP, CALL_EVERY_S, CALL_USD, SCOPES
from costmon.guard import CallRefused, Guard

LOOP_CALL_USD = "0.002"
LOOP_EVERY_S = 0.1
_AGAIN_S = 1.0


def run(service: str, burn_after_s: float, ended: threading.Event) -> None:
    """Call until `ended` is set.

    Args:
        service: Where the guard reports, such as `unix:/path/report.sock`.
        burn_after_s: Seconds after which the loop begins.
        ended: Ends it.
    """
    clock = SystemClock()
    burns_at_s = clock.monotonic_s() + burn_after_s
    with Guard(service=service, app=APP) as guard:
        pause_s = 0.0
        while not ended.wait(pause_s):
            burns = clock.monotonic_s() >= burns_at_s
            cost, pause_s = (LOOP_CALL_USD, LOOP_EVERY_S) if burns else (CALL_USD, CALL_EVERY_S)
            try:
                with guard.reserve(SCOPES, cost, activity="completion") as lease:
                    lease.settle(cost)
            except CallRefused:
                pause_s = _AGAIN_S


def main(arguments: list[str]) -> None:
    """Run until standard input ends: it does when the service is gone, however that ended."""
    service, burn_after_s = arguments
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    run(service, float(burn_after_s), ended)


if __name__ == "__main__":
    main(sys.argv[1:])
