"""What runs beside a metered application: a reporter, and a dashboard where one is wanted."""

from collections.abc import Callable

from costmon.clock import SystemClock
from costmon.meter.options import Options
from costmon.meter.reporting.reporter import Reporter
from costmon.meter.reporting.source import FileSource, Metered


class Background:
    """The threads of one process's meter."""

    def __init__(
        self,
        meter: Metered,
        options: Options,
        service: str,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        """Start them.

        Args:
            meter: What is reported and shown.
            options: Which port, and which prices.
            service: The application's name.
            fail: Told of what goes wrong.
        """
        self._reporter = Reporter(meter, fail=fail)
        self._reporter.start()
        self._dashboard = None
        if options.port is not None:
            # Only who has a dashboard waits for its server to be imported.
            from costmon.meter.dashboard.projecting import projector
            from costmon.meter.dashboard.server import Dashboard
            from costmon.meter.price_list import prices_of

            self._dashboard = Dashboard(
                FileSource(own=meter),
                service=service,
                port=options.port,
                project=projector(prices_of, SystemClock()),
            )
            self._dashboard.start()

    def flush(self) -> None:
        """Report now."""
        self._reporter.flush()

    def stop(self) -> None:
        """Serve no dashboard any more, report what is left, and end the threads."""
        if self._dashboard is not None:
            self._dashboard.stop()
        self._reporter.stop()
