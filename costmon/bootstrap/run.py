"""Run the service until a signal, a failure of its core, or the end of its one cycle."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from costmon.actors.system import StopReport
from costmon.bootstrap.demo import DemoProgram, begin_anew
from costmon.bootstrap.listeners import Listeners
from costmon.bootstrap.schema import prepare_schema
from costmon.bootstrap.service import Service, with_api_urls
from costmon.bootstrap.signals import StopSignals
from costmon.bootstrap.statedir import StateDirectory
from costmon.bootstrap.summary import failed, summary
from costmon.bootstrap.watchdog import Watchdog
from costmon.clock import SystemClock
from costmon.config import Settings
from costmon.console.repl import PromptThread
from costmon.demo import BillingServer, DemoServer

_ONCE_PATIENCE_S = 300.0
_LOOK_S = 0.2

log = structlog.get_logger()


def run(
    settings: Settings,
    *,
    once: bool = False,
    repl: bool = False,
    show_status: Callable[[str], None] = lambda _text: None,
    show_login: Callable[[str], None] = lambda _url: None,
) -> int:
    """Run the service in this process, from the main thread; return the exit code.

    Args:
        settings: What to run.
        once: Poll every account once, write, print the costs, and end; nothing listens.
        repl: Give a Python prompt on this terminal; the service runs on without it.
        show_status: Shows how far the first read of past charges is.
        show_login: Shows a link that signs a browser in, once, to the person who started this.

    Returns:
        0 when everything was delivered and written; 1 when something was left, the core gave up,
        or, with `once`, an account could not be read; 70 when the supervisor itself died.

    Raises:
        StateDirectoryError: The state directory cannot be used, or another service uses it.
        StoreError: The schema is newer than this version, or must be upgraded by hand.
        OSError: An HTTP port cannot be bound.
    """
    stop = StopSignals()
    with StateDirectory(settings.state_dir), _vendors(settings) as told:
        prepare_schema(told)
        watchdog = Watchdog(told.notify_socket)
        service = Service(told, clock=SystemClock(), on_scan=watchdog.alive)
        if told.demo:
            begin_anew(service.store)

        if once:
            return _run_once(service, stop, show_status)
        return _run_until_stopped(
            service, told, watchdog, stop, show_status, show_login=show_login, repl=repl
        )


@contextmanager
def _vendors(settings: Settings) -> Iterator[Settings]:
    """Start the simulated vendors for a demo; a real run needs nothing."""
    if not settings.demo:
        yield settings
        return
    token = settings.accounts[0].token.reveal()
    cloud = DemoServer(SystemClock(), token=token)
    others = BillingServer(SystemClock(), token=token)
    urls = {"digitalocean": cloud.start(), **others.start()}
    try:
        yield with_api_urls(settings, urls)
    finally:
        others.stop()
        cloud.stop()


def _run_once(service: Service, stop: StopSignals, show_status: Callable[[str], None]) -> int:
    service.start()
    waited_s = 0.0
    while not (service.is_polled or stop.requested.is_set() or waited_s > _ONCE_PATIENCE_S):
        if service.system.wait(_LOOK_S):
            break
        waited_s += _LOOK_S
        show_status(service.backfill())
    show_status("")
    snapshot = service.cell.latest()
    report = _stopped(service)
    sys.stdout.write(summary(snapshot) + "\n")
    return _ended(report, report.exit_code or int(failed(snapshot)))


def _run_until_stopped(
    service: Service,
    settings: Settings,
    watchdog: Watchdog,
    stop: StopSignals,
    show_status: Callable[[str], None],
    *,
    show_login: Callable[[str], None],
    repl: bool,
) -> int:
    listeners = Listeners(service, settings)
    listeners.prepare()  # a port in use is reported before anything is polled
    service.start()
    listeners.start()
    watchdog.ready()
    show_login(listeners.login_url())
    program = DemoProgram(settings.report_socket) if settings.demo else None
    if program is not None:
        program.start()
    prompt = (
        PromptThread(listeners.console_handler.ask, history=settings.state_dir / "console_history")
        if repl
        else None
    )
    if prompt is not None:
        prompt.start()
    while not (stop.requested.is_set() or service.system.wait(_LOOK_S)):
        if prompt is None:  # otherwise it has the last line for itself
            show_status(service.backfill())
    show_status("")
    log.info("bootstrap.service_stopping", signal=stop.by)
    watchdog.stopping()
    if program is not None:
        program.stop()
    service.turn_away()
    hanging = listeners.stop()
    if prompt is not None:
        prompt.restore_terminal()
    report = _stopped(service)
    return _ended(report, report.exit_code, hanging=hanging)


def _stopped(service: Service) -> StopReport:
    report = service.stop()
    say = log.info if report.exit_code == 0 else log.error
    say(
        "bootstrap.service_stopped",
        exit_code=report.exit_code,
        undelivered=dict(report.undelivered),
        unstopped=report.unstopped,
    )
    return report


def _ended(report: StopReport, exit_code: int, *, hanging: bool = False) -> int:
    """Return the exit code, or end here when a thread would keep the interpreter alive."""
    if report.unstopped or hanging:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    return exit_code
