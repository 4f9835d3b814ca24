"""Background threads of a metered application: the reporter and, if enabled, the dashboard."""

from collections.abc import Callable

from costmon.clock import SystemClock
from costmon.meter.options import Options
from costmon.meter.reporting.reporter import Reporter
from costmon.meter.reporting.source import FileSource, Metered


class Background:
    """The background threads of one process's meter."""

    def __init__(
        self,
        meter: Metered,
        options: Options,
        service: str,
        fail: Callable[[str, BaseException], None],
    ) -> None:
        """Start the threads.

        Args:
            meter: The meter to report and show.
            options: Options with the port and the prices.
            service: The application's name.
            fail: Called with each internal error.
        """
        self._reporter = Reporter(meter, fail=fail)
        self._reporter.start()
        self._dashboard = None
        if options.port is not None:
            # Importing the server takes time that applications without a dashboard need not spend.
            from costmon.meter.dashboard.projecting import projector
            from costmon.meter.dashboard.server import Dashboard
            from costmon.meter.price_list import prices_of

            self._dashboard = Dashboard(
                FileSource(own=meter),
                service=f"{service} in {options.place}" if options.place else service,
                port=options.port,
                project=projector(prices_of, SystemClock()),
            )
            self._dashboard.start()

    def flush(self) -> None:
        """Report now."""
        self._reporter.flush()

    def stop(self) -> None:
        """Stop the dashboard, report the last figures and end the threads."""
        if self._dashboard is not None:
            self._dashboard.stop()
        self._reporter.stop()
