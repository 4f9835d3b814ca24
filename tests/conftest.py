"""Fences around every test: no network but loopback, no thread left behind, no environment."""

import gc
import ipaddress
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from importlib.util import find_spec

import pytest
import structlog

from costmon.providers import catalog

pytest.register_assert_rewrite("costmon.testing.provider_contract")

_RESERVED = catalog.declarations().reserved_prefixes()
_KNOWN = catalog.declarations().known_names(())
_REFUSED: list[str] = []
_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


if find_spec("hypothesis") is not None:  # `make floors` and `make compat` do without
    import hypothesis

    # How long an example takes depends on the load of the machine; pytest has a time-out. The suite
    # tries the same examples each time, so that no run fails by luck; `make soak` looks for others.
    hypothesis.settings.register_profile("costmon", deadline=None, derandomize=True, database=None)
    hypothesis.settings.register_profile("explore", deadline=None)
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "costmon"))


# Twelve thousand collected tests live to the end: looking for garbage among them, while they are
# collected and ever after, takes longer than many of the tests.
gc.disable()


def pytest_collection_modifyitems(items):
    """Begin with the files that start processes: they take longest, and mostly wait."""
    waiting = {item.path for item in items if item.get_closest_marker("process") is not None}
    items.sort(key=lambda item: item.path not in waiting)


def pytest_collection_finish():
    """Collect garbage again, but only what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_configure():
    """Let SIGINT be heard: a shell ignores it in what it starts in the background, and so do we."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_local(host: object) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if text in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, args: tuple[object, ...]) -> None:
    """Refuse what would leave this machine; an audit hook also sees what swallows the refusal."""
    if event in _CONNECTING:
        target = args[1]
        if target is None or not isinstance(target, tuple) or _is_local(target[0]):
            return  # connected before, or a Unix socket
    elif event in _RESOLVING:
        target = args[0]
        if _is_local(target):
            return
    else:
        return
    _REFUSED.append(f"{event} {target!r}")
    message = f"a test may not reach {target!r}"
    raise OSError(message)


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _no_network():
    """Fail the test that tried to leave loopback, even when the code hid the refusal."""
    _REFUSED.clear()
    yield
    tried = list(_REFUSED)
    _REFUSED.clear()
    assert not tried, f"left loopback: {tried}"


@pytest.fixture(autouse=True)
def _no_leaked_threads():
    """Fail the test that leaves a thread behind, by the thread's name."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5.0
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in set(threading.enumerate()) - before)
    assert not left, f"threads left behind: {left}"


@pytest.fixture(scope="session")
def _runtime_folder():
    """A folder in place of the user's: meters leave files in it, servers their sockets."""
    with tempfile.TemporaryDirectory(prefix="costmon-run-") as folder:
        yield folder


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, _runtime_folder):
    """Hide the developer's own settings; fail the test that changes the environment for others."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_RESERVED) or name in _KNOWN or name == "NOTIFY_SOCKET":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", _runtime_folder)
    yield
    monkeypatch.undo()
    after = dict(os.environ)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    changed.discard("PYTEST_CURRENT_TEST")
    for name in changed:
        if name in before:
            os.environ[name] = before[name]
        else:
            del os.environ[name]
    assert not changed, f"environment left changed: {sorted(changed)}"


@pytest.fixture(autouse=True)
def _own_logging():
    """Forget a logging set-up that a test made."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("costmon.guard").setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    # pytest puts warnings.showwarning back after each test, and logging does not notice: it would
    # believe for ever that it captures warnings.
    logging.captureWarnings(capture=False)
